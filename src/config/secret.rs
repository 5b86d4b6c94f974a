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
}

impl Trino {
    /// `None` without password and token.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] if the file of a secret cannot be read.
    pub(crate) fn auth(&self) -> Result<Option<Auth>> {
        let jwt = SecretSetting::new(self.jwt.as_ref(), self.jwt_file.as_deref());
        if let Some(jwt) = secret("trino.jwt", jwt)? {
            return Ok(Some(Auth::Jwt(jwt.expose_secret().to_owned())));
        }
        let password = SecretSetting::new(self.password.as_ref(), self.password_file.as_deref());
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

/// A file's line ends after the secret do not belong to it.
pub(super) fn secret(key: &str, setting: SecretSetting<'_>) -> Result<Option<SecretString>> {
    let (None, Some(path)) = (setting.value, setting.file) else {
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
