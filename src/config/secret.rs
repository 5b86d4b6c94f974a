//! Secrets, and what they open: given as they are or by a file that holds them.

use std::path::Path;

use prusto::auth::Auth;
use secrecy::{ExposeSecret, SecretString};

use super::{Connection, State, Trino};
use crate::error::{Error, Result};
use crate::postgres::{Address, TlsSettings};

/// A secret as the settings have it: its value, or the file that holds it.
type Given<'a> = (Option<&'a SecretString>, Option<&'a Path>);

impl State {
    /// Where the state database is.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] when it is not set or a file cannot be read.
    pub fn address(&self) -> Result<Address> {
        let tls = TlsSettings {
            mode: self.sslmode,
            root_certificates: self.sslrootcert.clone(),
            certificate: self.sslcert.clone(),
            private_key: self.sslkey.clone(),
        };
        let url = (self.url.as_ref(), self.url_file.as_deref());
        let password = (self.password.as_ref(), self.password_file.as_deref());

        address("state".into(), url, password, tls)
    }
}

impl Connection {
    /// Where the server is; `name` is the connection's name, for messages.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] when it is not set or a file cannot be read.
    pub fn address(&self, name: &str) -> Result<Address> {
        let tls = TlsSettings {
            mode: self.sslmode,
            root_certificates: self.sslrootcert.clone(),
            certificate: self.sslcert.clone(),
            private_key: self.sslkey.clone(),
        };
        let url = (self.url.as_ref(), self.url_file.as_deref());
        let password = (self.password.as_ref(), self.password_file.as_deref());

        address(format!("connections.{name}"), url, password, tls)
    }
}

impl Trino {
    /// The credentials, where any are set.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] when a file that is to hold them cannot be read.
    pub(crate) fn auth(&self) -> Result<Option<Auth>> {
        let jwt = (self.jwt.as_ref(), self.jwt_file.as_deref());
        if let Some(jwt) = secret("trino.jwt", jwt)? {
            return Ok(Some(Auth::Jwt(jwt.expose_secret().to_owned())));
        }
        let password = (self.password.as_ref(), self.password_file.as_deref());
        let password = secret("trino.password", password)?;

        Ok(password.map(|password| {
            Auth::Basic(self.user.clone(), Some(password.expose_secret().to_owned()))
        }))
    }
}

fn address(key: String, url: Given<'_>, password: Given<'_>, tls: TlsSettings) -> Result<Address> {
    let url = secret(&format!("{key}.url"), url)?.ok_or_else(|| {
        Error::Settings(format!(
            "`{key}.url` is not set; set it, or `{key}.url_file` to a file that holds it"
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

/// A secret, where it is set; of a file all but the ends of lines after it.
fn secret(key: &str, (value, file): Given<'_>) -> Result<Option<SecretString>> {
    let (None, Some(path)) = (value, file) else {
        return Ok(value.cloned());
    };
    let fault = |fault: &str| {
        Error::Settings(format!(
            "`{key}_file` names `{}`, which {fault}",
            path.display()
        ))
    };
    let text = std::fs::read_to_string(path).map_err(|cause| {
        fault(&format!(
            "cannot be read: {cause}; mend the path or its rights"
        ))
    })?;
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(fault("is empty; write the secret into it"));
    }

    Ok(Some(text.to_owned().into()))
}
