//! The settings: `config.toml` is default, reference and example; a file and the environment override it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use prusto::auth::Auth;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};

use crate::error::{Error, Result, with_nearest};

const DEFAULTS: &str = include_str!("config.toml");

/// All settings of the service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the API listens.
    pub http: Http,
    /// Our own database.
    pub state: State,
    /// The engine.
    pub trino: Trino,
    /// The folder that batches are written to.
    pub landing: Landing,
    /// Where the pipelines are defined.
    pub pipelines: Pipelines,
    /// The servers that pipelines read, by name.
    #[serde(default)]
    pub connections: BTreeMap<String, Connection>,
    /// How runs are executed.
    pub runs: Runs,
    /// What is logged.
    pub log: Log,
}

/// Where the API listens.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Address and port of the API.
    pub bind: SocketAddr,
    /// Address and port of `/metrics`.
    pub metrics_bind: SocketAddr,
    /// The largest request body, in bytes.
    pub body_limit_bytes: usize,
}

/// Our own database.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    url: Option<SecretString>,
    url_file: Option<PathBuf>,
    /// The most connections at once.
    pub connections: usize,
}

/// The engine.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trino {
    /// Its address.
    pub url: String,
    /// The user that statements run as.
    pub user: String,
    password: Option<SecretString>,
    password_file: Option<PathBuf>,
    jwt: Option<SecretString>,
    jwt_file: Option<PathBuf>,
    /// The Iceberg catalog of all tables.
    pub catalog: String,
    /// The schemas of the three layers.
    pub schemas: Schemas,
}

/// The schemas of the three layers.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schemas {
    /// Holds what came, as it came.
    pub landing: String,
    /// Holds the typed event logs and the rejects.
    pub staging: String,
    /// Holds current rows, histories and models.
    pub marts: String,
}

/// The folder that batches are written to, as each side names it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Landing {
    /// As the service writes it: `file:` or `s3:`.
    pub write_to: String,
    /// As Trino reads it.
    pub read_from: String,
}

/// Where the pipelines are defined.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipelines {
    /// A folder of folders, each with a `pipeline.yaml`.
    pub path: PathBuf,
}

/// A server that pipelines read.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connection {
    url: Option<SecretString>,
    url_file: Option<PathBuf>,
}

/// How runs are executed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runs {
    /// Trino statements at once, per run.
    pub concurrency: usize,
    /// The longest a run may take.
    #[serde(deserialize_with = "duration")]
    pub timeout: std::time::Duration,
    /// Whether keys that only newer events touched are published from their open version, without their log.
    pub fast_path: bool,
    /// Whether tables that have become many small files are written as few, at the end of a run.
    pub optimize: bool,
}

/// What is logged.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// As `RUST_LOG`.
    pub filter: String,
    /// For people or for machines.
    pub format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// A JSON object a line.
    Json,
}

impl Config {
    /// Every setting with its default and what it means, as TOML.
    #[must_use]
    pub fn defaults() -> &'static str {
        DEFAULTS
    }

    /// Reads the defaults, then `file` where there is one, then the environment.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] that names the key, and the nearest right one where it is unknown.
    pub fn load(file: Option<&Path>) -> Result<Self> {
        let mut builder = config::Config::builder()
            .add_source(config::File::from_str(DEFAULTS, config::FileFormat::Toml));
        if let Some(path) = file {
            builder = builder.add_source(config::File::from(path));
        }
        builder
            .add_source(
                config::Environment::with_prefix("ICEFRONT")
                    .prefix_separator("__")
                    .separator("__"),
            )
            .build()
            .and_then(config::Config::try_deserialize)
            .map_err(|fault| Error::Settings(explain(&fault.to_string())))
    }
}

impl State {
    /// The address of the state database.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] when it is not set or its file cannot be read.
    pub fn url(&self) -> Result<SecretString> {
        secret("state.url", self.url.as_ref(), self.url_file.as_deref())
    }
}

impl Connection {
    /// The address of the server; `name` is the connection's name, for the message.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] when it is not set or its file cannot be read.
    pub fn url(&self, name: &str) -> Result<SecretString> {
        secret(
            &format!("connections.{name}.url"),
            self.url.as_ref(),
            self.url_file.as_deref(),
        )
    }
}

impl Trino {
    /// The credentials, where any are set.
    pub(crate) fn auth(&self) -> Option<Auth> {
        let read = |key, value: Option<&SecretString>, file: Option<&Path>| {
            secret(key, value, file)
                .ok()
                .map(|secret| secret.expose_secret().to_owned())
        };
        if let Some(jwt) = read("trino.jwt", self.jwt.as_ref(), self.jwt_file.as_deref()) {
            return Some(Auth::Jwt(jwt));
        }

        read(
            "trino.password",
            self.password.as_ref(),
            self.password_file.as_deref(),
        )
        .map(|password| Auth::Basic(self.user.clone(), Some(password)))
    }
}

/// Reads a duration such as `55s`, `10m` or `1h 30m`.
pub(crate) fn duration<'de, D>(deserializer: D) -> Result<std::time::Duration, D::Error>
where
    D: Deserializer<'de>,
{
    let text = String::deserialize(deserializer)?;
    parse_duration(&text).ok_or_else(|| {
        serde::de::Error::custom(format!(
            "`{text}` is no duration; write one such as `30s`, `10m` or `1h`"
        ))
    })
}

/// As [`duration`], for a setting that may be left out.
pub(crate) fn some_duration<'de, D>(
    deserializer: D,
) -> Result<Option<std::time::Duration>, D::Error>
where
    D: Deserializer<'de>,
{
    duration(deserializer).map(Some)
}

/// Reads a duration that is not negative, such as `55s` or `1d`, a day being 24 hours; nothing else is one.
#[must_use]
pub fn parse_duration(text: &str) -> Option<std::time::Duration> {
    if let Some(days) = text.strip_suffix('d') {
        let days: u64 = days.trim_end().parse().ok()?;
        return days
            .checked_mul(24 * 60 * 60)
            .map(std::time::Duration::from_secs);
    }
    let span: jiff::SignedDuration = text.parse().ok()?;

    std::time::Duration::try_from(span).ok()
}

fn secret(key: &str, value: Option<&SecretString>, file: Option<&Path>) -> Result<SecretString> {
    if let Some(value) = value {
        return Ok(value.clone());
    }
    let Some(path) = file else {
        return Err(Error::Settings(format!(
            "`{key}` is not set; set it, or `{key}_file` to a file that holds it"
        )));
    };

    std::fs::read_to_string(path)
        .map(|text| text.trim().to_owned().into())
        .map_err(|fault| {
            Error::Settings(format!(
                "`{key}_file` names `{}`, which cannot be read: {fault}",
                path.display()
            ))
        })
}

fn explain(fault: &str) -> String {
    if fault.starts_with("missing") {
        return format!("the settings lack a key: {fault}; see `icefront settings`");
    }

    if fault.starts_with("invalid") {
        // What stands in quotes may be a secret in the wrong place.
        let words: Vec<&str> = fault.split('"').step_by(2).collect();
        return format!("the settings cannot be used: {}", words.join("…"));
    }

    format!("the settings cannot be used: {}", with_nearest(fault))
}
