//! The worker: finds pipelines that have a run waiting, and executes their runs one after the other.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;

use super::executor::{self, End};
use super::patience::Patience;
use super::{poll, watch};
use crate::app::App;
use crate::error::{Result, causes};
use crate::state::WaitingPipeline;

const LOOK: Duration = Duration::from_secs(1);
const FORGET: Duration = Duration::from_hours(1);

/// Executes accepted runs until the service is about to end; pipelines side by side, the runs of one in turn. Starts those of pipelines that
/// poll, and tells those who wait. At the end it waits for what is under way to end or to be handed back.
pub async fn work(app: App) {
    let busy: Arc<Mutex<HashSet<String>>> = Arc::default();
    let mut pipelines = JoinSet::new();
    let mut beside = JoinSet::new();
    for definition in app.pipelines.usable() {
        if let Some(every) = definition.poll {
            beside.spawn(poll::poll(app.clone(), definition.name.clone(), every));
        }
    }
    let watching = app.clone();
    beside.spawn(async move { watch::keep_watch(&watching).await });
    let forgetting = app.clone();
    beside.spawn(async move { forget(&forgetting).await });
    let mut was_away = false;
    let mut unknown = HashSet::new();
    while !*app.stopping.borrow() {
        let waiting = tokio::select! {
            waiting = app.store.waiting_pipelines() => waiting,
            // A state database that is silent keeps nobody from ending.
            () = app.stops() => break,
        };
        match waiting {
            Ok(waiting) => {
                was_away = false;
                for WaitingPipeline {
                    pipeline,
                    is_cancel_requested,
                } in waiting
                {
                    // Another service may know it: one that has the definition already, or still. Only who is to end needs none.
                    if !is_cancel_requested && let Err(error) = app.pipelines.get(&pipeline) {
                        if unknown.insert(pipeline.clone()) {
                            tracing::warn!(pipeline, %error, "its runs wait for a service that can read its definition");
                        }
                        continue;
                    }
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
            () = app.stops() => {}
            () = app.accepted.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
    while pipelines.join_next().await.is_some() {}
}

/// Forgets idempotency keys that were kept long enough.
async fn forget(app: &App) {
    loop {
        if let Err(error) = app.store.forget_keys(app.config.runs.keep_keys).await {
            tracing::warn!(%error, "old idempotency keys are still kept");
        }
        tokio::time::sleep(FORGET).await;
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
    let pipeline = &turn.pipeline;
    if let Err(error) = drain(&app, pipeline).await {
        let cause = causes(&error);
        tracing::warn!(pipeline, %error, cause, "runs wait, because the state database is away");
    }
}

/// Executes the runs of one pipeline until none waits, or another service has its lease. Who loses the lease drops what it
/// is doing: what it left is found out by whoever takes the run over.
async fn drain(app: &App, pipeline: &str) -> Result<()> {
    let time = app.config.runs.lease;
    let Some(lease) = app.store.try_lease(pipeline, &app.name, time).await? else {
        return Ok(());
    };
    let held = app.with_lease(&lease);
    let done = tokio::select! {
        done = execute_all(&held, pipeline) => done,
        () = lease.lost(&app.cancelled) => {
            tracing::warn!(pipeline, "the lease was lost; its run is taken up by whoever has it next");
            return Ok(());
        }
    };
    lease.release().await;

    done
}

async fn execute_all(app: &App, pipeline: &str) -> Result<()> {
    let mut patience = Patience::new(app.config.runs.retry_for);
    let is_known = app.pipelines.get(pipeline).is_ok();
    while !*app.stopping.borrow() {
        let Some(run) = app.store.claim_run(pipeline, is_known).await? else {
            return Ok(());
        };
        let end = executor::execute(app, &run, &mut patience).await;
        app.watched.ring();
        match end {
            // It may be tried again by a caller, which is another matter.
            End::Over => patience = Patience::new(app.config.runs.retry_for),
            End::Again(pause) => tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = executor::cancelled(app, &run) => {}
                () = app.stops() => {}
            },
            End::Left if *app.stopping.borrow() => {}
            End::Left => return Ok(()),
        }
        if *app.stopping.borrow() && !matches!(end, End::Over) {
            app.store.hand_back(run.attempt_id()).await?;
        }
    }

    Ok(())
}
