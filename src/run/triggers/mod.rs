//! What starts runs besides callers: a poll that finds something new, a time of a schedule, a target lag that comes near, the day's
//! time of maintenance.
//!
//! Each trigger of each pipeline is a task of its own. All services watch, and the state database lets only one start the run.

mod faults;
mod maintenance;
mod poll;
mod rest;
mod schedule;
mod target_lag;

use crate::app::{App, Background};

/// Starts the tasks that watch for what starts runs.
pub(super) fn watch(app: &App, tasks: &mut Background) {
    for definition in app.pipelines.usable() {
        let of = || (app.clone(), definition.name.clone());
        if let Some(every) = definition.poll {
            let (app, pipeline) = of();
            tasks.spawn("poll", move || {
                poll::watch(app.clone(), pipeline.clone(), every)
            });
        }
        if let Some(at) = app.config.retention.at {
            let (app, pipeline) = of();
            tasks.spawn("maintenance", move || {
                maintenance::watch(app.clone(), pipeline.clone(), at)
            });
        }
        if definition.schedule.is_some() {
            let (app, pipeline) = of();
            tasks.spawn("schedule", move || {
                schedule::watch(app.clone(), pipeline.clone())
            });
        }
        if !definition.target_lags.is_empty() {
            let (app, pipeline) = of();
            tasks.spawn("target lag", move || {
                target_lag::watch(app.clone(), pipeline.clone())
            });
        }
    }
}
