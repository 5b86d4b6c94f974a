//! Callers that wait for the end of a run.

use std::time::Duration;

use uuid::Uuid;

use crate::app::App;
use crate::error::Result;
use crate::state::Run;

/// The pause between two looks at runs that other services execute. Its own runs ring at once.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);

/// Looks for ever at the runs that callers wait for.
pub(super) async fn watch_runs(app: App) {
    let watched = &app.signals.watched;
    loop {
        let ids = watched.ids();
        if ids.is_empty() {
            watched.rung().await;
            continue;
        }
        // While the state database is away, callers get no news. They get its error when their wait is over.
        if let Ok(runs) = app.store.progress_of(&ids).await {
            for progress in runs {
                watched.tell(progress);
            }
        }
        let _ = tokio::time::timeout(LOOK_INTERVAL, watched.rung()).await;
    }
}

/// Gives a run as soon as it has ended, at the latest after `wait` or when the service is about to end.
pub async fn wait(app: &App, id: Uuid, wait: Duration) -> Result<Run> {
    let mut run = app.store.run(id).await?;
    if run.state.is_terminal() || wait.is_zero() {
        return Ok(run);
    }
    let until = tokio::time::Instant::now() + wait;
    let mut progress = app.signals.watched.watch(id);
    loop {
        let end = progress.wait_for(|run| run.as_ref().is_some_and(|run| run.state.is_terminal()));
        let is_over = tokio::select! {
            _ = end => false,
            () = tokio::time::sleep_until(until) => true,
            () = stopped(app) => true,
        };
        run = app.store.run(id).await?;
        if run.state.is_terminal() || is_over {
            return Ok(run);
        }
        // The run had ended at the last look, and was queued again since.
        let _ = tokio::time::timeout_at(until, progress.changed()).await;
    }
}

/// Resolves shortly after the service begins to end, so that a caller who asks repeatedly pauses between its calls.
async fn stopped(app: &App) {
    app.signals.stops().await;
    tokio::time::sleep(LOOK_INTERVAL).await;
}
