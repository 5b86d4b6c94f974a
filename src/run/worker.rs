//! The worker: finds pipelines that have a run waiting, and executes their runs one after the other.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;

use super::{executor, poll};
use crate::app::App;
use crate::error::Result;

const LOOK: Duration = Duration::from_secs(1);

/// Executes accepted runs until `stop` resolves; pipelines side by side, the runs of one in turn. Starts those of pipelines that
/// poll.
pub async fn work(app: App, stop: impl Future<Output = ()>) {
    let busy: Arc<Mutex<HashSet<String>>> = Arc::default();
    let mut pipelines = JoinSet::new();
    let mut polls = JoinSet::new();
    for definition in app.pipelines.usable() {
        if let Some(every) = definition.poll {
            polls.spawn(poll::poll(app.clone(), definition.name.clone(), every));
        }
    }
    let mut stop = std::pin::pin!(stop);
    let mut was_away = false;
    loop {
        match app.store.waiting_pipelines().await {
            Ok(waiting) => {
                was_away = false;
                for pipeline in waiting {
                    if let Some(turn) = Turn::take(&busy, &pipeline) {
                        pipelines.spawn(work_on(app.clone(), turn));
                    }
                }
            }
            Err(error) if !was_away => {
                was_away = true;
                tracing::warn!(%error, "no run can be taken");
            }
            Err(_) => {}
        }
        while pipelines.try_join_next().is_some() {}
        tokio::select! {
            () = &mut stop => return,
            () = app.accepted.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// Says that somebody here works on a pipeline, until it is dropped, by a panic as well.
struct Turn {
    busy: Arc<Mutex<HashSet<String>>>,
    pipeline: String,
}

impl Turn {
    fn take(busy: &Arc<Mutex<HashSet<String>>>, pipeline: &str) -> Option<Self> {
        let is_free = busy
            .lock()
            .is_ok_and(|mut busy| busy.insert(pipeline.to_owned()));

        is_free.then(|| Self {
            busy: Arc::clone(busy),
            pipeline: pipeline.to_owned(),
        })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Ok(mut busy) = self.busy.lock() {
            busy.remove(&self.pipeline);
        }
    }
}

async fn work_on(app: App, turn: Turn) {
    if let Err(error) = drain(&app, &turn.pipeline).await {
        tracing::warn!(pipeline = turn.pipeline, %error, "runs wait, because the state database is away");
    }
}

/// Executes the runs of one pipeline until none waits, or another service has its lease. Who loses the lease drops what it
/// is doing: what it left is found out by whoever takes the run over.
async fn drain(app: &App, pipeline: &str) -> Result<()> {
    let Some(lease) = app.store.try_lease(pipeline).await? else {
        return Ok(());
    };
    while let Some(run) = app.store.claim_run(pipeline).await? {
        tokio::select! {
            () = executor::execute(app, &run) => app.ended.notify_waiters(),
            () = lease.lost() => {
                tracing::warn!(run_id = %run.id, pipeline, "the lease was lost; the run is taken up again by whoever has it next");
                break;
            }
        }
    }

    Ok(())
}
