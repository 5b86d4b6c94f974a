//! The YAML files beside the models: descriptions, columns, tests, contracts, and what declares sources and unit tests.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::config::Written;
use crate::control::fault_of_values;
use crate::fault::{Fault, Said};
use crate::files::File;
use crate::nearest::did_you_mean;
use crate::project::Known;
use crate::relation::Column;
use crate::schema::{also_called, ignored};
use crate::shape::{Field, Shape};
use crate::sources::Sources;

/// What the YAML files say, by name.
#[derive(Debug, Default)]
pub(crate) struct Properties {
    pub(crate) models: BTreeMap<String, Placed<ModelProperties>>,
    pub(crate) sources: Sources,
    pub(crate) unit_tests: Vec<Entry>,
}

/// Something with the file that says it.
#[derive(Clone, Debug)]
pub(crate) struct Placed<T> {
    pub(crate) file: String,
    pub(crate) value: T,
}

/// What a YAML file says about a model.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = of_models)]
pub struct ModelProperties {
    /// The name of the model: that of its file without `.sql`.
    pub name: String,
    /// Becomes the comment of the table.
    #[serde(default)]
    pub description: Option<String>,
    /// How the model is kept. `config(…)` in its SQL wins.
    #[serde(default)]
    #[schemars(with = "crate::config::Config")]
    pub config: Written,
    /// Its columns.
    #[serde(default)]
    pub columns: Vec<ColumnProperties>,
    /// Tests of its rows.
    #[serde(default, alias = "tests")]
    pub data_tests: Vec<TestOf>,
    /// Names and values of your own.
    #[serde(default)]
    pub meta: Written,
}

/// What a YAML file says about a column of a model.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(transform = of_columns)]
pub struct ColumnProperties {
    /// The name of the column.
    pub name: String,
    /// The type in Trino; a contract needs it.
    #[serde(default)]
    pub data_type: Option<String>,
    /// Becomes the comment of the column.
    #[serde(default)]
    pub description: Option<String>,
    /// Tests of its values.
    #[serde(default, alias = "tests")]
    pub data_tests: Vec<TestOf>,
    /// Names and values of your own.
    #[serde(default)]
    pub meta: Written,
}

/// A test: its name, or its name with its arguments.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum TestOf {
    Name(String),
    WithArguments(BTreeMap<String, Value>),
}

const MODEL: Shape = Shape::Fields(&[
    Field::needed("name", Shape::Name),
    Field::new("description", Shape::Text),
    Field::new("config", Shape::Map),
    Field::new("columns", Shape::List(&COLUMN)),
    Field::new("data_tests", TESTS),
    Field::new("tests", TESTS),
    Field::new("meta", Shape::Map),
]);
const COLUMN: Shape = Shape::Fields(&[
    Field::needed("name", Shape::Name),
    Field::new("data_type", Shape::Name),
    Field::new("description", Shape::Text),
    Field::new("data_tests", TESTS),
    Field::new("tests", TESTS),
    Field::new("meta", Shape::Map),
]);
const TESTS: Shape = Shape::List(&Shape::Test);

/// The parts of a YAML file.
const NAMES: [&str; 4] = ["version", "models", "sources", "unit_tests"];
const REFUSED: [(&str, &str); 2] = [
    ("seeds", "declare the table in a pipeline of files"),
    (
        "snapshots",
        "Icefront keeps the history of each table by itself; read it with `ref('<table>_history')`",
    ),
];
/// What dbt reads and Icefront does not need: parts of a file, fields of a model and of a column.
const IGNORED: [&str; 5] = [
    "exposures",
    "metrics",
    "semantic_models",
    "saved_queries",
    "groups",
];
const IGNORED_OF_MODELS: [&str; 5] = ["docs", "access", "constraints", "group", "latest_version"];
/// The same, with a warning: fields of dbt's semantic layer, which Icefront does not have.
const SEMANTIC: [&str; 9] = [
    "time_spine",
    "semantic_model",
    "semantic_models",
    "metrics",
    "exposures",
    "saved_queries",
    "groups",
    "primary_entity",
    "agg_time_dimension",
];
const IGNORED_OF_COLUMNS: [&str; 8] = [
    "constraints",
    "tags",
    "quote",
    "config",
    "policy_tags",
    "entity",
    "dimension",
    "granularity",
];

/// Adds the other names and the fields of dbt to the JSON Schema of a model.
fn of_models(schema: &mut Schema) {
    also_called(schema, "data_tests", "tests");
    ignored(schema, IGNORED_OF_MODELS.into_iter().chain(SEMANTIC));
}

/// The same of a column.
fn of_columns(schema: &mut Schema) {
    also_called(schema, "data_tests", "tests");
    ignored(schema, IGNORED_OF_COLUMNS);
}

