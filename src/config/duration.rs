//! Durations as the settings and the API write them.

use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// Reads a duration such as `55s`, `10m` or `1h 30m`.
pub(crate) fn duration<'de, D>(deserializer: D) -> Result<Duration, D::Error>
where
    D: Deserializer<'de>,
{
    let text = String::deserialize(deserializer)?;
    parse_duration(&text).ok_or_else(|| {
        serde::de::Error::custom(format!(
            "`{text}` is no duration; write one such as `30s`, `10m` or `1h`"
        ))
    })
}

/// As [`duration`], for a setting that may be left out.
pub(crate) fn some_duration<'de, D>(deserializer: D) -> Result<Option<Duration>, D::Error>
where
    D: Deserializer<'de>,
{
    duration(deserializer).map(Some)
}

/// Reads a duration that is not negative, such as `55s` or `1d`, a day being 24 hours; nothing else is one.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    if let Some(days) = text.strip_suffix('d') {
        let days: u64 = days.trim_end().parse().ok()?;
        return days.checked_mul(24 * 60 * 60).map(Duration::from_secs);
    }
    let span: jiff::SignedDuration = text.parse().ok()?;

    Duration::try_from(span).ok()
}
