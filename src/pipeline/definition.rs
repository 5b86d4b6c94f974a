//! `pipeline.yaml`, read and checked: every fault is told with file, line and what was expected.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::{Column, DataType};
use crate::config::{Config, Schemas, duration};
use crate::error::{nearest_name, with_nearest};

const FILE: &str = "pipeline.yaml";

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
}

/// Where changes come from.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// A table of insert, update and delete events that triggers write.
    PostgresAuditLog {
        /// The connection's name in the settings.
        connection: String,
        /// The audit table, with its schema.
        #[serde(default = "audit_table")]
        table: String,
        /// What its columns are called.
        #[serde(default)]
        columns: AuditColumns,
    },
}

/// What the columns of an audit table are called.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditColumns {
    /// A number that rises with the writes.
    pub event_id: String,
    /// `I`, `U`, `D` or `T`.
    pub operation: String,
    /// When it happened.
    pub occurred_at: String,
    /// The schema of the changed table.
    pub schema: String,
    /// The changed table.
    pub table: String,
    /// The row as JSON: the new one, for a delete the old one.
    pub data: String,
}

/// A source table that is tracked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// The source table, with its schema.
    pub from: String,
    /// The columns that tell its rows apart.
    pub key: Vec<String>,
    /// How old its data may get.
    #[serde(default)]
    pub freshness: Freshness,
    /// Declared columns; what is not named comes from the source's catalogue.
    #[serde(default)]
    pub columns: Vec<DeclaredColumn>,
    /// What starts a version.
    #[serde(default)]
    pub history: History,
}

/// How old a table's data may get.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freshness {
    /// Older than this is `warn`.
    #[serde(default, deserialize_with = "some_duration")]
    pub warn_after: Option<Duration>,
    /// Older than this is `error`.
    #[serde(default, deserialize_with = "some_duration")]
    pub error_after: Option<Duration>,
}

/// A column as the contract declares it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredColumn {
    /// Its name in the tables.
    pub name: String,
    /// The field that fills it; the same name where it is not said.
    pub from: Option<String>,
    /// Its type in Trino.
    pub data_type: String,
}

/// What starts a version of a row.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// Which columns' changes do.
    #[serde(default)]
    pub tracked: Tracked,
}

