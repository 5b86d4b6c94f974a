//! Tables that `source` finds: `sources:` of the YAML files.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema};
use serde::Deserialize;

use crate::fault::Fault;
use crate::project::Known;
use crate::properties::{Entry, ignore, ignore_in};
use crate::relation::{Column, Relation};
use crate::schema::ignored;
use crate::shape::{Field, Shape};

/// A source and its table: `source('shop', 'orders')`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceKey {
    pub source: String,
    pub table: String,
}

/// The declared tables.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    pub(crate) tables: BTreeMap<SourceKey, Relation>,
    /// The columns of those that list them, also of typed logs.
    pub(crate) columns: BTreeMap<SourceKey, Vec<Column>>,
}

/// Tables that models read by `source('<source>', '<table>')`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Source", transform = of_sources)]
pub(crate) struct SourceYaml {
    /// The first name in `source(…)`.
    name: String,
    /// The catalog; by default that of the settings.
    #[serde(default)]
    database: Option<String>,
    /// The schema; by default the name.
    #[serde(default)]
    schema: Option<String>,
    /// The tables.
    #[serde(default)]
    tables: Vec<TableYaml>,
}

/// A table of a source.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SourceTable", transform = of_tables)]
struct TableYaml {
    /// The second name in `source(…)`.
    name: String,
    /// The table in Trino; by default the name.
    #[serde(default)]
    identifier: Option<String>,
    /// Its columns. Macros that name all columns need them.
    #[serde(default)]
    columns: Vec<Column>,
}

const SOURCE: Shape = Shape::Fields(&[
    Field::needed("name", Shape::Name),
    Field::new("database", Shape::Name),
    Field::new("schema", Shape::Name),
    Field::new("tables", Shape::List(&TABLE)),
]);
const TABLE: Shape = Shape::Fields(&[
    Field::needed("name", Shape::Name),
    Field::new("identifier", Shape::Name),
    Field::new("columns", Shape::List(&COLUMN)),
]);
/// Other keys of a column are for dbt's documents and its tests of sources.
const COLUMN: Shape = Shape::SomeFields(&[
    Field::needed("name", Shape::Name),
    Field::new("data_type", Shape::Name),
]);

/// What dbt reads and Icefront does not need: fields of a source and of its tables, and of one of these.
const IGNORED: [&str; 7] = [
    "description",
    "meta",
    "tags",
    "config",
    "quoting",
    "freshness",
    "loaded_at_field",
];
const IGNORED_OF_SOURCES: [&str; 1] = ["loader"];
const IGNORED_OF_TABLES: [&str; 3] = ["external", "tests", "data_tests"];

/// Adds the fields of dbt to the JSON Schema of a source.
fn of_sources(schema: &mut Schema) {
    ignored(schema, IGNORED.into_iter().chain(IGNORED_OF_SOURCES));
}

/// The same of a table.
fn of_tables(schema: &mut Schema) {
    ignored(schema, IGNORED.into_iter().chain(IGNORED_OF_TABLES));
}

impl Sources {
    /// Adds an entry of `sources`.
    pub(crate) fn add(&mut self, mut entry: Entry, known: &Known, faults: &mut Vec<Fault>) {
        let file = entry.file.clone();
        ignore(&mut entry.value, &IGNORED);
        ignore(&mut entry.value, &IGNORED_OF_SOURCES);
        ignore_in(&mut entry.value, "tables", &IGNORED);
        ignore_in(&mut entry.value, "tables", &IGNORED_OF_TABLES);
        let Some(source) = entry.read::<SourceYaml>("source", &SOURCE, faults) else {
            return;
        };
        for table in source.tables {
            let key = SourceKey {
                source: source.name.clone(),
                table: table.name,
            };
            if !table.columns.is_empty() {
                self.columns.insert(key.clone(), table.columns);
            }
            let parts = [&source.database, &source.schema, &table.identifier];
            if let Some(part) = parts.into_iter().flatten().find(|part| part.contains("{{")) {
                let message = format!(
                    "source `{}.{}`: `{part}` has Jinja, which is only rendered in models; write the name",
                    key.source, key.table
                );
                faults.push(Fault::new(&file, message));
                continue;
            }
            let is_placed =
                source.database.is_some() || source.schema.is_some() || table.identifier.is_some();
            if known.sources.contains_key(&key) {
                if is_placed {
                    let message = format!(
                        "`{}.{}` is a typed log of the pipeline; remove `database`, `schema` and `identifier`",
                        key.source, key.table
                    );
                    faults.push(Fault::new(&file, message));
                }
                continue;
            }
            let catalog = source.database.as_deref().unwrap_or(&known.catalog);
            let schema = source.schema.as_deref().unwrap_or(&source.name);
            let relation = Relation::new(
                catalog,
                schema,
                table.identifier.as_deref().unwrap_or(&key.table),
            );
            let twice = format!(
                "source `{}.{}` is declared twice; keep one of the two",
                key.source, key.table
            );
            if self.tables.insert(key, relation).is_some() {
                faults.push(Fault::new(&file, twice));
            }
        }
    }
}
