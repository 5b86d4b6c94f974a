//! Durations as the settings and the API write them.

use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserializer;
use serde::de::{Error, Visitor};

/// Reads a duration such as `55s`, `10m` or `1h 30m`.
pub(crate) fn duration<'de, D>(deserializer: D) -> Result<Duration, D::Error>
where
    D: Deserializer<'de>,
{
    deserializer.deserialize_str(DurationVisitor)
}

struct DurationVisitor;

impl Visitor<'_> for DurationVisitor {
    type Value = Duration;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a duration such as `30s`, `10m` or `1h`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Duration, E> {
        parse_duration(text).ok_or_else(|| {
            E::custom(format!(
                "`{text}` is not a duration; write one such as `30s`, `10m` or `1h`"
            ))
        })
    }
}

/// The JSON Schema of what [`duration`] reads.
pub(crate) struct DurationText;

impl JsonSchema for DurationText {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "[0-9] ?[A-Za-z]|\\$\\{",
            "examples": ["30s", "10m", "1h", "7d"],
        })
    }
}

/// As [`duration`], for an optional setting.
pub(crate) fn some_duration<'de, D>(deserializer: D) -> Result<Option<Duration>, D::Error>
where
    D: Deserializer<'de>,
{
    duration(deserializer).map(Some)
}

/// Reads a duration such as `55s` or `1d` (24 hours). `None` for other texts and negative durations.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    if let Some(days) = text.strip_suffix('d') {
        let days: u64 = days.trim_end().parse().ok()?;
        return days.checked_mul(24 * 60 * 60).map(Duration::from_secs);
    }
    let span: jiff::SignedDuration = text.parse().ok()?;

    Duration::try_from(span).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Setting {
        #[serde(deserialize_with = "duration")]
        settle: Duration,
    }

    #[test]
    fn a_number_without_its_unit_is_answered_with_how_to_write_it() {
        let read = |text: &str| serde_json::from_str::<Setting>(text);
        let setting = read(r#"{"settle": "1h 30m"}"#).expect("a duration");
        assert_eq!(setting.settle, Duration::from_mins(90));
        for wrong in [
            r#"{"settle": 5}"#,
            r#"{"settle": "5"}"#,
            r#"{"settle": "-5s"}"#,
        ] {
            let fault = read(wrong).expect_err("no duration").to_string();
            assert!(fault.contains("such as `30s`"), "{fault}");
        }
    }
}
