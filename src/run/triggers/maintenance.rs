//! The daily maintenance of each pipeline, once over all services.

use std::time::Duration;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::faults::Faults;
use crate::app::App;
use crate::error::{Error, Result};
use crate::run::start::{Cause, start_maintenance};
use crate::state::Trigger;

/// The longest sleep: another service may start it meanwhile, and clocks are set.
const LONGEST_SLEEP: Duration = Duration::from_mins(1);
const PAUSE_AFTER_FAULT: Duration = Duration::from_mins(1);

/// Starts the maintenance of a pipeline at a time of each day (UTC), for ever.
pub(super) async fn watch(app: App, pipeline: String, at: Time) {
    let mut faults = Faults::of(&pipeline, "the daily maintenance cannot be started");
    loop {
        let looked = look(&app, &pipeline, at).await;
        faults.note(&looked);
        tokio::time::sleep(looked.unwrap_or(PAUSE_AFTER_FAULT)).await;
    }
}

/// Starts the run if a daily time has passed, and says how long to wait for the next look.
///
/// It works as the runs of a schedule: all services find the same time, and use it as the key of its run. Days that passed while no
/// service was there have one run together. Days of a paused pipeline have none.
async fn look(app: &App, pipeline: &str, at: Time) -> Result<Duration> {
    let until = app.store.maintained_until(pipeline).await?;
    let due = next(at, until)?;
    let wait = Timestamp::now().duration_until(due);
    if let Ok(wait) = Duration::try_from(wait)
        && !wait.is_zero()
    {
        return Ok(wait.min(LONGEST_SLEEP));
    }
    // Callers' keys have no blanks, so none is the same.
    let key = format!("maintenance {due}");
    let cause = Cause {
        trigger: Trigger::Schedule,
        key: Some(&key),
        scheduled_for: Some(due),
    };
    start_maintenance(app, pipeline, cause).await?;
    app.store.keep_maintenance(pipeline, until, due).await?;

    Ok(Duration::ZERO)
}

/// The first of the daily times after another time.
fn next(at: Time, after: Timestamp) -> Result<Timestamp> {
    let shown = after.to_zoned(TimeZone::UTC);
    let today = shown.date().to_datetime(at);
    let due = if today > shown.datetime() {
        today
    } else {
        today.checked_add(1.day()).map_err(Error::internal)?
    };
    let due = due.to_zoned(TimeZone::UTC).map_err(Error::internal)?;

    Ok(due.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_daily_time_is_today_or_tomorrow() {
        let at = Time::constant(3, 0, 0, 0);
        for (after, expected) in [
            ("2026-01-31T02:59:59Z", "2026-01-31T03:00:00Z"),
            ("2026-01-31T03:00:00Z", "2026-02-01T03:00:00Z"),
            ("2026-01-31T23:00:00Z", "2026-02-01T03:00:00Z"),
        ] {
            let after: Timestamp = after.parse().expect("a time");
            assert_eq!(next(at, after).expect("a time").to_string(), expected);
        }
    }
}
