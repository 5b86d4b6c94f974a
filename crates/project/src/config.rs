//! How a model is kept: `{{ config(…) }}`, the `config` of a YAML file, or `+…` by folder in `dbt_project.yml`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::remark::{NAMES, without_effect};
use crate::shape::{Field, Shape};
use crate::target_lag::TargetLag;

/// Configuration as it is written, by name.
pub(crate) type Written = Map<String, Value>;

/// The configuration of one model.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(transform = without_effect)]
pub struct Config {
    /// `false` leaves the model out.
    pub enabled: Option<bool>,
    /// How the model is kept.
    pub materialized: Materialized,
    /// The columns that identify a row of an incremental model.
    #[serde(deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany")]
    pub unique_key: Vec<String>,
    /// Whether a refresh may compute the whole model.
    pub refresh: Refresh,
    /// How far the model may be behind the data that it reads.
    pub target_lag: Option<TargetLag>,
    /// Words to select models by.
    #[serde(deserialize_with = "one_or_many")]
    #[schemars(with = "OneOrMany")]
    pub tags: Vec<String>,
    /// The name of the table, when it is not the model's.
    pub alias: Option<String>,
    /// The schema of the table, when it is not that of the marts.
    pub schema: Option<String>,
    /// Becomes the comment of the table.
    pub description: Option<String>,
    /// Names and values of your own.
    pub meta: Map<String, Value>,
    /// Whether models run although a test of a model that they read failed.
    pub on_error: OnError,
    /// Trino's properties of the table: `partitioning`, `sorted_by`, `format`.
    pub properties: BTreeMap<String, Value>,
    /// Whether the columns must be the declared ones.
    pub contract: Contract,
}

/// How a model is kept.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Materialized {
    /// Computed when it is read.
    #[default]
    View,
    /// Rows that each refresh replaces as a whole.
    Table,
    /// Rows of which a refresh computes only the affected scopes.
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

/// Whether a refresh may compute the whole model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Refresh {
    /// Only the affected scopes are computed, if the query allows it.
    #[default]
    Auto,
    /// A model that cannot be incremental is refused.
    Strict,
    /// Each refresh computes the whole model.
    Full,
}

/// Whether models run although a test of a model that they read failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnError {
    /// They are left out.
    #[default]
    Skip,
    /// They read the old rows.
    Keep,
}

/// Whether the columns must be the declared ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Contract {
    /// A refresh fails if a column, or its type, is another one.
    pub enforced: bool,
}

/// The keys of a configuration. `target_lag` says by itself what is wrong with it.
pub(crate) const SHAPE: Shape = Shape::SomeFields(&[
    Field::new("enabled", Shape::Truth),
    Field::new(
        "materialized",
        Shape::Word(&["view", "table", "incremental"]),
    ),
    Field::new("unique_key", Shape::Names),
    Field::new("refresh", Shape::Word(&["auto", "strict", "full"])),
    Field::new("tags", Shape::Names),
    Field::new("alias", Shape::Table),
    Field::new("schema", Shape::Table),
    Field::new("description", Shape::Text),
    Field::new("meta", Shape::Map),
    Field::new("on_error", Shape::Word(&["skip", "keep"])),
    Field::new("properties", Shape::Map),
    Field::new(
        "contract",
        Shape::Fields(&[Field::new("enforced", Shape::Truth)]),
    ),
]);

impl Config {
    /// Reads the configuration of a model. Of several sources the later ones count; `tags` and `meta` add up.
    pub(crate) fn read(sources: &[&Written]) -> Result<Self, String> {
        let mut merged = Written::new();
        for (name, value) in sources.iter().flat_map(|source| source.iter()) {
            if !NAMES.contains(&name.as_str()) {
                continue;
            }
            if value.is_null() {
                merged.remove(name);
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
        let config: Self = SHAPE
            .read(Value::Object(merged))
            .map_err(|faults| faults.join("; "))?;
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

#[derive(Deserialize, JsonSchema)]
#[serde(untagged, expecting = "a name, or a list of names, was expected")]
#[schemars(inline)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

fn one_or_many<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(one) => vec![one],
        OneOrMany::Many(many) => many,
    })
}