/// Adds the parts of dbt to the JSON Schema of a file.
pub(crate) fn of_files(schema: &mut Schema) {
    ignored(schema, IGNORED.into_iter().chain(["macros"]));
}

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
                "models" => placed(file, entries)
                    .for_each(|entry| properties.add_model(entry, faults, warnings)),
                "sources" => placed(file, entries)
                    .for_each(|entry| properties.sources.add(entry, known, faults)),
                "unit_tests" => properties.unit_tests.extend(placed(file, entries)),
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
    fn add_model(&mut self, mut entry: Entry, faults: &mut Vec<Fault>, warnings: &mut Vec<Fault>) {
        let file = entry.file.clone();
        let name = entry.subject("model");
        let value = &mut entry.value;
        if value.get("versions").is_some() {
            let message = format!(
                "{name}: `versions` is not supported; write a model of its own for each version"
            );
            faults.push(Fault::new(&file, message));
            return;
        }
        for field in SEMANTIC.iter().filter(|field| value.get(field).is_some()) {
            let message =
                format!("{name}: `{field}` has no effect: Icefront has no semantic layer");
            warnings.push(Fault::new(&file, message));
        }
        ignore(value, &SEMANTIC);
        ignore(value, &IGNORED_OF_MODELS);
        ignore_in(value, "columns", &IGNORED_OF_COLUMNS);
        let Some(model) = entry.read::<ModelProperties>("model", &MODEL, faults) else {
            return;
        };
        if let Some(other) = self.models.get(&model.name) {
            let message = format!(
                "model `{}` is described in `{}` already; keep one of the two",
                model.name, other.file
            );
            faults.push(Fault::new(&file, message));
            return;
        }
        self.models
            .insert(model.name.clone(), Placed { file, value: model });
    }
}

/// An entry of a list in a YAML file.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) file: String,
    /// Its place in the list, from 1.
    number: usize,
    pub(crate) value: Value,
}

fn placed(file: &File, entries: Vec<Value>) -> impl Iterator<Item = Entry> {
    entries.into_iter().zip(1..).map(|(value, number)| Entry {
        file: file.place.clone(),
        number,
        value,
    })
}

impl Entry {
    /// How messages name it. `kind` is `model`, `source` or `unit test`.
    pub(crate) fn subject(&self, kind: &str) -> String {
        match self.value.get("name").and_then(Value::as_str) {
            Some(name) if !name.is_empty() => format!("{kind} `{name}`"),
            _ => format!("{kind} number {}", self.number),
        }
    }

    /// The entry, if it has the right shape.
    pub(crate) fn read<T: DeserializeOwned>(
        self,
        kind: &str,
        shape: &Shape,
        faults: &mut Vec<Fault>,
    ) -> Option<T> {
        let subject = self.subject(kind);
        let told = match shape.read(self.value) {
            Ok(value) => return Some(value),
            Err(told) => told,
        };
        let told = told.into_iter();
        faults.extend(told.map(|fault| Fault::new(&self.file, format!("{subject}: {fault}"))));

        None
    }
}

/// A YAML text as JSON.
pub(crate) fn parse(place: &str, text: &str, faults: &mut Vec<Fault>) -> Option<Value> {
    let plainly = serde_saphyr::options! { with_snippet: false };
    match serde_saphyr::from_str_with_options(text, plainly) {
        Ok(value) => match fault_of_values(place, &value, text) {
            Some(fault) => {
                faults.push(fault);
                None
            }
            None => Some(value),
        },
        Err(fault) => {
            let line = fault.location().map(|at| at.line());
            let line = line.and_then(|line| usize::try_from(line).ok());
            faults.push(Fault::new(place, unreadable(&fault.to_string())).at(line));
            None
        }
    }
}

/// The message of the YAML reader without its place, and with what to do.
fn unreadable(message: &str) -> String {
    let placed = message.rsplit_once(" at line ");
    let message = placed.map_or(message, |(message, _)| message);
    let twice = message.strip_prefix("duplicate mapping key: ");
    let key = twice.map(|key| key.split(", set ").next().unwrap_or(key));
    match key {
        Some(key) => format!("`{key}` is there twice in one map; keep one of the two"),
        None => format!("the YAML cannot be read: {message}"),
    }
}

/// Removes fields from a map.
pub(crate) fn ignore(entry: &mut Value, fields: &[&str]) {
    if let Value::Object(map) = entry {
        map.retain(|name, _| !fields.contains(&name.as_str()));
    }
}

/// Removes fields from each map of a list below `part`.
pub(crate) fn ignore_in(entry: &mut Value, part: &str, fields: &[&str]) {
    let entries = entry.get_mut(part).and_then(Value::as_array_mut);
    for entry in entries.into_iter().flatten() {
        ignore(entry, fields);
    }
}
