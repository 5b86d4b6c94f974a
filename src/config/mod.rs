//! The settings. `config.toml` is default, reference and example; a file and the environment override it.

mod allowed;
mod auth;
mod duration;
mod files;
mod folder_address;
mod lineage;
mod network;
mod origins;
mod pattern;
mod retention;
mod runs;
mod secret;
mod webhooks;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use allowed::{AllowLists, Allowed};
pub(crate) use auth::check_issuer_address;
pub use auth::{Auth, ClaimGrants, Issuer};
pub use duration::parse_duration;
pub(crate) use duration::{DurationText, duration, some_duration};
pub use files::Files;
pub use folder_address::FolderAddress;
pub use lineage::{Lineage, LineageReceiver};
pub use network::{Network, is_private};
pub use origins::Origins;
pub use pattern::Pattern;
pub use retention::Retention;
pub use runs::Runs;
use schemars::JsonSchema;
use secrecy::SecretString;
use serde::Deserialize;
pub use webhooks::{Receiver, Webhook, WebhookEvent, WebhookFormat};

use crate::error::{Error, Result, with_nearest};
use crate::postgres::SslMode;

const DEFAULTS: &str = include_str!("config.toml");
const MOST_CONNECTIONS: usize = 1_000;
/// The usual variables of OpenLineage, and the settings that they set.
const USUAL_VARIABLES: [(&str, &str); 5] = [
    ("OPENLINEAGE_URL", "lineage.url"),
    ("OPENLINEAGE_ENDPOINT", "lineage.endpoint"),
    ("OPENLINEAGE_API_KEY", "lineage.api_key"),
    ("OPENLINEAGE_NAMESPACE", "lineage.namespace"),
    ("OPENLINEAGE_DISABLED", "lineage.disabled"),
];
/// The sections of the settings, as variables name them.
const SECTIONS: [&str; 11] = [
    "AUTH",
    "HTTP",
    "STATE",
    "TRINO",
    "LANDING",
    "FILES",
    "PIPELINES",
    "RUNS",
    "RETENTION",
    "LINEAGE",
    "LOG",
];
const LEAST_LIMIT: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub http: Http,
    pub auth: Auth,
    pub state: State,
    pub trino: Trino,
    pub landing: Landing,
    pub files: Files,
    pub pipelines: Pipelines,
    /// The key is the name that pipelines use.
    #[serde(default)]
    pub connections: BTreeMap<String, Connection>,
    pub runs: Runs,
    pub retention: Retention,
    /// The key is the name in the API.
    #[serde(default)]
    pub webhooks: BTreeMap<String, Webhook>,
    pub lineage: Lineage,
    pub log: Log,
    /// The file that was read.
    #[serde(skip)]
    pub file: Option<PathBuf>,
    /// This program, which reads definitions of callers in a process of its own.
    #[serde(skip)]
    pub program: PathBuf,
}

/// Where the API listens.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    pub bind: SocketAddr,
    pub metrics_bind: SocketAddr,
    pub body_limit_bytes: usize,
    pub cors_origins: Origins,
    /// The names by which callers may call; empty: on a loopback address only its own, else any.
    #[serde(deserialize_with = "auth::words")]
    pub hosts: Vec<String>,
    /// Whether something before the service ends TLS.
    pub behind_tls_proxy: bool,
    pub tls: Option<Tls>,
}

/// The certificate of the API.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Certificates (PEM), the service's first.
    pub cert_file: PathBuf,
    /// Its private key (PEM).
    pub key_file: PathBuf,
}

impl Http {
    /// Refuses to send credentials and rows over a network in the clear.
    fn check(&self) -> Result<()> {
        if self.bind.ip().is_loopback() || self.behind_tls_proxy || self.tls.is_some() {
            return Ok(());
        }

        Err(Error::Settings(format!(
            "`http.bind` is `{}`, and callers would send keys over the network in the clear; set `http.tls = {{ cert_file = …, key_file = … }}`, or `http.behind_tls_proxy = true` if a proxy before the service ends TLS",
            self.bind
        )))
    }
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
    /// Whether the service brings the schema up to date. Otherwise it waits until `icefront migrate` has done so.
    pub migrate: bool,
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
    pub schemas: Schemas,
    /// The memory that one statement should need at most, over all nodes.
    pub statement_memory_bytes: u64,
    /// Session properties of every statement, by name. They win over the service's own.
    #[serde(default)]
    pub session: BTreeMap<String, String>,
}

