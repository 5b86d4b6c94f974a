//! What a `pipeline.yaml` defines.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use icefront_project::Project;
use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::defaults::Defaults;
use super::{Schedule, SourceDefinition, Table};
use crate::config::{Allowed, DurationText, Schemas, duration, some_duration};

#[derive(Debug, Clone)]
pub struct Definition {
    pub name: String,
    /// What the settings let it use.
    pub allowed: Allowed,
    /// Its `pipeline.yaml`.
    pub text: Arc<str>,
    pub source: SourceDefinition,
    /// The tracked tables by name.
    pub tables: BTreeMap<String, Table>,
    pub schemas: Schemas,
    /// What the name of a history has behind that of the current rows.
    pub history_suffix: String,
    /// The most that an event's time may be later than its arrival.
    pub max_clock_skew: Duration,
    pub max_rejects: MaxRejects,
    pub verify: Option<Verify>,
    /// How often the service looks for new changes, and starts a run if there are some.
    pub poll: Option<Duration>,
    /// When runs of it start by themselves.
    pub schedule: Option<Schedule>,
    /// Variables of models. They win over those of `dbt_project.yml`.
    pub vars: Map<String, Value>,
    /// Configuration of models by folder. It wins over that of `dbt_project.yml`.
    pub model_defaults: Map<String, Value>,
    /// Its SQL models, in an order in which they can be built. [`Draft::read`](super::draft::Draft::read) leaves them out.
    pub models: Arc<Project>,
    /// How far models may lag, by name. [`Draft::read`](super::draft::Draft::read) leaves it out.
    pub target_lags: BTreeMap<String, Duration>,
}

/// When a run compares tables with their logs by itself.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Verify {
    /// Compare after this many successful runs.
    pub every_runs: u32,
    /// Compare one key in this many, chosen by its hash. 1 compares every key.
    #[serde(default = "each_key")]
    pub one_in: u32,
}

/// A pipeline of Icefront: where changes come from, and the tables that are kept.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "pipeline.yaml")]
pub(super) struct PipelineYaml {
    /// The name of the pipeline; the same as its folder's.
    #[schemars(example = &"shop", regex(pattern = "^[a-z][a-z0-9_]*$"))]
    pub(super) pipeline: String,
    /// What every table takes unless it says otherwise.
    #[serde(default)]
    pub(super) defaults: Defaults,
    /// Where changes come from.
    pub(super) source: SourceDefinition,
    /// The tracked tables by name.
    #[schemars(extend("minProperties" = 1, "propertyNames" = {"pattern": "^[a-z][a-z0-9_]*$"}))]
    #[serde(rename = "tables")]
    #[schemars(with = "BTreeMap<String, Table>")]
    // `Tables` reads them one by one.
    _tables: IgnoredAny,
    /// The schemas that the pipeline writes to; by default those of the settings. Needed if two pipelines have a table or a model of one
    /// name.
    pub(super) schemas: Option<Schemas>,
    /// What the name of a history has behind that of the current rows.
    #[serde(default = "history")]
    #[schemars(regex(pattern = "^_[a-z0-9_]*[a-z0-9]$"))]
    pub(super) history_suffix: String,
    /// An event from further in the future is a reject.
    #[serde(default = "a_day", deserialize_with = "duration")]
    #[schemars(with = "DurationText", extend("default" = "1d"))]
    pub(super) max_clock_skew: Duration,
    /// A run stops if a table has more rejects than both limits.
    #[serde(default)]
    pub(super) max_rejects: MaxRejects,
    /// When a run compares tables with their typed logs by itself.
    pub(super) verify: Option<Verify>,
    /// How often Icefront asks the source for changes, and starts a run if there are some; `1s` or more.
    #[serde(default, deserialize_with = "some_duration")]
    #[schemars(with = "DurationText")]
    pub(super) poll: Option<Duration>,
    /// When Icefront starts runs: the five fields of cron, or `every 2m`.
    #[schemars(example = &"*/5 * * * *", example = &"every 2m")]
    pub(super) schedule: Option<String>,
    /// The time zone of a schedule in the five fields of cron, by its name of IANA; by default `UTC`.
    #[schemars(example = &"Europe/Berlin")]
    pub(super) timezone: Option<String>,
    /// Variables of SQL models. They win over those of `dbt_project.yml`.
    #[serde(default)]
    pub(super) vars: Map<String, Value>,
    /// Configuration of SQL models by folder. It wins over that of `dbt_project.yml`.
    #[serde(default)]
    pub(super) models: Map<String, Value>,
}

/// A run with more rejects of a table than both limits stops before it publishes anything.
#[derive(Debug, Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MaxRejects {
    /// The share of the events read, 0 to 1.
    pub share: f64,
    /// The number of events.
    pub at_least: u64,
}

impl Definition {
    /// The definition of a pipeline that was removed: it declares nothing.
    #[must_use]
    pub fn removed(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            allowed: Allowed::everything(""),
            text: "".into(),
            source: SourceDefinition::PostgresTable {
                connection: String::new(),
            },
            tables: BTreeMap::new(),
            schemas: Schemas {
                landing: String::new(),
                staging: String::new(),
                marts: String::new(),
            },
            history_suffix: history(),
            max_clock_skew: a_day(),
            max_rejects: MaxRejects::default(),
            verify: None,
            poll: None,
            schedule: None,
            vars: Map::new(),
            model_defaults: Map::new(),
            models: Arc::default(),
            target_lags: BTreeMap::new(),
        }
    }

    /// What a table of it is called in Trino, in each of its schemas.
    #[must_use]
    pub fn trino_name<'a>(&'a self, table: &'a str) -> &'a str {
        let table_of_it = self.tables.get(table);

        table_of_it
            .and_then(|table| table.trino_name.as_deref())
            .unwrap_or(table)
    }

    /// What the history of a table is called in Trino.
    #[must_use]
    pub fn history_name(&self, table: &str) -> String {
        format!("{}{}", self.trino_name(table), self.history_suffix)
    }
}

fn history() -> String {
    "_history".to_owned()
}

fn each_key() -> u32 {
    1
}

fn a_day() -> Duration {
    Duration::from_hours(24)
}

impl Default for MaxRejects {
    fn default() -> Self {
        Self {
            share: 0.1,
            at_least: 100,
        }
    }
}

impl MaxRejects {
    /// The most rejects among `read` events.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        clippy::cast_sign_loss,
        reason = "a share of a count"
    )]
    pub fn allowed(&self, read: u64) -> u64 {
        self.at_least.max((self.share * read as f64) as u64)
    }
}
