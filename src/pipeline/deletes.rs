//! How deletes of a polled table are found.

use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::config::parse_duration;

/// How deletes of a polled table are found.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Deletes {
    /// When a key comparison runs.
    #[serde(default)]
    #[schemars(extend("default" = "off"))]
    pub compare_keys: CompareKeys,
}

/// When a key comparison runs: the source's keys against those of the current rows and of rows that landed since.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CompareKeys {
    /// Deleted rows stay.
    #[default]
    Off,
    EachRun,
    /// In the first extraction after this time.
    Every(Duration),
}

impl<'de> Deserialize<'de> for CompareKeys {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "off" => Ok(Self::Off),
            "each_run" => Ok(Self::EachRun),
            other => other
                .strip_prefix("every ")
                .and_then(|every| parse_duration(every.trim()))
                .map(Self::Every)
                .ok_or_else(|| {
                    serde::de::Error::custom(format!(
                        "`compare_keys` is `{other}`; write `off`, `each_run`, or an interval such as `every 1h`"
                    ))
                }),
        }
    }
}

impl JsonSchema for CompareKeys {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CompareKeys".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                {"const": "off", "description": "Deleted rows stay."},
                {"const": "each_run", "description": "In each run."},
                {
                    "type": "string",
                    "pattern": "^every .*([0-9] ?[A-Za-z]|\\$\\{)",
                    "description": "In the first run after this time.",
                    "examples": ["every 1h"],
                },
            ],
        })
    }
}