/// Which columns' changes start a version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Tracked {
    /// `all`: any column's.
    #[default]
    #[serde(deserialize_with = "the_word_all")]
    All,
    /// Only those of these columns.
    Columns(Vec<String>),
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
        let definition = Self {
            name: written.pipeline,
            source: written.source,
            tables: written.tables,
            schemas: written
                .schemas
                .unwrap_or_else(|| config.trino.schemas.clone()),
            max_clock_skew: written.max_clock_skew,
            max_rejects: written.max_rejects,
        };
        definition
            .check(config)
            .map_err(|fault| format!("{place}: {fault}"))?;

        Ok(definition)
    }

    fn check(&self, config: &Config) -> Result<(), String> {
        plain_name("pipeline", &self.name)?;
        if self.tables.is_empty() {
            return Err("`tables` is empty; name at least one table".into());
        }
        let Source::PostgresAuditLog {
            connection, table, ..
        } = &self.source;
        if !config.connections.contains_key(connection) {
            let known = config.connections.keys().map(String::as_str);
            let near = nearest_name(connection, known)
                .map(|name| format!("; did you mean `{name}`?"))
                .unwrap_or_default();
            return Err(format!(
                "`source.connection` is `{connection}`, which the settings do not have as `connections.{connection}`{near}"
            ));
        }
        qualified("source.table", table)?;
        let mut origins = BTreeSet::new();
        for (name, table) in &self.tables {
            plain_name(&format!("tables.{name}"), name)?;
            table.check(name)?;
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

impl Table {
    /// The source table's schema and name.
    #[must_use]
    pub fn origin(&self) -> (&str, &str) {
        self.from.split_once('.').unwrap_or(("public", &self.from))
    }

    /// Completes the declared columns by those of the source's catalogue: name and Postgres type of each, in order.
    ///
    /// # Errors
    ///
    /// A sentence that says which key or tracked column does not exist, or which name is taken.
    pub fn columns(&self, catalogue: &[(String, String)]) -> Result<Vec<Column>, String> {
        let declared_from = |field: &str| {
            self.columns
                .iter()
                .any(|c| c.from.as_deref().unwrap_or(&c.name) == field)
        };
        let mut columns = Vec::new();
        for column in &self.columns {
            let data_type = DataType::parse(&column.data_type)?;
            let from = column.from.as_deref().unwrap_or(&column.name);
            columns.push(Column::new(&column.name, from, &data_type));
        }
        for (name, postgres_type) in catalogue {
            if !declared_from(name) {
                let data_type = DataType::from_postgres(postgres_type);
                columns.push(Column::new(name, name, &data_type));
            }
        }
        self.mark(&mut columns)?;

        Ok(columns)
    }

    fn mark(&self, columns: &mut [Column]) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for column in columns.iter_mut() {
            if column.name.starts_with('_') || TAKEN.contains(&column.name.as_str()) {
                return Err(format!(
                    "column `{}` of `{}` has a name that the tables use themselves; give it another by `columns: [{{name: …, from: {}, data_type: …}}]`",
                    column.name, self.from, column.from
                ));
            }
            if !seen.insert(column.name.clone()) {
                return Err(format!(
                    "`{}` has two columns called `{}`, which differ in case only; rename one by `columns`",
                    self.from, column.name
                ));
            }
            column.is_key = self.key.iter().any(|k| k.to_lowercase() == column.name);
            column.is_untracked = match &self.history.tracked {
                Tracked::All => false,
                Tracked::Columns(tracked) => {
                    !column.is_key && !tracked.iter().any(|t| t.to_lowercase() == column.name)
                }
            };
        }
        let tracked = match &self.history.tracked {
            Tracked::All => &[][..],
            Tracked::Columns(tracked) => tracked,
        };
        for name in self.key.iter().chain(tracked) {
            if !seen.contains(&name.to_lowercase()) {
                let near = nearest_name(name, seen.iter().map(String::as_str))
                    .map(|near| format!("; did you mean `{near}`?"))
                    .unwrap_or_default();
                return Err(format!("`{}` has no column `{name}`{near}", self.from));
            }
        }

        Ok(())
    }

    fn check(&self, name: &str) -> Result<(), String> {
        qualified(&format!("tables.{name}.from"), &self.from)?;
        if self.key.is_empty() {
            return Err(format!(
                "`tables.{name}.key` is empty; name the columns that tell its rows apart"
            ));
        }
        for column in &self.columns {
            DataType::parse(&column.data_type)
                .map_err(|fault| format!("`tables.{name}.columns`, `{}`: {fault}", column.name))?;
        }

        Ok(())
    }
}

/// Names of the tables' own columns, beside those that start with `_`.
const TAKEN: [&str; 4] = ["valid_from", "valid_to", "is_current", "is_deleted"];

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

fn qualified(what: &str, name: &str) -> Result<(), String> {
    match name.split_once('.') {
        Some((schema, table)) if !schema.is_empty() && !table.is_empty() => Ok(()),
        _ => Err(format!(
            "`{what}` is `{name}`; write schema and table, such as `public.orders`"
        )),
    }
}

fn a_day() -> Duration {
    Duration::from_hours(24)
}

fn audit_table() -> String {
    "public.audit_log_dml".into()
}

fn some_duration<'de, D>(deserializer: D) -> Result<Option<Duration>, D::Error>
where
    D: serde::Deserializer<'de>,
{
    duration(deserializer).map(Some)
}

fn the_word_all<'de, D>(deserializer: D) -> Result<(), D::Error>
where
    D: serde::Deserializer<'de>,
{
    match String::deserialize(deserializer)?.as_str() {
        "all" => Ok(()),
        _ => Err(serde::de::Error::custom(
            "`tracked` is `all` or a list of columns",
        )),
    }
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

impl Default for AuditColumns {
    fn default() -> Self {
        Self {
            event_id: "audit_event_id".into(),
            operation: "audit_operation".into(),
            occurred_at: "audit_timestamp".into(),
            schema: "tbl_schema".into(),
            table: "tbl_name".into(),
            data: "raw_data".into(),
        }
    }
}
