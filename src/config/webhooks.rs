//! Webhooks: who is told of what, and how.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use serde::{Deserialize, Serialize};

use super::network::Network;
use super::secret::{SecretSetting, secret};
use crate::error::{Error, Result};

/// What Standard Webhooks writes before the key of a secret.
const SECRET_PREFIX: &str = "whsec_";
/// How long Standard Webhooks allows a key to be, in bytes.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;
const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";
const LONGEST_NAME: usize = 63;

/// A receiver of messages, and of what it is told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    url: Option<SecretString>,
    url_file: Option<PathBuf>,
    secret: Option<SecretString>,
    secret_file: Option<PathBuf>,
    routing_key: Option<SecretString>,
    routing_key_file: Option<PathBuf>,
    pub events: Vec<WebhookEvent>,
    /// Only these pipelines; empty for all.
    #[serde(default)]
    pub pipelines: Vec<String>,
    /// Only these tables and models, by their names in the API; empty for all.
    #[serde(default)]
    pub tables: Vec<String>,
    #[serde(default)]
    pub format: WebhookFormat,
    /// The private networks that the receiver may be in.
    #[serde(default)]
    pub private_networks: Vec<Network>,
}

/// What a webhook can be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(try_from = "String")]
pub enum WebhookEvent {
    /// A run ended by an error.
    #[serde(rename = "run.failed")]
    RunFailed,
    /// A run ended with all its steps done.
    #[serde(rename = "run.succeeded")]
    RunSucceeded,
    /// A table or model became older than its first limit.
    #[serde(rename = "freshness.warn")]
    FreshnessWarn,
    /// A table or model became older than its last limit.
    #[serde(rename = "freshness.error")]
    FreshnessError,
    /// A table or model is young enough again.
    #[serde(rename = "freshness.recovered")]
    FreshnessRecovered,
    /// A run rejected events of a table.
    #[serde(rename = "rejects.appeared")]
    RejectsAppeared,
    /// A run saw that a source differs from its table.
    #[serde(rename = "drift.found")]
    DriftFound,
    /// A model could not be refreshed.
    #[serde(rename = "model.failed")]
    ModelFailed,
}

impl WebhookEvent {
    const ALL: [Self; 8] = [
        Self::RunFailed,
        Self::RunSucceeded,
        Self::FreshnessWarn,
        Self::FreshnessError,
        Self::FreshnessRecovered,
        Self::RejectsAppeared,
        Self::DriftFound,
        Self::ModelFailed,
    ];

    /// Its name in settings, messages and API.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RunFailed => "run.failed",
            Self::RunSucceeded => "run.succeeded",
            Self::FreshnessWarn => "freshness.warn",
            Self::FreshnessError => "freshness.error",
            Self::FreshnessRecovered => "freshness.recovered",
            Self::RejectsAppeared => "rejects.appeared",
            Self::DriftFound => "drift.found",
            Self::ModelFailed => "model.failed",
        }
    }

    /// Whether it is about the whole pipeline, not about a table or a model.
    fn is_of_run(self) -> bool {
        matches!(self, Self::RunFailed | Self::RunSucceeded)
    }

    #[must_use]
    pub fn is_of_freshness(self) -> bool {
        matches!(
            self,
            Self::FreshnessWarn | Self::FreshnessError | Self::FreshnessRecovered
        )
    }
}

/// How the body of a message is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase", try_from = "String")]
pub enum WebhookFormat {
    /// As Standard Webhooks advises: `type`, `timestamp`, `data`.
    #[default]
    Json,
    /// A sentence, as Slack's incoming webhooks take it.
    Slack,
    /// An alert, as `PagerDuty`'s Events API v2 takes it.
    Pagerduty,
}

impl WebhookFormat {
    const ALL: [Self; 3] = [Self::Json, Self::Slack, Self::Pagerduty];

    fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Slack => "slack",
            Self::Pagerduty => "pagerduty",
        }
    }
}

impl TryFrom<String> for WebhookEvent {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        named(&name, &Self::ALL, Self::as_str)
    }
}

impl TryFrom<String> for WebhookFormat {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        named(&name, &Self::ALL, Self::as_str)
    }
}

