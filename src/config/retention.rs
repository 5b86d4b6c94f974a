//! How long things are kept, and when maintenance deletes what is older.

use std::time::Duration;

use jiff::civil::Time;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::duration::parse_duration;
use super::{Runs, Trino, duration};
use crate::error::{Error, Result};

/// The word for no daily maintenance, and for what stays for ever.
const OFF: &str = "off";
const DAY: Duration = Duration::from_hours(24);
/// Deliveries and lineage ask for a run as long as they are tried, and callers look at runs of the last days.
const LEAST_RUNS: Duration = Duration::from_hours(7 * 24);
/// Trino expires no younger snapshots, unless a session property says otherwise.
const LEAST_SNAPSHOTS: Duration = Duration::from_hours(7 * 24);

/// How long things are kept.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// The text of statements.
    #[serde(deserialize_with = "duration")]
    pub sql: Duration,
    /// What happened to runs, step by step.
    #[serde(deserialize_with = "duration")]
    pub events: Duration,
    /// Runs with their steps, statements and attempts.
    #[serde(deserialize_with = "duration")]
    pub runs: Duration,
    /// Rejects; `None`: they stay until somebody dismisses them.
    #[serde(deserialize_with = "duration_or_off")]
    pub rejects: Option<Duration>,
    /// Iceberg snapshots.
    #[serde(deserialize_with = "duration")]
    pub snapshots: Duration,
    /// The time of the day, in UTC; `None`: only callers start maintenance.
    #[serde(deserialize_with = "daily_time")]
    pub at: Option<Time>,
}

impl Retention {
    /// Refuses times that are shorter than something needs.
    pub(super) fn check(&self, runs: &Runs, trino: &Trino) -> Result<()> {
        for (name, kept) in [("sql", self.sql), ("events", self.events)] {
            if kept < DAY {
                return Err(Error::Settings(format!(
                    "`retention.{name}` is less than 1 d, so nobody could look at a fault of yesterday; write a time such as `30d`"
                )));
            }
            if kept > self.runs {
                return Err(Error::Settings(format!(
                    "`retention.{name}` is longer than `retention.runs`, but it goes with its run; write at most the time of `retention.runs`"
                )));
            }
        }
        if self.rejects.is_some_and(|kept| kept < DAY) {
            return Err(Error::Settings(
                "`retention.rejects` is less than 1 d, so nobody could repair a reject of yesterday; write a time such as `400d`, or `off`".into(),
            ));
        }
        if self.runs < LEAST_RUNS {
            return Err(Error::Settings(
                "`retention.runs` is less than 7 d, but messages and lineage of a run may wait for days; write a time such as `90d`".into(),
            ));
        }
        if self.runs < runs.keep_keys {
            return Err(Error::Settings(
                "`retention.runs` is shorter than `runs.keep_keys`, but a key needs its run; write at least the time of `runs.keep_keys`".into(),
            ));
        }
        let allows_less = format!("{}.expire_snapshots_min_retention", trino.catalog);
        if self.snapshots < LEAST_SNAPSHOTS && !trino.session.contains_key(&allows_less) {
            return Err(Error::Settings(format!(
                "`retention.snapshots` is less than 7 d, and Trino expires no younger snapshots; write a time such as `7d`, or allow less by `{allows_less}` in `trino.session`"
            )));
        }

        Ok(())
    }
}

/// Reads a time of the day such as `03:00`; `None` for `off`.
fn daily_time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Time>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text == OFF {
        return Ok(None);
    }
    let time = Time::strptime("%H:%M", &text);

    time.map(Some).map_err(|_| {
        D::Error::custom(format!(
            "`{text}` is no time of the day; write one in UTC such as `03:00`, or `off`"
        ))
    })
}

/// Reads a duration such as `400d`; `None` for `off`.
fn duration_or_off<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text == OFF {
        return Ok(None);
    }

    parse_duration(&text).map(Some).ok_or_else(|| {
        D::Error::custom(format!(
            "`{text}` is not a duration; write one such as `400d`, or `off`"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Setting {
        #[serde(deserialize_with = "daily_time")]
        at: Option<Time>,
    }

    #[test]
    fn a_time_of_the_day_has_hours_and_minutes_and_off_is_none() {
        let read = |text: &str| serde_json::from_str::<Setting>(text);
        let three = read(r#"{"at": "03:00"}"#).expect("a time");
        assert_eq!(three.at, Time::new(3, 0, 0, 0).ok());
        assert_eq!(read(r#"{"at": "off"}"#).expect("off").at, None);
        for wrong in [
            r#"{"at": "3am"}"#,
            r#"{"at": "25:00"}"#,
            r#"{"at": "03:00:00 and more"}"#,
            r#"{"at": ""}"#,
        ] {
            let fault = read(wrong).expect_err("no time").to_string();
            assert!(fault.contains("such as `03:00`, or `off`"), "{fault}");
        }
    }
}