/// The schemas of the three layers.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Schemas {
    /// Events as they came.
    pub landing: String,
    /// Typed logs and rejects.
    pub staging: String,
    /// Current rows, histories and models.
    pub marts: String,
}

impl Schemas {
    /// Each with the name of its layer.
    pub(crate) fn each(&self) -> [(&'static str, &str); 3] {
        [
            ("landing", self.landing.as_str()),
            ("staging", &self.staging),
            ("marts", &self.marts),
        ]
    }
}

/// The folder of the landed batches, by the address that each side uses.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Landing {
    /// The service's address: `file:` or `s3:`.
    pub write_to: String,
    /// Trino's address.
    pub read_from: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pipelines {
    /// A folder of folders, each with a `pipeline.yaml`.
    pub path: PathBuf,
    /// The environment variables that `pipeline.yaml` may name as `${NAME}`, and models as `env_var('NAME')`.
    pub env: Vec<String>,
    /// `target.name` in models.
    pub target: String,
    /// The time between two looks at the files; none for zero.
    #[serde(deserialize_with = "duration")]
    pub watch: Duration,
    /// What each pipeline may use.
    #[serde(default)]
    pub allowed: AllowLists,
}

/// A Postgres server that pipelines read.
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
    /// The limit for catalogue, backlog and check. Reading a batch has only the run's limit.
    #[serde(
        default = "Connection::default_statement_timeout",
        deserialize_with = "duration"
    )]
    pub statement_timeout: Duration,
    /// The longest wait for a table that another session locks.
    #[serde(
        default = "Connection::default_lock_timeout",
        deserialize_with = "duration"
    )]
    pub lock_timeout: Duration,
    /// Rows per range of a full load.
    #[serde(default = "Connection::default_range_rows")]
    pub range_rows: u32,
}

