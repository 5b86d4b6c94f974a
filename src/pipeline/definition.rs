//! `pipeline.yaml`, read and checked: every fault is told with file, line and what was expected.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::{NotQualified, Source, SourceTable, Table, TableId};
use crate::config::{Config, Schemas, duration, some_duration};
use crate::error::{nearest_name, with_nearest};

const FILE: &str = "pipeline.yaml";
const LEAST_POLL: Duration = Duration::from_secs(1);
const MOST_CLOCK_SKEW: Duration = Duration::from_hours(36_500 * 24);

/// A pipeline as its folder defines it.
#[derive(Debug, Clone)]
pub struct Definition {
    /// Its name: the unit of triggering.
    pub name: String,
    /// Where its changes come from.
    pub source: Source,
    /// The tables that it tracks, by name.
    pub tables: BTreeMap<String, Table>,
    /// The schemas that it writes to.
    pub schemas: Schemas,
    /// How far ahead of its arrival an event's time may be.
    pub max_clock_skew: Duration,
    /// How many rejects stop a run.
    pub max_rejects: MaxRejects,
    /// When tables are compared with their logs by themselves.
    pub verify: Option<Verify>,
    /// How often the source is asked whether there is something new; a run starts by itself then.
    pub poll: Option<Duration>,
}

/// When tables are compared with their logs by themselves.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verify {
    /// After every so many runs that succeeded.
    pub every_runs: u32,
    /// Only one key in so many, found by its hash.
    #[serde(default = "each_key")]
    pub one_in: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    pipeline: String,
    source: Source,
    tables: BTreeMap<String, Table>,
    schemas: Option<Schemas>,
    #[serde(default = "a_day", deserialize_with = "duration")]
    max_clock_skew: Duration,
    #[serde(default)]
    max_rejects: MaxRejects,
    verify: Option<Verify>,
    #[serde(default, deserialize_with = "some_duration")]
    poll: Option<Duration>,
}

/// How many rejects of a table's events in one run stop it before anything is published: more than both numbers.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MaxRejects {
    /// As a share of the events read, 0 to 1.
    pub share: f64,
    /// As a number of events.
    pub at_least: u64,
}

impl Definition {
    /// Reads the `pipeline.yaml` of a folder.
    ///
    /// # Errors
    ///
    /// A text with file, line and what was expected.
    pub fn read(folder: &Path, config: &Config) -> Result<Self, String> {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let place = format!("{name}/{FILE}");
        let text = std::fs::read_to_string(folder.join(FILE))
            .map_err(|fault| format!("{place} cannot be read: {fault}"))?;
        let plainly = serde_saphyr::options! { with_snippet: false };
        let written: Written = serde_saphyr::from_str_with_options(&text, plainly)
            .map_err(|fault| format!("{place}: {}", with_nearest(&fault.to_string())))?;
        let mut definition = Self {
            name: written.pipeline,
            source: written.source,
            tables: written.tables,
            schemas: written
                .schemas
                .unwrap_or_else(|| config.trino.schemas.clone()),
            max_clock_skew: written.max_clock_skew,
            max_rejects: written.max_rejects,
            verify: written.verify,
            poll: written.poll,
        };
        definition
            .complete()
            .and_then(|()| definition.check(config))
            .map_err(|fault| format!("{place}: {fault}"))?;

        Ok(definition)
    }

    fn complete(&mut self) -> Result<(), String> {
        if let Source::Files(files) = &self.source {
            files.name_tables(&mut self.tables)?;
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
            return Err("`tables` is empty; name at least one table".into());
        }
        if self.max_clock_skew > MOST_CLOCK_SKEW {
            return Err("`max_clock_skew` is more than a century; write `36500d` at most".into());
        }
        if let Some(files) = self.source.files() {
            files.check()?;
        }
        if let Some(connection) = self.source.connection()
            && !config.connections.contains_key(connection)
        {
            let known = config.connections.keys().map(String::as_str);
            let near = nearest_name(connection, known)
                .map(|name| format!("; did you mean `{name}`?"))
                .unwrap_or_default();
            return Err(format!(
                "`source.connection` is `{connection}`, which the settings do not have as `connections.{connection}`{near}"
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
                    "`tables.{name}.from` is `{}`, which another table has already",
                    table.from
                ));
            }
        }

        Ok(())
    }
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
        "`{what}` is `{name}`; it names tables, so use lower-case letters, digits and `_`, a letter first"
    ))
}

/// Refuses a table's name without a schema.
pub(super) fn qualified(what: &str, name: &str) -> Result<SourceTable, String> {
    name.parse().map_err(|NotQualified| {
        format!("`{what}` is `{name}`; write schema and table, such as `public.orders`")
    })
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
    /// The most rejects that may be among `read` events.
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
