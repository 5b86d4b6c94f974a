//! The worker: finds pipelines that have a run waiting, and executes their runs one after the other.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;

use super::executor;
use crate::app::App;
use crate::error::Result;

const LOOK: Duration = Duration::from_secs(1);

/// Executes accepted runs until `stop` resolves; pipelines side by side, the runs of one in turn.
pub async fn work(app: App, stop: impl Future<Output = ()>) {
    let busy: Arc<Mutex<HashSet<String>>> = Arc::default();
    let mut pipelines = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    let mut was_away = false;
    loop {
        match app.store.waiting_pipelines().await {
            Ok(waiting) => {
                was_away = false;
                for pipeline in waiting {
                    if busy
                        .lock()
                        .is_ok_and(|mut busy| busy.insert(pipeline.clone()))
                    {
                        let (app, busy) = (app.clone(), Arc::clone(&busy));
                        pipelines.spawn(async move {
                            if let Err(error) = drain(&app, &pipeline).await {
                                tracing::warn!(pipeline, %error, "runs wait, because the state database is away");
                            }
                            if let Ok(mut busy) = busy.lock() {
                                busy.remove(&pipeline);
                            }
                        });
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

/// Executes the runs of one pipeline until none waits or another service has its lease.
async fn drain(app: &App, pipeline: &str) -> Result<()> {
    let Some(lease) = app.store.try_lease(pipeline).await? else {
        return Ok(());
    };
    while lease.is_held() {
        let Some(run) = app.store.claim_run(pipeline).await? else {
            break;
        };
        executor::execute(app, &run).await;
        app.ended.notify_waiters();
    }

    Ok(())
}
