//! A key: `icf_<id>_<secret>`. Its file has the hash of the whole text, so that nobody can call with what the file says.

use std::fmt::Write as _;

use rand::Rng;
use sha2::{Digest, Sha256};

/// How every key begins, so that scanners of secrets find a leaked one.
pub(super) const PREFIX: &str = "icf_";
const ID_BYTES: usize = 4;
const SECRET_BYTES: usize = 32;

/// A key that was just made.
pub(super) struct NewKey {
    pub(super) id: String,
    /// The whole key. Only its owner may see it.
    pub(super) text: String,
}

/// The hash of a key.
pub(super) type Hash = [u8; 32];

impl NewKey {
    /// Makes a key of 256 random bits.
    pub(super) fn random() -> Self {
        let id = hex(&random::<ID_BYTES>());
        let secret = hex(&random::<SECRET_BYTES>());

        Self {
            text: format!("{PREFIX}{id}_{secret}"),
            id,
        }
    }
}

fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rng().fill_bytes(&mut bytes);

    bytes
}

/// The id of a key. `None` if the text is no key.
pub(super) fn id(key: &str) -> Option<&str> {
    let (id, _) = key.strip_prefix(PREFIX)?.split_once('_')?;

    Some(id)
}

pub(super) fn hash(key: &str) -> Hash {
    Sha256::digest(key).into()
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a text cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(super) fn from_hex(text: &str) -> Option<Hash> {
    let mut hash = Hash::default();
    if text.len() != 2 * hash.len() || !text.is_ascii() {
        return None;
    }
    for (at, byte) in hash.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).ok()?;
    }

    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_keys_are_alike_and_each_has_256_random_bits() {
        let (one, other) = (NewKey::random(), NewKey::random());
        assert_ne!(one.text, other.text);
        let secret = one.text.rsplit_once('_').expect("a secret").1;
        assert_eq!(secret.len() * 4, 256);
        assert_eq!(id(&one.text), Some(one.id.as_str()));
    }

    #[test]
    fn a_hash_is_read_as_it_is_written() {
        let hash = hash("icf_1_2");
        assert_eq!(from_hex(&hex(&hash)), Some(hash));
        for wrong in ["", "00", &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(from_hex(wrong), None, "{wrong}");
        }
    }
}
