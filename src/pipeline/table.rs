//! A tracked table as `pipeline.yaml` defines it, and its columns together with those of the source's catalogue.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;

use super::definition::qualified;
use super::{Column, DataType};
use crate::config::duration;
use crate::error::nearest_name;

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

    /// Refuses a definition that no longer fits the tables that were made by it.
    ///
    /// # Errors
    ///
    /// A sentence that names what changed and how it was.
    pub fn check_unchanged(&self, name: &str, origin: &str, made: &[Column]) -> Result<(), String> {
        let changed = |what: &str, now: &str, was: &str| {
            Err(format!(
                "`tables.{name}.{what}` is `{now}`, but the tables were made with `{was}`; put it back, or give the table another name"
            ))
        };
        if self.from != origin {
            return changed("from", &self.from, origin);
        }
        let lowered = |names: &[String]| -> BTreeSet<String> {
            names.iter().map(|name| name.to_lowercase()).collect()
        };
        let key: Vec<String> = made
            .iter()
            .filter(|column| column.is_key)
            .map(|column| column.name.clone())
            .collect();
        if lowered(&self.key) != lowered(&key) {
            return changed("key", &self.key.join(", "), &key.join(", "));
        }
        for declared in &self.columns {
            let wanted = Column::new(
                &declared.name,
                declared.from.as_deref().unwrap_or(&declared.name),
                &DataType::parse(&declared.data_type)?,
            );
            let was = made.iter().find(|column| column.name == wanted.name);
            if !was.is_some_and(|was| was.from == wanted.from && was.data_type == wanted.data_type)
            {
                let was = was.map_or("no such column".to_owned(), |was| {
                    format!("{} from {}", was.data_type, was.from)
                });
                let now = format!("{} from {}", wanted.data_type, wanted.from);
                return changed(&format!("columns.{}", declared.name), &now, &was);
            }
        }

        Ok(())
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

    /// Refuses what cannot be right whatever the source has.
    pub(super) fn check(&self, name: &str) -> Result<(), String> {
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
