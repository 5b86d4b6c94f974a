//! The worker: finds pipelines that have a run waiting, and executes their runs one after the other.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;

use super::executor::{self, AttemptEnd};
use super::retries::Retries;
use super::{poll, wait};
use crate::app::App;
use crate::error::{Result, causes};
use crate::state::WaitingPipeline;

/// The pause between two looks for waiting runs. A run that this service accepts is found at once.
const LOOK_PAUSE: Duration = Duration::from_secs(1);
const FORGET_PAUSE: Duration = Duration::from_hours(1);

/// Executes accepted runs until the service is about to end: pipelines side by side, the runs of one pipeline in turn. Then waits until
/// the runs under way have ended or were handed back.
///
/// Also starts the runs of pipelines that poll, and serves callers that wait for runs.
pub async fn work(app: App) {
    let _background = spawn_background_tasks(&app);
    let mut worker = Worker::new(app.clone());
    while !app.signals.is_stopping() {
        tokio::select! {
            () = worker.take_waiting() => {}
            // A state database that does not answer must not keep the service from ending.
            () = app.signals.stops() => break,
        }
        tokio::select! {
            () = app.signals.stops() => {}
            () = app.signals.run_waits.notified() => {}
            () = tokio::time::sleep(LOOK_PAUSE) => {}
        }
    }
    while worker.pipelines.join_next().await.is_some() {}
}

/// Starts the tasks that run beside the runs. They end when the set is dropped.
fn spawn_background_tasks(app: &App) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    for definition in app.pipelines.usable() {
        if let Some(every) = definition.poll {
            tasks.spawn(poll::poll(app.clone(), definition.name.clone(), every));
        }
    }
    tasks.spawn(wait::watch_runs(app.clone()));
    tasks.spawn(forget_keys(app.clone()));

    tasks
}

/// Forgets idempotency keys that were kept long enough.
async fn forget_keys(app: App) {
    loop {
        if let Err(error) = app.store.forget_keys(app.config.runs.keep_keys).await {
            tracing::warn!(%error, "old idempotency keys are still kept");
        }
        tokio::time::sleep(FORGET_PAUSE).await;
    }
}

struct Worker {
    app: App,
    /// The pipelines that this service works on.
    busy: Arc<Mutex<HashSet<String>>>,
    pipelines: JoinSet<()>,
    /// Pipelines with waiting runs whose definition cannot be read here. Each is logged once.
    unreadable: HashSet<String>,
    /// Whether the present fault of the state database is logged.
    is_fault_logged: bool,
}

impl Worker {
    fn new(app: App) -> Self {
        Self {
            app,
            busy: Arc::default(),
            pipelines: JoinSet::new(),
            unreadable: HashSet::new(),
            is_fault_logged: false,
        }
    }

    /// Begins to work on the pipelines that have a run waiting.
    async fn take_waiting(&mut self) {
        match self.app.store.waiting_pipelines().await {
            Ok(waiting) => {
                self.is_fault_logged = false;
                for waiting in waiting {
                    self.take(waiting);
                }
            }
            Err(error) if !self.is_fault_logged => {
                self.is_fault_logged = true;
                tracing::warn!(%error, "the state database cannot be asked for waiting runs");
            }
            Err(_) => {}
        }
        while self.pipelines.try_join_next().is_some() {}
    }

    fn take(&mut self, waiting: WaitingPipeline) {
        let WaitingPipeline {
            pipeline,
            is_cancel_requested,
        } = waiting;
        // Another service may have the definition. A run that is only to be cancelled needs none.
        if !is_cancel_requested && let Err(error) = self.app.pipelines.get(&pipeline) {
            if self.unreadable.insert(pipeline.clone()) {
                tracing::warn!(pipeline, %error, "its runs wait for a service that can read its definition");
            }
            return;
        }
        if let Some(busy) = BusyPipeline::mark(&self.busy, pipeline) {
            self.pipelines
                .spawn(work_on_pipeline(self.app.clone(), busy));
        }
    }
}

/// A pipeline that this service works on. Dropping it, also by a panic, frees the pipeline.
struct BusyPipeline {
    busy: Arc<Mutex<HashSet<String>>>,
    pipeline: String,
}

impl BusyPipeline {
    /// Marks a pipeline as busy; `None` if it is busy already.
    fn mark(busy: &Arc<Mutex<HashSet<String>>>, pipeline: String) -> Option<Self> {
        let is_free = busy
            .lock()
            .is_ok_and(|mut busy| busy.insert(pipeline.clone()));

        is_free.then(|| Self {
            busy: Arc::clone(busy),
            pipeline,
        })
    }
}

impl Drop for BusyPipeline {
    fn drop(&mut self) {
        if let Ok(mut busy) = self.busy.lock() {
            busy.remove(&self.pipeline);
        }
    }
}

async fn work_on_pipeline(app: App, busy: BusyPipeline) {
    let pipeline = &busy.pipeline;
    if let Err(error) = execute_under_lease(&app, pipeline).await {
        let cause = causes(&error);
        tracing::warn!(pipeline, %error, cause, "runs wait, because the state database is away");
    }
}

/// Executes the runs of one pipeline until none waits, unless another service has its lease.
///
/// A service that lost the lease drops what it is doing. The next attempt resolves its lost statements.
async fn execute_under_lease(app: &App, pipeline: &str) -> Result<()> {
    let time = app.config.runs.lease;
    let Some(lease) = app.store.try_lease(pipeline, &app.name, time).await? else {
        return Ok(());
    };
    let leased = app.with_lease(&lease);
    let worked = tokio::select! {
        worked = execute_waiting(&leased, pipeline) => worked,
        () = lease.lost(&app.signals.run_cancelled) => {
            tracing::warn!(pipeline, "the lease was lost; the service that takes it next continues the run");
            return Ok(());
        }
    };
    lease.release().await;

    worked
}

async fn execute_waiting(app: &App, pipeline: &str) -> Result<()> {
    let signals = &app.signals;
    let mut retries = Retries::new(app.config.runs.retry_for);
    let is_known = app.pipelines.get(pipeline).is_ok();
    while !signals.is_stopping() {
        let Some(run) = app.store.claim_run(pipeline, is_known).await? else {
            return Ok(());
        };
        let end = executor::execute(app, &run, &mut retries).await;
        signals.watched.ring();
        match end {
            // A retried run starts with all its retries.
            AttemptEnd::RunEnded => {
                retries = Retries::new(app.config.runs.retry_for);
                continue;
            }
            AttemptEnd::RetryAfter(pause) => tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = executor::cancelled(app, &run) => {}
                () = signals.stops() => {}
            },
            // The lease is given up; the service that claims the run continues it.
            AttemptEnd::Unfinished if !signals.is_stopping() => return Ok(()),
            AttemptEnd::Unfinished => {}
        }
        if signals.is_stopping() {
            app.store.hand_back(run.attempt_id()).await?;
        }
    }

    Ok(())
}
