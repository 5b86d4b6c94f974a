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

use std::collections::BTreeMap;

use crate::app::{App, Background};
use crate::pipeline::Definition;

/// Keeps the tasks that watch for what starts runs, for ever. Those of a pipeline begin anew when its definition is another one.
pub(super) async fn watch(app: App) {
    let mut newest = app.newest_pipelines();
    let mut before = newest.borrow_and_update().clone();
    let mut watching: BTreeMap<String, Background> = BTreeMap::new();
    loop {
        let app = app.at_present();
        watching.retain(|name, _| app.pipelines.has_same(&before, name));
        for definition in app.pipelines.usable() {
            watching
                .entry(definition.name.clone())
                .or_insert_with(|| triggers(&app, definition));
        }
        before = app.pipelines.clone();
        // The service holds the sender.
        if newest.changed().await.is_err() {
            return;
        }
    }
}

/// Starts the tasks of a pipeline.
fn triggers(app: &App, definition: &Definition) -> Background {
    let mut tasks = Background::default();
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

    tasks
}