/// The value of this name; else a message with all names, of which the nearest is picked later.
fn named<T: Copy>(name: &str, all: &[T], name_of: fn(T) -> &'static str) -> Result<T, String> {
    let found = all.iter().find(|value| name_of(**value) == name);

    found.copied().ok_or_else(|| {
        let names: Vec<String> = all
            .iter()
            .map(|value| format!("`{}`", name_of(*value)))
            .collect();
        format!(
            "unknown word `{name}`, expected one of {}",
            names.join(", ")
        )
    })
}

/// Where messages go, and the secrets that belong to that.
#[derive(Debug)]
pub struct Receiver {
    pub url: SecretString,
    /// Signs messages.
    pub key: Option<SecretSlice<u8>>,
    /// `PagerDuty`'s name for the service that gets the alerts.
    pub routing_key: Option<SecretString>,
}

impl Webhook {
    /// Whether its messages are signed.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.secret.is_some() || self.secret_file.is_some()
    }

    pub(super) fn check(&self, name: &str) -> Result<()> {
        let fault = |detail: &str| Err(Error::Settings(format!("`webhooks.{name}` {detail}")));
        let is_name = name.len() <= LONGEST_NAME
            && name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.chars().all(|sign| {
                sign.is_ascii_lowercase() || sign.is_ascii_digit() || "_-".contains(sign)
            });
        if !is_name {
            return fault(
                "is no name of a webhook; write lower-case letters, digits, `_` and `-`, a letter first, at most 63",
            );
        }
        if self.events.is_empty() {
            return fault(
                "has no `events`, so it would never be told anything; list some, such as `[\"run.failed\"]`",
            );
        }
        if !self.tables.is_empty()
            && let Some(event) = self.events.iter().find(|event| event.is_of_run())
        {
            let event = event.as_str();
            return fault(&format!(
                "has `tables`, but `{event}` is about a whole pipeline; use `pipelines`, or a webhook of its own for `{event}`"
            ));
        }
        let has_routing_key = self.routing_key.is_some() || self.routing_key_file.is_some();
        if has_routing_key != (self.format == WebhookFormat::Pagerduty) {
            return fault("needs both `format = \"pagerduty\"` and `routing_key`, or none of them");
        }

        Ok(())
    }

    /// Reads the secrets; `name` is the webhook's, for messages.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] if a file cannot be read, or a value is not what it should be. It quotes neither.
    pub fn receiver(&self, name: &str) -> Result<Receiver> {
        let read = |setting: &str, value: &Option<SecretString>, file: &Option<PathBuf>| {
            let key = format!("webhooks.{name}.{setting}");
            secret(&key, SecretSetting::new(value.as_ref(), file.as_deref()))
        };
        let url = match read("url", &self.url, &self.url_file)? {
            Some(url) => url,
            None if self.format == WebhookFormat::Pagerduty => PAGERDUTY.into(),
            None => {
                return Err(Error::Settings(format!(
                    "`webhooks.{name}.url` is not set; set it, or set `webhooks.{name}.url_file` to the file with it"
                )));
            }
        };
        let is_url = reqwest::Url::parse(url.expose_secret())
            .is_ok_and(|url| ["http", "https"].contains(&url.scheme()) && url.has_host());
        if !is_url {
            return Err(Error::Settings(format!(
                "`webhooks.{name}.url` is not an address; write one that begins with `https://`"
            )));
        }
        let key = read("secret", &self.secret, &self.secret_file)?
            .map(|secret| key(secret.expose_secret()).ok_or_else(|| wrong_secret(name)))
            .transpose()?;
        let routing_key = read("routing_key", &self.routing_key, &self.routing_key_file)?;

        Ok(Receiver {
            url,
            key,
            routing_key,
        })
    }
}

fn key(secret: &str) -> Option<SecretSlice<u8>> {
    let key = STANDARD.decode(secret.strip_prefix(SECRET_PREFIX)?).ok()?;

    KEY_BYTES.contains(&key.len()).then(|| key.into())
}

fn wrong_secret(name: &str) -> Error {
    Error::Settings(format!(
        "`webhooks.{name}.secret` is no secret of Standard Webhooks; write `{SECRET_PREFIX}` and the base64 of 24 to 64 random bytes, as `echo {SECRET_PREFIX}$(openssl rand -base64 32)` prints"
    ))
}
