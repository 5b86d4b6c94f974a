//! How far a model may be behind: `target_lag: 5 minutes`, or `downstream`.

use std::fmt;
use std::time::Duration;

use jiff::{Span, SpanRelativeTo};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// How far a model may be behind the data that it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetLag {
    Within(Duration),
    /// As its readers need it.
    Downstream,
}

const LEAST: Duration = Duration::from_secs(1);
const MOST: Duration = Duration::from_hours(366 * 24);

impl TargetLag {
    /// Reads `5 minutes`, `2h`, `1 day` or `downstream`. A day has 24 hours.
    fn parse(text: &str) -> Result<Self, String> {
        if text.trim().eq_ignore_ascii_case("downstream") {
            return Ok(Self::Downstream);
        }
        let lag = duration(text).ok_or_else(|| {
            format!(
                "`target_lag` is `{text}`; write a duration such as `5 minutes`, or `downstream`"
            )
        })?;
        if !(LEAST..=MOST).contains(&lag) {
            return Err(format!(
                "`target_lag` is `{text}`; write at least `1 second` and at most `366 days`"
            ));
        }

        Ok(Self::Within(lag))
    }
}

fn duration(text: &str) -> Option<Duration> {
    let span: Span = text.trim().parse().ok()?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;

    Duration::try_from(duration).ok()
}

impl<'de> Deserialize<'de> for TargetLag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Text)
    }
}

struct Text;

impl Text {
    /// A number lacks its unit.
    fn number<E: Error>(number: &dyn fmt::Display) -> E {
        E::custom(format!(
            "`target_lag` is `{number}`, without a unit; write it such as `5 minutes`"
        ))
    }
}

impl Visitor<'_> for Text {
    type Value = TargetLag;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("`target_lag` such as `5 minutes`, or `downstream`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<TargetLag, E> {
        TargetLag::parse(text).map_err(E::custom)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<TargetLag, E> {
        Err(Self::number(&number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<TargetLag, E> {
        Err(Self::number(&number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<TargetLag, E> {
        Err(Self::number(&number))
    }
}

impl JsonSchema for TargetLag {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "TargetLag".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [
                {"const": "downstream", "description": "As its readers need it."},
                {"type": "string", "pattern": "[0-9] ?[A-Za-z]", "examples": ["5 minutes", "2h", "1 day"]},
            ],
        })
    }
}
