//! Values of this service alone: its settings, its connections, what it last saw of its servers.

use metrics::gauge;

use crate::app::{App, TrinoLook};

/// Sets what does not change.
pub(super) fn note_settings(app: &App) {
    gauge!("icefront_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1);
    let limit = u32::try_from(app.config.runs.queue_limit).unwrap_or(u32::MAX);
    gauge!("icefront_runs_queue_limit").set(limit);
    for state in ["queued", "running"] {
        gauge!("icefront_trino_statements", "state" => state).set(0);
    }
}

/// Sets what a scrape is to see.
pub(super) fn note(app: &App) {
    let is_up = app.readiness.check_state().is_ok();
    gauge!("icefront_state_up").set(f64::from(u8::from(is_up)));
    if let Some(look) = app.readiness.trino() {
        gauge!("icefront_trino_up").set(f64::from(u8::from(look == TrinoLook::Answers)));
    }
    gauge!("icefront_pipelines", "state" => "usable").set(count(app.pipelines.usable().count()));
    gauge!("icefront_pipelines", "state" => "broken").set(count(app.pipelines.broken().count()));
    let usable = app.pipelines.usable();
    let outdated = usable.filter(|one| app.pipelines.outdated(&one.name).is_some());
    gauge!("icefront_pipelines", "state" => "outdated").set(count(outdated.count()));
    for pool in app.store.pools() {
        let name = pool.name;
        let set = |state: &'static str, connections| {
            gauge!("icefront_state_connections", "pool" => name, "state" => state)
                .set(count(connections));
        };
        set("in_use", pool.in_use);
        set("idle", pool.idle);
        gauge!("icefront_state_connections_limit", "pool" => name).set(count(pool.limit));
        gauge!("icefront_state_connection_waits", "pool" => name).set(count(pool.waits));
    }
}

fn count(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
