//! The YAML files beside the models: descriptions, columns, tests, contracts, sources, unit tests.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::config::Written;
use crate::fault::{Fault, Said};
use crate::files::File;
use crate::nearest::did_you_mean;
use crate::project::Known;
use crate::relation::{Column, Relation};

/// What the YAML files say, by name.
#[derive(Debug, Default)]
pub(crate) struct Properties {
    pub(crate) models: BTreeMap<String, Placed<ModelProperties>>,
    pub(crate) sources: BTreeMap<SourceKey, Relation>,
    /// The columns of sources that list them.
    pub(crate) source_columns: BTreeMap<SourceKey, Vec<Column>>,
    pub(crate) unit_tests: Vec<Placed<Value>>,
}

/// A source and its table: `source('shop', 'orders')`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceKey {
    pub source: String,
    pub table: String,
}

/// Something with the file that says it.
#[derive(Clone, Debug)]
pub(crate) struct Placed<T> {
    pub(crate) file: String,
    pub(crate) value: T,
}

/// What a YAML file says about a model.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelProperties {
    pub name: String,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    pub config: Written,
    #[serde(default)]
    pub columns: Vec<ColumnProperties>,
    #[serde(default, alias = "tests")]
    pub data_tests: Vec<TestOf>,
    #[serde(default)]
    pub meta: Written,
    // What dbt reads and Icefront does not need.
    #[serde(default, rename = "docs")]
    _docs: Ignored,
    #[serde(default, rename = "access")]
    _access: Ignored,
    #[serde(default, rename = "constraints")]
    _constraints: Ignored,
    #[serde(default, rename = "group")]
    _group: Ignored,
    #[serde(default, rename = "latest_version")]
    _latest_version: Ignored,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ColumnProperties {
    pub name: String,
    #[serde(default)]
    pub data_type: Option<String>,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default, alias = "tests")]
    pub data_tests: Vec<TestOf>,
    // What dbt reads and Icefront does not need.
    #[serde(default, rename = "constraints")]
    _constraints: Ignored,
    #[serde(default)]
    pub meta: Written,
    #[serde(default, rename = "tags")]
    _tags: Ignored,
    #[serde(default, rename = "quote")]
    _quote: Ignored,
    #[serde(default, rename = "config")]
    _config: Ignored,
    #[serde(default, rename = "policy_tags")]
    _policy_tags: Ignored,
}

/// Any value, which is not kept.
#[derive(Clone, Debug, Default)]
struct Ignored;

