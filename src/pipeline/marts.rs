//! Which marts a table has: current rows and history as two tables, current rows as a view of the history, or no history.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// The marts of a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Marts {
    /// Current rows and history, each a table of its own.
    #[default]
    TwoTables,
    /// The history is a table, and the current rows are a view of its open versions.
    CurrentView,
    /// The current rows are a table, and there is no history.
    NoHistory,
}

/// What one step publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mart {
    Current,
    History,
    /// The history, and with it the current rows, which are a view of it.
    HistoryWithView,
}

/// How the current rows are kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CurrentRows {
    /// A table, which every engine can read.
    #[default]
    Table,
    /// A view in Trino of the history's open versions.
    View,
}

/// The history of a table: written `off`, or with its tracked columns.
#[derive(Debug, Clone, Default)]
pub struct History {
    pub is_off: bool,
    pub tracked: Tracked,
}

/// Which columns' changes start a version.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Tracked {
    /// Written `all`.
    #[default]
    #[serde(deserialize_with = "the_word_all")]
    All,
    Columns(Vec<String>),
}

impl Mart {
    /// The step that publishes it.
    #[must_use]
    pub fn step(self, table: &str) -> String {
        match self {
            Self::Current | Self::HistoryWithView => format!("mart.{table}"),
            Self::History => format!("mart.{table}_history"),
        }
    }
}

impl Marts {
    #[must_use]
    pub fn has_history(self) -> bool {
        self != Self::NoHistory
    }

    #[must_use]
    pub fn each(self) -> &'static [Mart] {
        match self {
            Self::TwoTables => &[Mart::Current, Mart::History],
            Self::CurrentView => &[Mart::HistoryWithView],
            Self::NoHistory => &[Mart::Current],
        }
    }

    /// What `pipeline.yaml` says for it.
    pub(super) fn as_definition(self) -> &'static str {
        match self {
            Self::TwoTables => "`current: table` with a history",
            Self::CurrentView => "`current: view`",
            Self::NoHistory => "`history: off`",
        }
    }
}

/// The history where it is not the word `off`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct KeptHistory {
    /// The columns whose changes start a version.
    #[serde(default)]
    #[schemars(extend("default" = "all"))]
    tracked: Tracked,
}

impl JsonSchema for History {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "History".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let kept = generator.subschema_for::<KeptHistory>();

        json_schema!({
            "anyOf": [
                {"enum": ["off", false], "description": "The table has no history."},
                kept,
            ],
            "default": {"tracked": "all"},
        })
    }
}

impl JsonSchema for Tracked {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Tracked".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                {"const": "all", "description": "Each change of a row starts a version."},
                {
                    "type": "array",
                    "items": {"type": "string"},
                    "description": "Only a change of one of these columns starts a version.",
                },
            ],
        })
    }
}

struct HistoryVisitor;

impl<'de> Visitor<'de> for HistoryVisitor {
    type Value = History;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("`history` to be `off`, or `{tracked: all}` or `{tracked: [columns]}`")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<History, E> {
        match word {
            "off" => Ok(History {
                is_off: true,
                ..History::default()
            }),
            _ => Err(E::custom(
                "`history` is `off`, or `{tracked: all}` or `{tracked: [columns]}`",
            )),
        }
    }

    /// Some readers of YAML take `off` for a boolean.
    fn visit_bool<E: Error>(self, is_on: bool) -> Result<History, E> {
        self.visit_str(if is_on { "on" } else { "off" })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<History, A::Error> {
        let KeptHistory { tracked } = KeptHistory::deserialize(MapAccessDeserializer::new(map))?;

        Ok(History {
            is_off: false,
            tracked,
        })
    }
}

impl<'de> Deserialize<'de> for History {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(HistoryVisitor)
    }
}

fn the_word_all<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "all" => Ok(()),
        _ => Err(D::Error::custom("`tracked` is `all` or a list of columns")),
    }
}
