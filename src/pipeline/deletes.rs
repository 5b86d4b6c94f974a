//! How deletes of a polled table are found.

use std::time::Duration;

use serde::Deserialize;

use crate::config::parse_duration;

/// How deletes of a polled table are found.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deletes {
    #[serde(default)]
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
