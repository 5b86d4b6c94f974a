//! Who calls, and what they may do: keys, tokens, roles. Knows the text of a credential, and nothing of HTTP.

mod audit;
mod command;
mod grant;
mod issuer;
mod key;
mod keys;
mod principal;
mod role;

use std::sync::Arc;

pub use audit::AUDIT;
pub use command::Key;
pub use grant::{Grant, Grants};
pub use principal::Principal;
pub use role::Role;

use self::issuer::Issuer;
use self::key::PREFIX;
use self::keys::Keys;
use crate::config;
use crate::error::{Error, Result};

/// The longest credential that is looked at, in bytes.
const LONGEST_CREDENTIAL: usize = 16_384;

/// How callers show who they are. Without keys and issuers, everybody may do everything.
#[derive(Debug)]
pub struct Auth {
    keys: Option<Keys>,
    issuers: Vec<Arc<Issuer>>,
}

impl Auth {
    /// Reads the file of keys. Asks no issuer yet.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] if a file cannot be read, or a setting is wrong.
    pub fn new(settings: &config::Auth) -> Result<Self> {
        let keys = settings.keys()?.map(Keys::read).transpose()?;
        let issuers = settings
            .issuers()?
            .map(|(name, issuer)| Issuer::new(name, issuer).map(Arc::new))
            .collect::<Result<_>>()?;

        Ok(Self { keys, issuers })
    }

    /// Whether everybody may do everything.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.keys.is_none() && self.issuers.is_empty()
    }

    /// Says who has this credential: a key, or a token of an issuer. `None` is a call without one.
    ///
    /// # Errors
    ///
    /// [`Error::Unauthenticated`] says what to send instead, never whether a part of the credential was right.
    /// [`Error::IssuerUnavailable`] if an issuer's keys are needed and cannot be had.
    pub async fn principal(&self, credential: Option<&str>) -> Result<Principal> {
        if self.is_open() {
            return Ok(Principal {
                name: None,
                grants: Arc::new(Grants::everything()),
            });
        }
        let credential = credential.ok_or_else(|| self.refused("the call has no credentials"))?;
        if credential.len() > LONGEST_CREDENTIAL {
            return Err(self.refused("the credential is too long"));
        }
        if let Some(keys) = self
            .keys
            .as_ref()
            .filter(|_| credential.starts_with(PREFIX))
        {
            let found = keys.find(credential);
            return found.ok_or_else(|| self.refused("the key is unknown, or its time is over"));
        }
        let Some(issuer) = self.issuers.iter().find(|issuer| issuer.made(credential)) else {
            return Err(self.refused(
                "the credential is neither a key nor a token of an issuer that the settings name",
            ));
        };

        issuer
            .principal(credential)
            .await?
            .map_err(|fault| self.refused(&fault))
    }

    fn refused(&self, why: &str) -> Error {
        let what = match (&self.keys, self.issuers.is_empty()) {
            (Some(_), true) => "a key",
            (Some(_), false) => "a key, or a token of your identity provider,",
            (None, _) => "a token of your identity provider",
        };

        Error::Unauthenticated {
            detail: format!("{why}; send {what} as `Authorization: Bearer …`"),
        }
    }
}
