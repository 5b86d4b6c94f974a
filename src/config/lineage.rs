//! Lineage: the server that is told of runs by events of OpenLineage.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::secret::{SecretSetting, secret};
use crate::error::{Error, Result};

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lineage {
    /// May hold a password.
    url: Option<SecretString>,
    endpoint: String,
    api_key: Option<SecretString>,
    api_key_file: Option<PathBuf>,
    /// That of the jobs.
    pub namespace: String,
    /// Whether events have the queries of models.
    pub sql: bool,
    disabled: bool,
}

/// Where events go.
#[derive(Debug)]
pub struct LineageReceiver {
    pub url: SecretString,
    pub api_key: Option<SecretString>,
}

impl Lineage {
    /// Whether a server is told of runs.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.url.is_some() && !self.disabled
    }

    /// Reads the key; `None` if no server is told.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] if the file of the key cannot be read, or the url is none. It quotes neither.
    pub fn receiver(&self) -> Result<Option<LineageReceiver>> {
        let Some(url) = self.url.as_ref().filter(|_| self.is_on()) else {
            return Ok(None);
        };
        let url = format!(
            "{}/{}",
            url.expose_secret().trim().trim_end_matches('/'),
            self.endpoint.trim_start_matches('/')
        );
        let is_url = reqwest::Url::parse(&url)
            .is_ok_and(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
        if !is_url {
            return Err(Error::Settings(
                "`lineage.url` is not an address; write one such as `http://marquez:5000`, or correct `OPENLINEAGE_URL`".into(),
            ));
        }
        if self.namespace.trim().is_empty() {
            return Err(Error::Settings(
                "`lineage.namespace` is empty; write the namespace of the jobs, such as `icefront`, or remove it".into(),
            ));
        }
        let api_key = SecretSetting::new(self.api_key.as_ref(), self.api_key_file.as_deref());

        Ok(Some(LineageReceiver {
            url: url.into(),
            api_key: secret("lineage.api_key", api_key)?,
        }))
    }
}