impl Connection {
    /// Refuses limits that let nothing be read.
    fn check(&self, name: &str) -> Result<()> {
        if !(1..=MOST_CONNECTIONS).contains(&self.connections) {
            return Err(Error::Settings(format!(
                "`connections.{name}.connections` is {}; it must be between 1 and {MOST_CONNECTIONS}",
                self.connections
            )));
        }
        if self.range_rows == 0 {
            return Err(Error::Settings(format!(
                "`connections.{name}.range_rows` is 0, so a full load would never end; remove it, or write a number of rows"
            )));
        }
        self.check_secrets(name)?;
        let limits = [
            ("statement_timeout", self.statement_timeout),
            ("lock_timeout", self.lock_timeout),
        ];
        for (setting, limit) in limits {
            if limit < LEAST_LIMIT {
                return Err(Error::Settings(format!(
                    "`connections.{name}.{setting}` is less than 100 ms, and no server answers so fast; write a time such as `30s`"
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
    pub format: LogFormat,
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Text,
    /// One JSON object per line.
    Json,
}

impl Config {
    /// `config.toml`: every setting with its default and its meaning.
    #[must_use]
    pub fn defaults() -> &'static str {
        DEFAULTS
    }

    /// What a pipeline of this name may use.
    #[must_use]
    pub fn allowed(&self, pipeline: &str) -> Allowed {
        self.pipelines.allowed.of(pipeline, &self.trino.catalog)
    }

    /// Reads the defaults, then the file, then the environment; the later wins.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] with the key; with the nearest right key, if it is unknown.
    pub fn load(file: Option<&Path>) -> Result<Self> {
        check_variables(std::env::vars_os().map(|(name, _)| name))?;
        let mut builder = config::Config::builder()
            .add_source(config::File::from_str(DEFAULTS, config::FileFormat::Toml));
        if let Some(path) = file {
            builder = builder.add_source(config::File::from(path));
        }
        let usual = usual_variables().map_err(Error::internal)?;
        let mut config: Self = builder
            .add_source(usual)
            .add_source(
                config::Environment::with_prefix("ICEFRONT")
                    .prefix_separator("__")
                    .separator("__"),
            )
            .build()
            .and_then(config::Config::try_deserialize)
            .map_err(|fault| Error::Settings(explain(&fault.to_string())))?;
        config.file = file.map(Path::to_owned);
        config.program = program().map_err(Error::internal)?;
        for (name, connection) in &config.connections {
            connection.check(name)?;
        }
        config.http.check()?;
        config.auth.check(&config.http)?;
        config.runs.check()?;
        config.retention.check(&config.runs, &config.trino)?;
        config.files.check()?;
        for (name, webhook) in &config.webhooks {
            webhook.check(name)?;
        }

        Ok(config)
    }
}

/// This program. On Linux also where its file was replaced since the start.
fn program() -> std::io::Result<PathBuf> {
    if cfg!(target_os = "linux") {
        return Ok("/proc/self/exe".into());
    }

    std::env::current_exe()
}

/// Refuses a variable that was meant to be a setting, but has one `_` where two belong: it would have no effect.
fn check_variables(names: impl Iterator<Item = OsString>) -> Result<()> {
    for name in names {
        let name = name.to_string_lossy();
        let parts = name
            .strip_prefix("ICEFRONT_")
            .and_then(|key| key.split_once('_'));
        // Kubernetes sets others, such as `ICEFRONT_STATE_SERVICE_HOST`.
        if let Some((section, key)) = parts
            && SECTIONS.contains(&section)
            && is_key(&key.to_lowercase())
        {
            return Err(Error::Settings(format!(
                "the variable `{name}` sets nothing, because settings have two `_` between their parts; write `ICEFRONT__{section}__{key}`"
            )));
        }
    }

    Ok(())
}

/// Whether a key of this name is anywhere in the settings.
fn is_key(name: &str) -> bool {
    let written = format!("{name} =");

    DEFAULTS
        .lines()
        .any(|line| line.trim_start_matches("# ").starts_with(&written))
}

/// The usual variables of other tools that are set and not empty, as settings.
fn usual_variables() -> Result<config::Config, config::ConfigError> {
    let mut builder = config::Config::builder();
    for (variable, key) in USUAL_VARIABLES {
        let value = std::env::var(variable).ok();
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            builder = builder.set_override(key, value)?;
        }
    }

    builder.build()
}

fn explain(fault: &str) -> String {
    if fault.starts_with("missing") {
        return format!(
            "a required setting is missing: {fault}; `icefront settings` prints every setting"
        );
    }

    if fault.starts_with("invalid") {
        // The quoted text may be a secret in the wrong place.
        let words: Vec<&str> = fault.split('"').step_by(2).collect();
        return format!("the settings cannot be used: {}", words.join("…"));
    }

    // A fault of the file's grammar quotes the line, which may hold a secret.
    let is_quoted = |line: &&str| {
        line.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ')
            .starts_with('|')
    };
    let unquoted: Vec<&str> = fault.lines().filter(|line| !is_quoted(line)).collect();

    format!(
        "the settings cannot be used: {}",
        with_nearest(&unquoted.join("\n"))
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_with_one_underscore_is_answered_with_the_right_one() {
        let check = |name: &str| check_variables([OsString::from(name)].into_iter());
        let refused = check("ICEFRONT_HTTP_BIND").expect_err("a setting");
        assert!(
            refused.to_string().contains("`ICEFRONT__HTTP__BIND`"),
            "{refused}"
        );
        check("ICEFRONT_TRINO_PASSWORD").expect_err("a setting");
        for right in [
            "ICEFRONT__HTTP__BIND",
            "ICEFRONT_CONFIG",
            "ICEFRONT_HTTP_SERVICE_HOST",
            "ICEFRONT_STATE_PORT",
            "HTTP_BIND",
        ] {
            check(right).expect(right);
        }
    }
}
