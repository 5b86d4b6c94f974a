//! Reads and checks `pipeline.yaml`. Every fault names file, line and what was expected.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use icefront_project::Project;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::identity::qualified;
use super::{FileSource, Schedule, SourceDefinition, Table, TableId};
use crate::config::{Config, DurationText, Schemas, duration, some_duration};
use crate::error::{did_you_mean, with_nearest};

const FILE: &str = "pipeline.yaml";
const LEAST_POLL: Duration = Duration::from_secs(1);
const MOST_CLOCK_SKEW: Duration = Duration::from_hours(36_500 * 24);

#[derive(Debug, Clone)]
pub struct Definition {
    pub name: String,
    /// Its `pipeline.yaml`.
    pub text: Arc<str>,
    pub source: SourceDefinition,
    /// The tracked tables by name.
    pub tables: BTreeMap<String, Table>,
    pub schemas: Schemas,
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
    /// Its SQL models, in an order in which they can be built. [`Definition::read`] leaves them out.
    pub models: Arc<Project>,
    /// How far models may lag, by name. [`Definition::read`] leaves it out.
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
    pipeline: String,
    /// Where changes come from.
    source: SourceDefinition,
    /// The tracked tables by name.
    #[schemars(extend("minProperties" = 1, "propertyNames" = {"pattern": "^[a-z][a-z0-9_]*$"}))]
    tables: BTreeMap<String, Table>,
    /// The schemas that the pipeline writes to; by default those of the settings. Needed if two pipelines have a table or a model of one
    /// name.
    schemas: Option<Schemas>,
    /// An event from further in the future is a reject.
    #[serde(default = "a_day", deserialize_with = "duration")]
    #[schemars(with = "DurationText", extend("default" = "1d"))]
    max_clock_skew: Duration,
    /// A run stops if a table has more rejects than both limits.
    #[serde(default)]
    max_rejects: MaxRejects,
    /// When a run compares tables with their typed logs by itself.
    verify: Option<Verify>,
    /// How often Icefront asks the source for changes, and starts a run if there are some; `1s` or more.
    #[serde(default, deserialize_with = "some_duration")]
    #[schemars(with = "DurationText")]
    poll: Option<Duration>,
    /// When Icefront starts runs: the five fields of cron, or `every 2m`.
    #[schemars(example = &"*/5 * * * *", example = &"every 2m")]
    schedule: Option<String>,
    /// The time zone of a schedule in the five fields of cron, by its name of IANA; by default `UTC`.
    #[schemars(example = &"Europe/Berlin")]
    timezone: Option<String>,
    /// Variables of SQL models. They win over those of `dbt_project.yml`.
    #[serde(default)]
    vars: Map<String, Value>,
    /// Configuration of SQL models by folder. It wins over that of `dbt_project.yml`.
    #[serde(default)]
    models: Map<String, Value>,
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
    /// # Errors
    ///
    /// A text with file, line and what was expected.
    pub fn read(folder: &Path, config: &Config) -> Result<Self, String> {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let place = format!("{name}/{FILE}");
        let text = std::fs::read_to_string(folder.join(FILE))
            .map_err(|fault| format!("{place} cannot be read: {fault}"))?;
        let plainly = serde_saphyr::options! { with_snippet: false };
        let yaml: PipelineYaml = serde_saphyr::from_str_with_options(&text, plainly)
            .map_err(|fault| format!("{place}: {}", with_nearest(&fault.to_string())))?;
        if yaml.timezone.is_some() && yaml.schedule.is_none() {
            return Err(format!(
                "{place}: `timezone` has no meaning without `schedule`; add a schedule, or remove it"
            ));
        }
        let schedule = yaml
            .schedule
            .map(|schedule| Schedule::read(&schedule, yaml.timezone.as_deref()));
        let schedule = schedule
            .transpose()
            .map_err(|fault| format!("{place}: {fault}"))?;
        let mut definition = Self {
            name: yaml.pipeline,
            text: text.as_str().into(),
            source: yaml.source,
            tables: yaml.tables,
            schemas: yaml.schemas.unwrap_or_else(|| config.trino.schemas.clone()),
            max_clock_skew: yaml.max_clock_skew,
            max_rejects: yaml.max_rejects,
            verify: yaml.verify,
            poll: yaml.poll,
            schedule,
            vars: yaml.vars,
            model_defaults: yaml.models,
            models: Arc::default(),
            target_lags: BTreeMap::new(),
        };
        definition
            .complete()
            .and_then(|()| definition.check(config))
            .map_err(|fault| format!("{place}: {fault}"))?;

        Ok(definition)
    }

    /// Copies to each table what it needs from its pipeline and source.
    fn complete(&mut self) -> Result<(), String> {
        if let SourceDefinition::Files(files) = &self.source {
            name_files(files, &mut self.tables)?;
        }
        for (name, table) in &mut self.tables {
            table.id = TableId::new(&self.name, name);
            table.source = qualified(&format!("tables.{name}.from"), &table.from)?;
            table.is_by_clock = self.source.is_by_clock();
            table.has_own_ids = self.source.has_own_ids();
        }

        Ok(())
    }

    fn check(&self, config: &Config) -> Result<(), String> {
        plain_name("pipeline", &self.name)?;
        if self.tables.is_empty() {
            return Err("`tables` is empty; declare at least one table".into());
        }
        if self.max_clock_skew > MOST_CLOCK_SKEW {
            return Err("`max_clock_skew` is more than a century; write at most `36500d`".into());
        }
        if let Some(files) = self.source.files() {
            files.check()?;
        }
        if let Some(connection) = self.source.connection()
            && !config.connections.contains_key(connection)
        {
            let known = config.connections.keys().map(String::as_str);
            let near = did_you_mean(connection, known);
            return Err(format!(
                "`source.connection` is `{connection}`, but the settings have no `connections.{connection}`{near}"
            ));
        }
        if self.poll.is_some_and(|poll| poll < LEAST_POLL) {
            return Err("`poll` is less than a second; write `1s` or more".into());
        }
        let mut origins = BTreeSet::new();
        for (name, table) in &self.tables {
            plain_name(&format!("tables.{name}"), name)?;
            table.check()?;
            table.check_cursor(&self.source)?;
            table.check_tests(&self.tables)?;
            if !origins.insert(&table.from) {
                return Err(format!(
                    "`tables.{name}.from` is `{}`, which is already the `from` of another table",
                    table.from
                ));
            }
        }

        Ok(())
    }
}

/// Gives each table the pattern of its files, and the source name of its rows in landing.
fn name_files(source: &FileSource, tables: &mut BTreeMap<String, Table>) -> Result<(), String> {
    let (_, pattern) = source.split();
    for (name, table) in tables {
        if table.from.is_empty() {
            pattern
                .ok_or_else(|| format!("`tables.{name}.from` is missing; write a pattern of file names below `source.path`, such as `{name}/*.csv`"))?
                .clone_into(&mut table.from);
        }
        glob::Pattern::new(&table.from).map_err(|fault| {
            format!(
                "`tables.{name}.from` is `{}`, which is not a pattern of file names: {fault}",
                table.from
            )
        })?;
        let files = std::mem::replace(&mut table.from, format!("files.{name}"));
        table.files = Some(files);
    }

    Ok(())
}

fn plain_name(what: &str, name: &str) -> Result<(), String> {
    let right = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if right {
        return Ok(());
    }

    Err(format!(
        "`{what}` is `{name}`, and becomes part of table names; use lower-case letters, digits and `_`, starting with a letter"
    ))
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
