//! How a model is kept: `{{ config(…) }}`, the `config` of a YAML file, or `+…` by folder in `dbt_project.yml`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::nearest::did_you_mean;
use crate::properties::with_nearest;
use crate::target_lag::TargetLag;

/// Configuration as it is written, by name.
pub(crate) type Written = Map<String, Value>;

/// The configuration of one model.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub enabled: Option<bool>,
    pub materialized: Materialized,
    /// The columns that identify a row of an incremental model.
    #[serde(deserialize_with = "one_or_many")]
    pub unique_key: Vec<String>,
    pub refresh: Refresh,
    pub target_lag: Option<TargetLag>,
    #[serde(deserialize_with = "one_or_many")]
    pub tags: Vec<String>,
    /// The name of the table, when it is not the model's.
    pub alias: Option<String>,
    /// The schema of the table, when it is not that of the marts.
    pub schema: Option<String>,
    pub description: Option<String>,
    pub meta: Map<String, Value>,
    pub on_error: OnError,
    /// Trino's properties of the table: `partitioning`, `sorted_by`, `format`.
    pub properties: BTreeMap<String, Value>,
    pub contract: Contract,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Materialized {
    #[default]
    View,
    Table,
    Incremental,
}

impl Materialized {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Table => "table",
            Self::Incremental => "incremental",
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refresh {
    #[default]
    Auto,
    /// A model that cannot be incremental is refused.
    Strict,
    Full,
}

/// Whether models run although a test of a model that they read failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    #[default]
    Skip,
    /// They read the old rows.
    Keep,
}

/// Whether the columns must be the declared ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Contract {
    pub enforced: bool,
}

const NAMES: [&str; 13] = [
    "enabled",
    "materialized",
    "unique_key",
    "refresh",
    "target_lag",
    "tags",
    "alias",
    "schema",
    "description",
    "meta",
    "on_error",
    "properties",
    "contract",
];

/// Configuration of dbt that would change what a model means, with what to do instead.
const REFUSED: [(&str, &str); 14] = [
    (
        "pre_hook",
        "Icefront sends no other statements; write what it prepares as a model",
    ),
    (
        "pre-hook",
        "Icefront sends no other statements; write what it prepares as a model",
    ),
    (
        "post_hook",
        "Icefront sends no other statements; write what it makes as a model",
    ),
    (
        "post-hook",
        "Icefront sends no other statements; write what it makes as a model",
    ),
    (
        "incremental_strategy",
        "remove it: Icefront finds the rows that changed by itself",
    ),
    (
        "incremental_predicates",
        "remove it: Icefront finds the rows that changed by itself",
    ),
    (
        "merge_update_columns",
        "remove it: a row is always as the query says",
    ),
    (
        "merge_exclude_columns",
        "remove it: a row is always as the query says",
    ),
    (
        "on_schema_change",
        "remove it: a model whose columns change is built again",
    ),
    (
        "sql_header",
        "put the statement's session properties into `trino.session` of the settings",
    ),
    (
        "database",
        "models are in the catalog of the pipeline; use `schema` and `alias`",
    ),
    (
        "strategy",
        "Icefront keeps the history of each table by itself; read it with `ref('<table>_history')`",
    ),
    (
        "event_time",
        "remove it: Icefront finds the rows that changed by itself",
    ),
    (
        "batch_size",
        "remove it: Icefront finds the rows that changed by itself",
    ),
];

/// Configuration of dbt that has no effect here.
const IGNORED: [&str; 9] = [
    "full_refresh",
    "persist_docs",
    "grants",
    "docs",
    "group",
    "access",
    "quoting",
    "views_enabled",
    "on_configuration_change",
];

/// A name in a configuration that needs a word.
pub(crate) enum Remark {
    Refused(String),
    Ignored(String),
}

/// Remarks about names that Icefront does not have.
pub(crate) fn remarks(written: &Written) -> Vec<Remark> {
    written
        .keys()
        .filter(|name| !NAMES.contains(&name.as_str()))
        .map(|name| {
            if let Some((_, instead)) = REFUSED.iter().find(|(refused, _)| refused == name) {
                return Remark::Refused(format!("`{name}` is not supported; {instead}"));
            }
            if IGNORED.contains(&name.as_str()) {
                return Remark::Ignored(format!("`{name}` has no effect"));
            }
            Remark::Refused(format!(
                "`{name}` is not known{}",
                did_you_mean(name, NAMES)
            ))
        })
        .chain(of_values(written))
        .chain(of_shapes(written))
        .collect()
}

