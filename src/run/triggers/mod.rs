//! What starts runs besides callers: a poll that finds something new, a time of a schedule, a target lag that comes near.
//!
//! Each trigger of each pipeline is a task of its own. All services watch, and the state database lets only one start the run.

mod faults;
mod poll;
mod schedule;
mod target_lag;

use tokio::task::JoinSet;

use crate::app::App;

/// Starts the tasks that watch for what starts runs.
pub(super) fn watch(app: &App, tasks: &mut JoinSet<()>) {
    for definition in app.pipelines.usable() {
        let pipeline = &definition.name;
        if let Some(every) = definition.poll {
            tasks.spawn(poll::watch(app.clone(), pipeline.clone(), every));
        }
        if definition.schedule.is_some() {
            tasks.spawn(schedule::watch(app.clone(), pipeline.clone()));
        }
        if !definition.target_lags.is_empty() {
            tasks.spawn(target_lag::watch(app.clone(), pipeline.clone()));
        }
    }
}
