//! Secrets, given as a value or as a file, and the addresses and credentials that contain them.

use std::path::Path;

use prusto::auth::Auth;
use secrecy::{ExposeSecret, SecretString};

use super::{Connection, State, Trino};
use crate::error::{Error, Result};
use crate::postgres::{Address, TlsSettings};

/// A secret in the settings: its value, or the file with it.
#[derive(Debug, Clone, Copy)]
pub(super) struct SecretSetting<'a> {
    value: Option<&'a SecretString>,
    file: Option<&'a Path>,
}

impl<'a> SecretSetting<'a> {
    pub(super) fn new(value: Option<&'a SecretString>, file: Option<&'a Path>) -> Self {
        Self { value, file }
    }

    /// Refuses a secret that is given twice: which of them holds would be a guess.
    pub(super) fn check(self, key: &str) -> Result<()> {
        if self.value.is_none() || self.file.is_none() {
            return Ok(());
        }
        let variable = format!("ICEFRONT__{}", key.to_uppercase().replace('.', "__"));

        Err(Error::Settings(format!(
            "`{key}` and `{key}_file` are both set; remove one of them. A variable of the environment counts, too: `{variable}` or `{variable}_FILE`"
        )))
    }
}

impl State {
    /// # Errors
    ///
    /// [`Error::Settings`] if the url is not set, or a file cannot be read.
    pub fn address(&self) -> Result<Address> {
        let tls = TlsSettings {
            mode: self.sslmode,
            root_certificates: self.sslrootcert.clone(),
            certificate: self.sslcert.clone(),
            private_key: self.sslkey.clone(),
        };
        let url = SecretSetting::new(self.url.as_ref(), self.url_file.as_deref());
        let password = SecretSetting::new(self.password.as_ref(), self.password_file.as_deref());

        address("state".into(), url, password, tls)
    }
}

impl Connection {
    /// `name` is the connection's, for messages.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] if the url is not set, or a file cannot be read.
    pub fn address(&self, name: &str) -> Result<Address> {
        let tls = TlsSettings {
            mode: self.sslmode,
            root_certificates: self.sslrootcert.clone(),
            certificate: self.sslcert.clone(),
            private_key: self.sslkey.clone(),
        };
        let url = SecretSetting::new(self.url.as_ref(), self.url_file.as_deref());
        let password = SecretSetting::new(self.password.as_ref(), self.password_file.as_deref());

        address(format!("connections.{name}"), url, password, tls)
    }

    /// Refuses a secret that is given twice. Reads no file.
    pub(super) fn check_secrets(&self, name: &str) -> Result<()> {
        let key = |setting: &str| format!("connections.{name}.{setting}");
        SecretSetting::new(self.url.as_ref(), self.url_file.as_deref()).check(&key("url"))?;

        SecretSetting::new(self.password.as_ref(), self.password_file.as_deref())
            .check(&key("password"))
    }
}

impl Trino {
    /// `None` without password and token.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] if the file of a secret cannot be read.
    pub(crate) fn auth(&self) -> Result<Option<Auth>> {
        let jwt = SecretSetting::new(self.jwt.as_ref(), self.jwt_file.as_deref());
        let password = SecretSetting::new(self.password.as_ref(), self.password_file.as_deref());
        password.check("trino.password")?;
        if let Some(jwt) = secret("trino.jwt", jwt)? {
            return Ok(Some(Auth::Jwt(jwt.expose_secret().to_owned())));
        }
        let password = secret("trino.password", password)?;

        Ok(password.map(|password| {
            Auth::Basic(self.user.clone(), Some(password.expose_secret().to_owned()))
        }))
    }
}

fn address(
    key: String,
    url: SecretSetting<'_>,
    password: SecretSetting<'_>,
    tls: TlsSettings,
) -> Result<Address> {
    let url = secret(&format!("{key}.url"), url)?.ok_or_else(|| {
        Error::Settings(format!(
            "`{key}.url` is not set; set it, or set `{key}.url_file` to the file with it"
        ))
    })?;
    let password = secret(&format!("{key}.password"), password)?;

    Ok(Address {
        key,
        url,
        password,
        tls,
    })
}

/// Reads a secret. A file's line ends after it do not belong to it.
pub(super) fn secret(key: &str, setting: SecretSetting<'_>) -> Result<Option<SecretString>> {
    setting.check(key)?;
    let Some(path) = setting.file else {
        return Ok(setting.value.cloned());
    };
    let fault = |fault: &str| {
        Error::Settings(format!(
            "`{key}_file` names `{}`, which {fault}",
            path.display()
        ))
    };
    let text = std::fs::read_to_string(path).map_err(|cause| {
        fault(&format!(
            "cannot be read: {cause}; correct the path or its rights"
        ))
    })?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(fault("is empty; write the secret into it"));
    }

    Ok(Some(text.to_owned().into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_as_a_value_and_as_a_file_is_refused_with_both_keys() {
        let value = SecretString::from("hunter2");
        let both = SecretSetting::new(Some(&value), Some(Path::new("/secrets/shop")));

        let refused = secret("connections.shop.password", both)
            .expect_err("refused")
            .to_string();

        for part in [
            "`connections.shop.password` and `connections.shop.password_file`",
            "`ICEFRONT__CONNECTIONS__SHOP__PASSWORD`",
        ] {
            assert!(refused.contains(part), "{refused}");
        }
        assert!(!refused.contains("hunter2"), "{refused}");
    }
}
