//! A tracked table, as `pipeline.yaml` defines it: its columns, tests, cursor and order of events.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::marts::{History, Tracked};
use super::misfit::Misfit;
use super::own_columns::is_own_column;
use super::{
    CatalogueColumn, Check, Column, CompareKeys, CurrentRows, DataType, DeclaredColumn, Deletes,
    Marts, Properties, SourceDefinition, SourceTable, TableId, TableTest, Test,
};
use crate::config::{DurationText, duration, some_duration};
use crate::error::did_you_mean;

/// A tracked table.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Table {
    #[serde(skip)]
    pub id: TableId,
    /// Schema and name from `from`.
    #[serde(skip)]
    pub source: SourceTable,
    /// The fields that it takes from the `defaults` of its pipeline.
    #[serde(skip)]
    pub defaulted: Vec<&'static str>,
    /// The source table with its schema; for files, a pattern of file names.
    // `Definition` moves a pattern to `files`.
    #[serde(default)]
    #[schemars(example = &"public.orders", example = &"orders/*.csv", extend("default" = null))]
    pub from: String,
    /// A pattern of file names below the source's folder.
    #[serde(skip)]
    pub files: Option<String>,
    /// See [`SourceDefinition::is_by_clock`].
    #[serde(skip)]
    pub is_by_clock: bool,
    /// See [`SourceDefinition::has_own_ids`].
    #[serde(skip)]
    pub has_own_ids: bool,
    /// The name of its tables in Trino; by default its name in the pipeline. The pipeline, the API and models keep the latter.
    #[schemars(example = &"shop_orders", regex(pattern = "^[a-z][a-z0-9_]*$"))]
    pub trino_name: Option<String>,
    /// The columns that identify a row.
    #[schemars(length(min = 1))]
    pub key: Vec<String>,
    /// The limits of the lag.
    #[serde(default)]
    pub freshness: Freshness,
    /// Declared columns; the others come from the source's catalogue.
    #[serde(default)]
    pub columns: Vec<DeclaredColumn>,
    /// How the current rows are kept.
    #[serde(default)]
    pub current: CurrentRows,
    /// Which changes start a version, or `off`.
    #[serde(default)]
    pub history: History,
    /// Trino's properties of the tables of current rows and history.
    #[serde(default)]
    #[schemars(extend("default" = {}))]
    pub properties: Properties,
    /// The column of a polled table that rises with every change of a row.
    pub cursor: Option<String>,
    /// Each poll reads the rows of this time before the last one again, because a writer may set the cursor late.
    #[serde(default = "ten_minutes", deserialize_with = "duration")]
    #[schemars(with = "DurationText", extend("default" = "10m"))]
    pub overlap: Duration,
    /// How deletes of a polled table are found.
    #[serde(default)]
    pub deletes: Deletes,
    /// A SQL condition in the source: only rows of a polled table that fulfil it are read.
    #[serde(rename = "where")]
    pub filter: Option<String>,
    /// Becomes the tables' comment.
    pub description: Option<String>,
    /// What happens to columns that are new in the source.
    #[serde(default)]
    pub new_columns: NewColumns,
    /// Whether the tables follow the source's columns.
    #[serde(default)]
    pub contract: ContractMode,
    /// Tests of rows; a run checks them before it publishes rows.
    #[serde(default)]
    pub tests: Vec<Test>,
}

/// What happens to columns that are new in the source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NewColumns {
    /// The tables get them.
    #[default]
    Add,
    /// They are only reported.
    Ignore,
    /// The run stops before it stages anything.
    Fail,
}

/// Whether the tables follow the source's columns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContractMode {
    /// The tables get new columns and wider types.
    #[default]
    Evolve,
    /// The tables keep their columns. A declared column that the source lacks, or has with a type that does not fit, stops the run.
    Enforced,
}

/// How old a table's data may become.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Freshness {
    /// From this lag on, the table's freshness is `warn`.
    #[serde(default, deserialize_with = "some_duration")]
    #[schemars(with = "DurationText")]
    pub warn_after: Option<Duration>,
    /// From this lag on, the table's freshness is `error`.
    #[serde(default, deserialize_with = "some_duration")]
    #[schemars(with = "DurationText")]
    pub error_after: Option<Duration>,
}

impl Table {
    /// The fields of the key in the source, as far as the definition names them.
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

    /// The key columns, by their names in the tables.
    #[must_use]
    pub fn key_names(&self) -> Vec<String> {
        self.key.iter().map(|name| name.to_lowercase()).collect()
    }

    /// Whether a field of the source belongs to the key, or fills a declared column.
    #[must_use]
    pub fn uses(&self, field: &str) -> bool {
        self.declares(field)
            || self
                .key_fields()
                .iter()
                .any(|key| key.to_lowercase() == field.to_lowercase())
    }

    /// Whether a field's column would have the name of one of the tables' own columns.
    #[must_use]
    pub fn is_taken(&self, field: &str) -> bool {
        !self.declares(field) && is_own_column(&field.to_lowercase())
    }

