//! Signs messages as Standard Webhooks 1.0.0 says.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::error::{Error, Result};

/// The value of `webhook-signature`: HMAC-SHA256 over id, time of the try in seconds since 1970, and body.
pub(super) fn signature(key: &[u8], id: &str, seconds: i64, body: &str) -> Result<String> {
    let mut hash = Hmac::<Sha256>::new_from_slice(key).map_err(Error::internal)?;
    hash.update(format!("{id}.{seconds}.{body}").as_bytes());

    Ok(format!(
        "v1,{}",
        STANDARD.encode(hash.finalize().into_bytes())
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_one_that_the_libraries_of_standard_webhooks_expect() {
        let key = STANDARD
            .decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
            .expect("a key");
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";

        let signed = signature(&key, id, 1_614_265_330, r#"{"test": 2432232314}"#);

        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(signed.expect("a signature"), expected);
    }
}
