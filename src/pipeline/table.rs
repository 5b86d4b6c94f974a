//! A tracked table, as `pipeline.yaml` defines it: its columns, tests, cursor and order of events.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::marts::History;
use super::own_columns::is_own_column;
use super::{
    CatalogueColumn, Check, Column, CurrentRows, DataType, DeclaredColumn, Deletes, Marts,
    Properties, SourceTable, TableId, TableTest, Test,
};
use crate::config::{DurationText, duration, some_duration};

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

    fn declares(&self, field: &str) -> bool {
        self.columns
            .iter()
            .any(|column| column.from.as_deref().unwrap_or(&column.name) == field)
    }
}

fn ten_minutes() -> Duration {
    Duration::from_mins(10)
}
