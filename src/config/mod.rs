//! The settings: `config.toml` is default, reference and example; a file and the environment override it.

mod duration;
mod runs;
mod secret;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use duration::parse_duration;
pub(crate) use duration::{duration, some_duration};
pub use runs::Runs;
use secrecy::SecretString;
use serde::Deserialize;

use crate::error::{Error, Result, with_nearest};
use crate::postgres::SslMode;

const DEFAULTS: &str = include_str!("config.toml");
const MOST_CONNECTIONS: usize = 1_000;
const LEAST_LIMIT: Duration = Duration::from_millis(100);

/// All settings of the service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where the API listens.
    pub http: Http,
    pub state: State,
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

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    url: Option<SecretString>,
    url_file: Option<PathBuf>,
    password: Option<SecretString>,
    password_file: Option<PathBuf>,
    sslmode: Option<SslMode>,
    sslrootcert: Option<PathBuf>,
    sslcert: Option<PathBuf>,
    sslkey: Option<PathBuf>,
    /// The most connections at once.
    pub connections: usize,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trino {
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
    password: Option<SecretString>,
    password_file: Option<PathBuf>,
    sslmode: Option<SslMode>,
    sslrootcert: Option<PathBuf>,
    sslcert: Option<PathBuf>,
    sslkey: Option<PathBuf>,
    /// The most connections at once, of all pipelines and calls together.
    #[serde(default = "Connection::default_connections")]
    pub connections: usize,
    /// The longest that a question may take: catalogue, backlog, check. What a batch reads has no limit but the run's.
    #[serde(
        default = "Connection::default_statement_timeout",
        deserialize_with = "duration"
    )]
    pub statement_timeout: Duration,
    /// The longest wait for a table that others have locked.
    #[serde(
        default = "Connection::default_lock_timeout",
        deserialize_with = "duration"
    )]
    pub lock_timeout: Duration,
    /// So many rows of a table are a batch while all are loaded.
    #[serde(default = "Connection::default_range_rows")]
    pub range_rows: u32,
}

impl Connection {
    /// Refuses limits with which nothing could be read.
    fn check(&self, name: &str) -> Result<()> {
        if !(1..=MOST_CONNECTIONS).contains(&self.connections) {
            return Err(Error::Settings(format!(
                "`connections.{name}.connections` is {}; it must be between 1 and {MOST_CONNECTIONS}",
                self.connections
            )));
        }
        if self.range_rows == 0 {
            return Err(Error::Settings(format!(
                "`connections.{name}.range_rows` is 0, with which no load would end; leave it away, or write a number of rows"
            )));
        }
        let limits = [
            ("statement_timeout", self.statement_timeout),
            ("lock_timeout", self.lock_timeout),
        ];
        for (setting, limit) in limits {
            if limit < LEAST_LIMIT {
                return Err(Error::Settings(format!(
                    "`connections.{name}.{setting}` is less than 100 ms, in which no server answers; write a time such as `30s`"
                )));
            }
        }

        Ok(())
    }

    fn default_connections() -> usize {
        8
    }

    fn default_statement_timeout() -> Duration {
        Duration::from_mins(1)
    }

    fn default_lock_timeout() -> Duration {
        Duration::from_secs(30)
    }

    fn default_range_rows() -> u32 {
        2_000_000
    }
}

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
        let config: Self = builder
            .add_source(
                config::Environment::with_prefix("ICEFRONT")
                    .prefix_separator("__")
                    .separator("__"),
            )
            .build()
            .and_then(config::Config::try_deserialize)
            .map_err(|fault| Error::Settings(explain(&fault.to_string())))?;
        for (name, connection) in &config.connections {
            connection.check(name)?;
        }
        config.runs.check()?;

        Ok(config)
    }
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

    // A fault of the file's grammar quotes the line, which may hold a secret.
    let is_quoted = |line: &&str| {
        line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ')
            .starts_with('|')
    };
    let told: Vec<&str> = fault.lines().filter(|line| !is_quoted(line)).collect();

    format!(
        "the settings cannot be used: {}",
        with_nearest(&told.join("\n"))
    )
}
