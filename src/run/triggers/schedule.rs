//! Pipelines with `schedule`: a run for each of its times, once over all services.

use std::time::Duration;

use jiff::Timestamp;

use super::faults::Faults;
use crate::app::App;
use crate::error::Result;
use crate::pipeline::Schedule;
use crate::run::request::Request;
use crate::run::start::{Cause, start_by_itself};
use crate::state::Trigger;

/// The longest sleep: another service may pause the pipeline meanwhile.
const LONGEST_SLEEP: Duration = Duration::from_secs(10);
/// A resumed pipeline is seen after this time.
const PAUSED_SLEEP: Duration = Duration::from_secs(1);
const PAUSE_AFTER_FAULT: Duration = Duration::from_secs(5);

/// Starts the runs of a pipeline's schedule, for ever.
pub(super) async fn watch(app: App, pipeline: String) {
    let mut faults = Faults::of(&pipeline, "the run of a schedule cannot be started");
    loop {
        let looked = look(&app, &pipeline).await;
        faults.note(&looked);
        tokio::time::sleep(looked.unwrap_or(PAUSE_AFTER_FAULT)).await;
    }
}

/// Starts a run if one of the schedule's times has passed, and says how long to wait for the next look.
///
/// Times that passed while no service was there have one run together. All services read the same last time, find the same next
/// one, and use it as the key of its run, so that only one of them starts it.
async fn look(app: &App, pipeline: &str) -> Result<Duration> {
    let definition = app.pipelines.get(pipeline)?;
    let Some(schedule) = &definition.schedule else {
        return Ok(LONGEST_SLEEP);
    };
    app.store.begin_schedule(pipeline, &schedule.text).await?;
    let state = app.store.pipeline(pipeline).await?;
    if state.is_paused {
        return Ok(PAUSED_SLEEP);
    }
    let Some(until) = state.scheduled_until else {
        return Ok(LONGEST_SLEEP);
    };
    let Some(due) = schedule.after(until) else {
        return Ok(LONGEST_SLEEP);
    };
    let wait = Timestamp::now().duration_until(due);
    if let Ok(wait) = Duration::try_from(wait)
        && !wait.is_zero()
    {
        return Ok(wait.min(LONGEST_SLEEP));
    }
    let key = key(schedule, due);
    let request = Request::default();
    let cause = Cause {
        trigger: Trigger::Schedule,
        key: Some(&key),
        scheduled_for: Some(due),
    };
    start_by_itself(app, definition, request, cause).await?;
    app.store.keep_schedule(pipeline, until, due).await?;

    Ok(Duration::ZERO)
}

/// Callers' keys have no blanks, so none is the same.
fn key(schedule: &Schedule, due: Timestamp) -> String {
    format!("schedule {} {due}", schedule.text)
}
