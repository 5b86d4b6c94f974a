//! The YAML files beside the models: descriptions, columns, tests, contracts, and what declares sources and unit tests.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::config::Written;
use crate::control::fault_of_values;
use crate::fault::{Fault, Said};
use crate::files::File;
use crate::nearest::did_you_mean;
use crate::project::Known;
use crate::relation::Column;
use crate::sources::Sources;

/// What the YAML files say, by name.
#[derive(Debug, Default)]
pub(crate) struct Properties {
    pub(crate) models: BTreeMap<String, Placed<ModelProperties>>,
    pub(crate) sources: Sources,
    pub(crate) unit_tests: Vec<Placed<Value>>,
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
                    .for_each(|entry| properties.add_model(file, entry, faults, warnings)),
                "sources" => entries
                    .into_iter()
                    .for_each(|entry| properties.sources.add(file, entry, known, faults)),
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
    fn add_model(
        &mut self,
        file: &File,
        mut entry: Value,
        faults: &mut Vec<Fault>,
        warnings: &mut Vec<Fault>,
    ) {
        let name = entry["name"].as_str().unwrap_or("?").to_owned();
        if entry.get("versions").is_some() {
            let message = format!(
                "model `{name}`: `versions` is not supported; write a model of its own for each version"
            );
            faults.push(Fault::new(&file.place, message));
            return;
        }
        for field in SEMANTIC.iter().filter(|field| entry.get(field).is_some()) {
            let message =
                format!("model `{name}`: `{field}` has no effect: Icefront has no semantic layer");
            warnings.push(Fault::new(&file.place, message));
        }
        ignore(&mut entry, &SEMANTIC);
        ignore(&mut entry, &IGNORED_OF_MODELS);
        ignore_in(&mut entry, "columns", &IGNORED_OF_COLUMNS);
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
            faults.push(Fault::new(place, fault.to_string()));
            None
        }
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

/// The entry of a list in a file, if it has the right shape.
pub(crate) fn typed<T: for<'de> Deserialize<'de>>(
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