impl<'de> Deserialize<'de> for Ignored {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

/// A test: its name, or its name with its arguments.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum TestOf {
    Name(String),
    WithArguments(BTreeMap<String, Value>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceYaml {
    name: String,
    /// The catalog.
    #[serde(default)]
    database: Option<String>,
    #[serde(default)]
    schema: Option<String>,
    #[serde(default)]
    tables: Vec<SourceTableYaml>,
    // What dbt reads and Icefront does not need.
    #[serde(default, rename = "description")]
    _description: Ignored,
    #[serde(default, rename = "meta")]
    _meta: Ignored,
    #[serde(default, rename = "loader")]
    _loader: Ignored,
    #[serde(default, rename = "tags")]
    _tags: Ignored,
    #[serde(default, rename = "config")]
    _config: Ignored,
    #[serde(default, rename = "quoting")]
    _quoting: Ignored,
    #[serde(default, rename = "freshness")]
    _freshness: Ignored,
    #[serde(default, rename = "loaded_at_field")]
    _loaded_at_field: Ignored,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct SourceTableYaml {
    name: String,
    #[serde(default)]
    identifier: Option<String>,
    #[serde(default)]
    columns: Vec<Column>,
    // What dbt reads and Icefront does not need.
    #[serde(default, rename = "description")]
    _description: Ignored,
    #[serde(default, rename = "meta")]
    _meta: Ignored,
    #[serde(default, rename = "tags")]
    _tags: Ignored,
    #[serde(default, rename = "config")]
    _config: Ignored,
    #[serde(default, rename = "quoting")]
    _quoting: Ignored,
    #[serde(default, rename = "freshness")]
    _freshness: Ignored,
    #[serde(default, rename = "loaded_at_field")]
    _loaded_at_field: Ignored,
    #[serde(default, rename = "external")]
    _external: Ignored,
    #[serde(default, rename = "tests")]
    _tests: Ignored,
    #[serde(default, rename = "data_tests")]
    _data_tests: Ignored,
}

/// The parts of a YAML file.
const NAMES: [&str; 4] = ["version", "models", "sources", "unit_tests"];
const REFUSED: [(&str, &str); 2] = [
    ("seeds", "declare the table in a pipeline of files"),
    (
        "snapshots",
        "Icefront keeps the history of each table by itself; read it with `ref('<table>_history')`",
    ),
];
/// What dbt reads and Icefront does not need.
const IGNORED: [&str; 5] = [
    "exposures",
    "metrics",
    "semantic_models",
    "saved_queries",
    "groups",
];

/// Reads all YAML files.
pub(crate) fn read(files: &[File], known: &Known, said: &mut Said) -> Properties {
    let mut properties = Properties::default();
    let Said { faults, warnings } = said;
    for file in files {
        let yaml = match parse(&file.place, &file.text, faults) {
            Some(Value::Object(yaml)) => yaml,
            Some(Value::Null) | None => continue,
            Some(_) => {
                faults.push(Fault::new(
                    &file.place,
                    "the file is no map of `models`, `sources` and `unit_tests`",
                ));
                continue;
            }
        };
        for (part, value) in yaml {
            let is_list = value.is_array() || value.is_null();
            if NAMES.contains(&part.as_str()) && part != "version" && !is_list {
                faults.push(Fault::new(
                    &file.place,
                    format!("`{part}` is not a list; write `- name: …` below it"),
                ));
                continue;
            }
            let entries = value.as_array().cloned().unwrap_or_default();
            match part.as_str() {
                "version" | "macros" => {}
                "models" => entries
                    .into_iter()
                    .for_each(|entry| properties.add_model(file, entry, faults)),
                "sources" => entries
                    .into_iter()
                    .for_each(|entry| properties.add_source(file, entry, known, faults)),
                "unit_tests" => properties
                    .unit_tests
                    .extend(entries.into_iter().map(|value| Placed {
                        file: file.place.clone(),
                        value,
                    })),
                other if IGNORED.contains(&other) => {
                    warnings.push(Fault::new(&file.place, format!("`{other}` has no effect")));
                }
                other => {
                    let message = match REFUSED.iter().find(|(name, _)| *name == other) {
                        Some((name, instead)) => format!("`{name}` is not supported; {instead}"),
                        None => format!("`{other}` is not known{}", did_you_mean(other, NAMES)),
                    };
                    faults.push(Fault::new(&file.place, message));
                }
            }
        }
    }

    properties
}

impl ModelProperties {
    /// The names and types of its columns.
    pub(crate) fn listed(&self) -> Vec<Column> {
        let columns = self.columns.iter().map(|column| Column {
            name: column.name.clone(),
            data_type: column.data_type.clone(),
        });

        columns.collect()
    }
}

impl Properties {
    fn add_model(&mut self, file: &File, entry: Value, faults: &mut Vec<Fault>) {
        let Some(model) = typed::<ModelProperties>(file, entry, faults) else {
            return;
        };
        if let Some(other) = self.models.get(&model.name) {
            let message = format!(
                "model `{}` is described in `{}` already; keep one of the two",
                model.name, other.file
            );
            faults.push(Fault::new(&file.place, message));
            return;
        }
        self.models.insert(
            model.name.clone(),
            Placed {
                file: file.place.clone(),
                value: model,
            },
        );
    }

    fn add_source(&mut self, file: &File, entry: Value, known: &Known, faults: &mut Vec<Fault>) {
        let Some(source) = typed::<SourceYaml>(file, entry, faults) else {
            return;
        };
        for table in source.tables {
            let key = SourceKey {
                source: source.name.clone(),
                table: table.name,
            };
            if !table.columns.is_empty() {
                self.source_columns.insert(key.clone(), table.columns);
            }
            let parts = [&source.database, &source.schema, &table.identifier];
            if let Some(part) = parts.into_iter().flatten().find(|part| part.contains("{{")) {
                let message = format!(
                    "source `{}.{}`: `{part}` has Jinja, which is only rendered in models; write the name",
                    key.source, key.table
                );
                faults.push(Fault::new(&file.place, message));
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
                    faults.push(Fault::new(&file.place, message));
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
            if self.sources.insert(key, relation).is_some() {
                faults.push(Fault::new(&file.place, twice));
            }
        }
    }
}

/// A YAML text as JSON.
pub(crate) fn parse(place: &str, text: &str, faults: &mut Vec<Fault>) -> Option<Value> {
    let plainly = serde_saphyr::options! { with_snippet: false };
    match serde_saphyr::from_str_with_options(text, plainly) {
        Ok(value) => Some(value),
        Err(fault) => {
            faults.push(Fault::new(place, fault.to_string()));
            None
        }
    }
}

fn typed<T: for<'de> Deserialize<'de>>(
    file: &File,
    entry: Value,
    faults: &mut Vec<Fault>,
) -> Option<T> {
    let name = entry
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or("?")
        .to_owned();
    match serde_json::from_value(entry) {
        Ok(value) => Some(value),
        Err(fault) => {
            let message = with_nearest(&fault.to_string());
            faults.push(Fault::new(&file.place, format!("`{name}`: {message}")));
            None
        }
    }
}

/// Adds the nearest right name to serde's message about an unknown field, which lists the expected ones.
pub(crate) fn with_nearest(fault: &str) -> String {
    let Some((unknown, expected)) = fault
        .split_once("unknown ")
        .and_then(|(_, rest)| rest.split_once("expected "))
    else {
        return fault.to_owned();
    };
    let unknown = unknown.split('`').nth(1).unwrap_or_default();
    let names = expected.split('`').skip(1).step_by(2);

    format!("{fault}{}", did_you_mean(unknown, names))
}