    /// The declared columns, then the other columns of the source's catalogue.
    ///
    /// # Errors
    ///
    /// A sentence with the missing key or tracked column, or with the name that is taken.
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
        self.check_and_mark(&mut columns)?;

        Ok(columns)
    }

    /// Tests of columns first.
    #[must_use]
    pub fn all_tests(&self) -> Vec<TableTest<'_>> {
        let of_columns = self.columns.iter().flat_map(|column| {
            let column_name = column.name.as_str();
            column.tests.iter().map(move |test| TableTest {
                column: Some(column_name),
                test,
            })
        });
        let of_rows = self
            .tests
            .iter()
            .map(|test| TableTest { column: None, test });

        of_columns.chain(of_rows).collect()
    }

    /// The other tables that its tests read; they are published before it.
    pub fn looks_at(&self) -> impl Iterator<Item = &str> {
        let own = &self.id.name;
        self.all_tests()
            .into_iter()
            .filter_map(move |test| match &test.test.check {
                Check::Relationships { to, .. } if to != own => Some(to.as_str()),
                _ => None,
            })
    }

    /// Why new events cannot follow those in the tables; `None` if their ids are of the same kind.
    #[must_use]
    pub fn other_ids(&self, had_own: Option<bool>) -> Option<String> {
        let name = &self.id.name;
        let ids = |has_own| {
            if has_own {
                "from the source"
            } else {
                "from landing"
            }
        };
        let had_own = had_own.filter(|had_own| *had_own != self.has_own_ids)?;

        Some(format!(
            "the event ids of `{name}` are {} now, but those in its tables are {}, so their order is unknown; put `source` back, or read it by a pipeline of another name",
            ids(self.has_own_ids),
            ids(had_own)
        ))
    }

    /// Why the tables cannot continue in another order of events; `None` if the order is the same.
    #[must_use]
    pub fn other_order(&self, was_by_clock: bool) -> Option<String> {
        let id = &self.id;
        let name = &id.name;
        let order = |is_by_clock| if is_by_clock { "time" } else { "id" };

        (self.is_by_clock != was_by_clock).then(|| {
            format!(
                "the events of `{name}` are ordered by {} now, but its tables were made in the order of the {}; put `source` back, or remake the tables with `POST /v1/tables/{id}/rebuild`",
                order(self.is_by_clock),
                order(was_by_clock)
            )
        })
    }

    /// The marts that the definition asks for.
    #[must_use]
    pub fn marts(&self) -> Marts {
        match self.current {
            _ if self.history.is_off => Marts::NoHistory,
            CurrentRows::View => Marts::CurrentView,
            CurrentRows::Table => Marts::TwoTables,
        }
    }

    /// Why the marts cannot follow the definition without a rebuild; `None` if they are what it asks for.
    #[must_use]
    pub fn other_marts(&self, made: Marts) -> Option<String> {
        let wanted = self.marts();

        (wanted != made).then(|| {
            format!(
                "`tables.{}` has {} now, but its marts were made by {}; put it back, or change them with `POST /v1/tables/{}/rebuild`",
                self.id.name,
                wanted.as_definition(),
                made.as_definition(),
                self.id
            )
        })
    }

    /// Refuses properties that name a column which the tables with these columns do not have.
    ///
    /// # Errors
    ///
    /// A sentence with the nearest column.
    pub fn check_properties(&self, columns: &[Column]) -> Result<(), String> {
        let Some(missing) = self.properties.missing(columns) else {
            return Ok(());
        };
        let near = did_you_mean(&missing, columns.iter().map(|column| column.name.as_str()));

        Err(format!(
            "`tables.{}.properties` names `{missing}`, which is no column of the table{near}",
            self.id.name
        ))
    }

    /// What no source can make right.
    pub(super) fn check(&self) -> Vec<Misfit> {
        let name = &self.id.name;
        let mut misfits = Vec::new();
        if self.key.is_empty() {
            misfits.push(Misfit {
                path: vec!["key"],
                message: format!(
                    "`tables.{name}.key` is empty; name the columns that identify a row"
                ),
            });
        }
        if self.current == CurrentRows::View && self.history.is_off {
            misfits.push(Misfit {
                path: vec!["current"],
                message: format!(
                    "`tables.{name}` has `current: view` and `history: off`, but that view needs a history; remove one of them"
                ),
            });
        }
        let Freshness {
            warn_after,
            error_after,
        } = self.freshness;
        if warn_after
            .zip(error_after)
            .is_some_and(|(warn, error)| warn > error)
        {
            misfits.push(Misfit {
                path: vec!["freshness"],
                message: format!(
                    "`tables.{name}.freshness` has a `warn_after` above its `error_after`, so it never warns; lower `warn_after`, or remove it"
                ),
            });
        }
        for column in &self.columns {
            if let Err(fault) = column.column(&[]) {
                misfits.push(Misfit {
                    path: vec!["columns"],
                    message: format!("`tables.{name}.columns`, `{}`: {fault}", column.name),
                });
            }
        }
        misfits.extend(self.properties.check(name, self.marts()));

        misfits
    }

    /// Refuses `cursor`, `deletes` and `where` of tables that are not polled, and a polled table without `cursor`.
    pub(super) fn check_cursor(&self, source: &SourceDefinition) -> Result<(), String> {
        let name = &self.id.name;
        match (source, &self.cursor) {
            (SourceDefinition::PostgresTable { .. }, None) => Err(format!(
                "`tables.{name}.cursor` is missing; name the column that rises with every change of a row, such as `updated_at`"
            )),
            (SourceDefinition::PostgresAuditLog { .. } | SourceDefinition::Files(_), Some(_)) => {
                Err(format!(
                    "`tables.{name}.cursor` is only for sources of kind `postgres_table`; remove it"
                ))
            }
            (SourceDefinition::PostgresAuditLog { .. } | SourceDefinition::Files(_), None)
                if self.deletes.compare_keys != CompareKeys::Off =>
            {
                Err(format!(
                    "`tables.{name}.deletes` is only for sources of kind `postgres_table`; an audit log and files contain deletes; remove it"
                ))
            }
            (SourceDefinition::PostgresAuditLog { .. } | SourceDefinition::Files(_), None)
                if self.filter.is_some() =>
            {
                Err(format!(
                    "`tables.{name}.where` is only for sources of kind `postgres_table`; remove it"
                ))
            }
            _ => Ok(()),
        }
    }

    /// Refuses tests without a column, and tests of unknown tables. `others` are names of tables with
    /// faults.
    pub(super) fn check_tests(
        &self,
        tables: &BTreeMap<String, Self>,
        others: &BTreeSet<String>,
    ) -> Result<(), String> {
        let name = &self.id.name;
        for test in &self.tests {
            if !matches!(test.check, Check::Expression(_)) {
                return Err(format!(
                    "`tables.{name}.tests` has `{}`, which is about a column; write it into the `tests` of that column",
                    test.check.as_str()
                ));
            }
        }
        for to in self.looks_at() {
            if !tables.contains_key(to) && !others.contains(to) {
                let near = did_you_mean(to, tables.keys().map(String::as_str));
                return Err(format!(
                    "a test of `tables.{name}` reads `{to}`, which is not a table of the pipeline{near}"
                ));
            }
        }

        Ok(())
    }

    /// Refuses names that are taken or missing, and marks key and untracked columns.
    fn check_and_mark(&self, columns: &mut [Column]) -> Result<(), String> {
        let mut seen = BTreeSet::new();
        for column in columns.iter_mut() {
            if is_own_column(&column.name) {
                return Err(format!(
                    "column `{}` of `{}` has the name of one of the tables' own columns; rename it with `columns: [{{name: …, from: {}, data_type: …}}]`",
                    column.name, self.from, column.from
                ));
            }
            if !seen.insert(column.name.clone()) {
                return Err(format!(
                    "`{}` has two columns called `{}` that differ only in case; rename one of them with `columns`",
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
                let near = did_you_mean(name, seen.iter().map(String::as_str));
                return Err(format!("`{}` has no column `{name}`{near}", self.from));
            }
        }

        Ok(())
    }

    fn declares(&self, field: &str) -> bool {
        self.columns
            .iter()
            .any(|column| column.from.as_deref().unwrap_or(&column.name) == field)
    }
}

/// Tables whose tests wait for each other, each read by the tests of the one before it; empty if there are none.
pub(super) fn circle(tables: &BTreeMap<String, Table>) -> Vec<&str> {
    let reads: BTreeMap<&str, Vec<&str>> = tables
        .iter()
        .map(|(name, table)| (name.as_str(), table.looks_at().collect()))
        .collect();
    let mut read_by: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (reader, read) in &reads {
        for name in read {
            read_by.entry(name).or_default().push(reader);
        }
    }
    // The tables that wait for nothing leave, then those that waited only for them. Who stays is in a circle, or waits for one.
    let mut waits_for: BTreeMap<&str, usize> = reads
        .iter()
        .map(|(name, read)| {
            (
                *name,
                read.iter().filter(|name| reads.contains_key(*name)).count(),
            )
        })
        .collect();
    let mut free: Vec<&str> = waits_for
        .iter()
        .filter(|(_, number)| **number == 0)
        .map(|(name, _)| *name)
        .collect();
    while let Some(name) = free.pop() {
        waits_for.remove(name);
        for reader in read_by.get(name).into_iter().flatten() {
            if let Some(number) = waits_for.get_mut(reader) {
                *number -= 1;
                if *number == 0 {
                    free.push(reader);
                }
            }
        }
    }
    let mut path: Vec<&str> = waits_for.keys().next().copied().into_iter().collect();
    let mut places = BTreeMap::new();
    while let Some(last) = path.last().copied() {
        if let Some(begin) = places.insert(last, path.len() - 1) {
            path.pop();
            return path.split_off(begin);
        }
        let next = reads[last]
            .iter()
            .find(|name| waits_for.contains_key(*name));
        path.extend(next);
    }

    Vec::new()
}

fn ten_minutes() -> Duration {
    Duration::from_mins(10)
}