/// Remarks about values that their names cannot have.
fn of_shapes(written: &Written) -> impl Iterator<Item = Remark> {
    written
        .iter()
        .filter(|(name, _)| NAMES.contains(&name.as_str()))
        .filter(|(name, value)| *name != "materialized" || kind_of_dbt(value).is_none())
        .filter_map(|(name, value)| {
            let alone = Written::from_iter([(name.clone(), value.clone())]);
            let fault = serde_json::from_value::<Config>(Value::Object(alone)).err()?;
            let message = with_nearest(&fault.to_string());
            let is_named = message.contains(&format!("`{name}`"));
            Some(Remark::Refused(if is_named {
                message
            } else {
                format!("`{name}`: {message}")
            }))
        })
}

/// Remarks about values that only dbt has.
fn of_values(written: &Written) -> impl Iterator<Item = Remark> {
    let has_jinja = |value: &&Value| value.as_str().is_some_and(|text| text.contains("{{"));
    let jinja = written.values().filter(has_jinja).map(|value| {
        Remark::Refused(format!(
            "{value} has Jinja, which is only rendered in models; write the value"
        ))
    });
    let kind = written.get("materialized").and_then(kind_of_dbt);
    let properties = written.get("properties").and_then(Value::as_object);
    let properties = properties.into_iter().flatten().filter_map(|(name, value)| {
        if name == "location" {
            return Some(Remark::Refused(
                "`properties.location` is not supported: a table that is built again needs a place of its own".into(),
            ));
        }
        (!is_property(value)).then(|| {
            Remark::Refused(format!(
                "`properties.{name}` is `{value}`; write a text, a whole number, a boolean, or a list of these"
            ))
        })
    });

    jinja
        .chain(properties)
        .chain(kind.map(|message| Remark::Refused(message.into())))
}

/// What to do instead of a kind of model that only dbt has.
fn kind_of_dbt(value: &Value) -> Option<&'static str> {
    match value.as_str()? {
        "ephemeral" => Some(
            "`materialized: ephemeral` is not supported; use `view`, which is put into its readers",
        ),
        "materialized_view" => {
            Some("`materialized: materialized_view` is not supported; use `incremental`")
        }
        _ => None,
    }
}

fn is_property(value: &Value) -> bool {
    match value {
        Value::String(_) | Value::Bool(_) => true,
        Value::Number(number) => number.is_i64(),
        Value::Array(items) => items.iter().all(is_property),
        Value::Null | Value::Object(_) => false,
    }
}

impl Config {
    /// Reads the configuration of a model. Of several sources the later ones count; `tags` and `meta` add up.
    pub(crate) fn read(sources: &[&Written]) -> Result<Self, String> {
        let mut merged = Written::new();
        for (name, value) in sources.iter().flat_map(|source| source.iter()) {
            if !NAMES.contains(&name.as_str()) {
                continue;
            }
            let value = match (name.as_str(), merged.get(name)) {
                ("tags", Some(before)) => Value::Array([items(before), items(value)].concat()),
                ("meta", Some(Value::Object(before))) => {
                    let mut all = before.clone();
                    all.extend(value.as_object().cloned().unwrap_or_default());
                    Value::Object(all)
                }
                _ => value.clone(),
            };
            merged.insert(name.clone(), value);
        }
        let config: Self = serde_json::from_value(Value::Object(merged))
            .map_err(|fault| with_nearest(&fault.to_string()))?;
        if config.materialized == Materialized::Incremental && config.unique_key.is_empty() {
            return Err(
                "an incremental model needs `unique_key`: the columns that identify a row".into(),
            );
        }

        Ok(config)
    }
}

fn items(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.clone(),
        other => vec![other.clone()],
    }
}

fn one_or_many<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a name, or a list of names, was expected")]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }

    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    })
}
