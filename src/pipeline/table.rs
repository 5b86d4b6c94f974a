//! A tracked table as `pipeline.yaml` defines it, and its columns together with those of the source's catalogue.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;

use super::{
    CatalogueColumn, Column, CompareKeys, DataType, DeclaredColumn, Deletes, Source, SourceTable,
    TableId, Test,
};
use crate::config::{duration, some_duration};
use crate::error::nearest_name;

/// A source table that is tracked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    #[serde(skip)]
    pub id: TableId,
    /// What its events carry as schema and table; of `from`.
    #[serde(skip)]
    pub source: SourceTable,
    /// The source table, with its schema; of files the pattern of their names, which becomes `files`.
    #[serde(default)]
    pub from: String,
    /// The files that hold its rows, as a pattern of their names below the source's folder.
    #[serde(skip)]
    pub files: Option<String>,
    /// Whether its events are in the order of their times, as its source says.
    #[serde(skip)]
    pub is_by_clock: bool,
    /// Whether its events have ids of the source's own, as its source says.
    #[serde(skip)]
    pub has_own_ids: bool,
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
    /// The column that rises with every change of a row, where the table itself is read.
    pub cursor: Option<String>,
    /// Rows are read again from so long before the last read on: as long as whoever sets the cursor may be late.
    #[serde(default = "ten_minutes", deserialize_with = "duration")]
    pub overlap: Duration,
    /// How rows that went are found.
    #[serde(default)]
    pub deletes: Deletes,
    /// Only rows of which this SQL condition holds in the source are read.
    #[serde(rename = "where")]
    pub filter: Option<String>,
    /// What it means, which becomes the tables' comment.
    pub description: Option<String>,
    /// What becomes of columns that are new in the source.
    #[serde(default)]
    pub new_columns: NewColumns,
    /// Whether the tables follow their source.
    #[serde(default)]
    pub contract: Contract,
    /// What must hold for its rows before they are published.
    #[serde(default)]
    pub tests: Vec<Test>,
}

/// What becomes of columns that are new in the source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NewColumns {
    /// The tables get them.
    #[default]
    Add,
    Ignore,
    /// They stop the run before it stages anything.
    Fail,
}

/// Whether the tables follow their source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contract {
    /// They get new columns and wider types.
    #[default]
    Evolve,
    /// Nothing changes by itself; a declared column that is missing or mistyped in the source stops the run.
    Enforced,
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

impl Table {
    /// The fields of an event that hold the key: names in the source, as far as the definition tells them.
    #[must_use]
    pub fn key_fields(&self) -> Vec<String> {
        let field = |key: &String| {
            let declared = self
                .columns
                .iter()
                .find(|column| column.name.to_lowercase() == key.to_lowercase());
            let from = declared.and_then(|column| column.from.as_deref());
            from.unwrap_or(key).to_owned()
        };

        self.key.iter().map(field).collect()
    }

    /// Whether a field of the source is part of the key, or declared to fill a column.
    #[must_use]
    pub fn uses(&self, field: &str) -> bool {
        self.declares(field)
            || self
                .key_fields()
                .iter()
                .any(|key| key.to_lowercase() == field.to_lowercase())
    }

    /// Whether a field would make a column of a name that the tables have themselves.
    #[must_use]
    pub fn is_taken(&self, field: &str) -> bool {
        let name = field.to_lowercase();

        !self.declares(field) && (name.starts_with('_') || TAKEN.contains(&name.as_str()))
    }

    fn declares(&self, field: &str) -> bool {
        self.columns
            .iter()
            .any(|column| column.from.as_deref().unwrap_or(&column.name) == field)
    }

    /// The columns of the key by their names in the tables.
    #[must_use]
    pub fn key_names(&self) -> Vec<String> {
        self.key.iter().map(|name| name.to_lowercase()).collect()
    }

    /// Completes the declared columns by those of the source's catalogue: name and Postgres type of each, in order.
    ///
    /// # Errors
    ///
    /// A sentence that says which key or tracked column does not exist, or which name is taken.
    pub fn columns(&self, catalogue: &[CatalogueColumn]) -> Result<Vec<Column>, String> {
        let mut columns = Vec::new();
        for column in &self.columns {
            columns.push(column.column(catalogue)?);
        }
        for CatalogueColumn { name, data_type } in catalogue {
            if !self.declares(name) {
                let data_type = DataType::from_postgres(data_type);
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

    /// Refuses a cursor where none is read, and the other way round.
    pub(super) fn check_cursor(&self, source: &Source) -> Result<(), String> {
        let name = &self.id.name;
        match (source, &self.cursor) {
            (Source::PostgresTable { .. }, None) => Err(format!(
                "`tables.{name}.cursor` is missing; name the column that rises with every change of a row, such as `updated_at`"
            )),
            (Source::PostgresAuditLog { .. } | Source::Files(_), Some(_)) => Err(format!(
                "`tables.{name}.cursor` is for sources of kind `postgres_table`; an audit log has its own, and of files it is known which were read"
            )),
            (Source::PostgresAuditLog { .. } | Source::Files(_), None)
                if self.deletes.compare_keys != CompareKeys::Off =>
            {
                Err(format!(
                    "`tables.{name}.deletes` is for sources of kind `postgres_table`; an audit log and files tell deletes by themselves"
                ))
            }
            (Source::PostgresAuditLog { .. } | Source::Files(_), None) if self.filter.is_some() => {
                Err(format!(
                    "`tables.{name}.where` is for sources of kind `postgres_table`"
                ))
            }
            _ => Ok(()),
        }
    }

    /// Refuses what cannot be right whatever the source has.
    pub(super) fn check(&self) -> Result<(), String> {
        let name = &self.id.name;
        if self.key.is_empty() {
            return Err(format!(
                "`tables.{name}.key` is empty; name the columns that tell its rows apart"
            ));
        }
        for column in &self.columns {
            DataType::parse(&column.data_type)
                .map_err(|fault| format!("`tables.{name}.columns`, `{}`: {fault}", column.name))?;
            column
                .column(&[])
                .map_err(|fault| format!("`tables.{name}.columns`, `{}`: {fault}", column.name))?;
        }

        Ok(())
    }
}

/// Names of the tables' own columns, beside those that start with `_`.
const TAKEN: [&str; 4] = ["valid_from", "valid_to", "is_current", "is_deleted"];

fn ten_minutes() -> Duration {
    Duration::from_mins(10)
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
