//! How rows that went are found, where a table itself is read.

use std::time::Duration;

use serde::Deserialize;

use crate::config::parse_duration;

/// How rows that went are found, where the table itself is read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deletes {
    /// When all keys of the table are compared with those of the current rows and of what landed since.
    #[serde(default)]
    pub compare_keys: CompareKeys,
}

/// When all keys of a table are compared with those of the current rows and of what landed since.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum CompareKeys {
    /// Never: rows that went stay.
    #[default]
    Off,
    EachRun,
    /// By the first extraction after so long.
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
                        "`compare_keys` is `{other}`; write `off`, `each_run`, or a time such as `every 1h`"
                    ))
                }),
        }
    }
}
