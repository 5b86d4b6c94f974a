//! The worker: finds pipelines that have a run waiting, and executes their runs one after the other.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::JoinSet;

use super::executor::{self, AttemptEnd};
use super::retries::Retries;
use super::{triggers, wait};
use crate::app::{App, Background};
use crate::error::{Result, causes};
use crate::state::WaitingPipeline;

/// The time between two looks for waiting runs. A run that this service accepts is found at once.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
const FORGET_INTERVAL: Duration = Duration::from_hours(1);

/// Executes accepted runs until the service is about to end: pipelines side by side, the runs of one pipeline in turn. Then waits until
/// the runs under way have ended or were handed back.
///
/// Also starts the runs of pipelines that poll, have a schedule or keep target lags, and serves callers that wait for runs.
pub async fn work(app: App) {
    let app = app.for_work();
    let _helpers = spawn_helpers(&app);
    let mut worker = Worker::new(app.clone());
    while !app.signals.is_stopping() {
        tokio::select! {
            () = worker.start_waiting_pipelines() => {}
            // A state database that does not answer must not keep the service from ending.
            () = app.signals.stops() => break,
        }
        tokio::select! {
            () = app.signals.stops() => {}
            () = app.signals.run_waits.notified() => {}
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
        }
    }
    while worker.working.join_next().await.is_some() {}
}

/// Starts the tasks that run beside the runs. They end when this is dropped.
fn spawn_helpers(app: &App) -> Background {
    let mut tasks = Background::default();
    let of_triggers = app.clone();
    tasks.spawn("watch triggers", move || {
        triggers::watch(of_triggers.clone())
    });
    let of_runs = app.clone();
    tasks.spawn("watch runs", move || wait::watch_runs(of_runs.clone()));
    let of_keys = app.clone();
    tasks.spawn("forget keys", move || {
        forget_idempotency_keys(of_keys.clone())
    });

    tasks
}

/// Deletes idempotency keys that are older than `runs.keep_keys`.
async fn forget_idempotency_keys(app: App) {
    loop {
        if let Err(error) = app
            .store
            .forget_idempotency_keys(app.config.runs.keep_keys)
            .await
        {
            tracing::warn!(%error, "old idempotency keys could not be deleted");
        }
        tokio::time::sleep(FORGET_INTERVAL).await;
    }
}

struct Worker {
    app: App,
    /// The pipelines that this service works on.
    busy: Arc<Mutex<HashSet<String>>>,
    /// The tasks that work on them, one for each.
    working: JoinSet<()>,
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
            working: JoinSet::new(),
            unreadable: HashSet::new(),
            is_fault_logged: false,
        }
    }

    /// Begins to work on the pipelines that have a run waiting.
    async fn start_waiting_pipelines(&mut self) {
        match self.app.store.waiting_pipelines().await {
            Ok(waiting) => {
                self.is_fault_logged = false;
                for waiting in waiting {
                    self.start_pipeline(waiting);
                }
            }
            Err(error) if !self.is_fault_logged => {
                self.is_fault_logged = true;
                tracing::warn!(%error, "the state database cannot be asked for waiting runs");
            }
            Err(_) => {}
        }
        while self.working.try_join_next().is_some() {}
    }

    fn start_pipeline(&mut self, waiting: WaitingPipeline) {
        let WaitingPipeline {
            pipeline,
            needs_no_definition,
        } = waiting;
        // Another service may have the definition.
        let found = self.app.at_present().pipelines.get(&pipeline).map(drop);
        if !needs_no_definition && let Err(error) = found {
            if self.unreadable.insert(pipeline.clone()) {
                tracing::warn!(pipeline, %error, "runs of the pipeline wait: this service cannot read its definition");
            }
            return;
        }
        self.unreadable.remove(&pipeline);
        if let Some(busy) = BusyPipeline::mark(&self.busy, pipeline) {
            self.working.spawn(work_on_pipeline(self.app.clone(), busy));
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
    if let Err(error) = with_lease(&app, pipeline).await {
        let cause = causes(&error);
        tracing::warn!(pipeline, %error, cause, "runs wait, because the state database is away");
    }
}

/// Executes the runs of one pipeline until none waits, unless another service has its lease.
///
/// A service that lost the lease drops what it is doing. The next attempt resolves its lost statements.
async fn with_lease(app: &App, pipeline: &str) -> Result<()> {
    let time = app.config.runs.lease;
    let Some(lease) = app.store.try_lease(pipeline, &app.name, time).await? else {
        return Ok(());
    };
    metrics::counter!("icefront_leases_taken_total", "pipeline" => pipeline.to_owned())
        .increment(1);
    let leased = app.with_lease(&lease);
    let worked = tokio::select! {
        worked = run_all_waiting(&leased, pipeline) => worked,
        () = lease.lost(&app.signals.run_cancelled) => {
            metrics::counter!("icefront_leases_lost_total", "pipeline" => pipeline.to_owned()).increment(1);
            tracing::warn!(pipeline, "the lease was lost; the service that takes it next continues the run");
            return Ok(());
        }
    };
    lease.release().await;

    worked
}

async fn run_all_waiting(app: &App, pipeline: &str) -> Result<()> {
    let signals = &app.signals;
    let mut retries = Retries::new(app.config.runs.retry_for);
    // A run keeps its definition, also in its next attempt.
    let mut app = app.at_present();
    while !signals.is_stopping() {
        let can_execute = app.pipelines.get(pipeline).is_ok();
        let claimed = app
            .store
            .claim_run(pipeline, can_execute, &app.subscriptions)
            .await?;
        let Some(run) = claimed else {
            return Ok(());
        };
        let end = executor::execute(&app, &run, &mut retries).await;
        signals.watched.ring();
        match end {
            // A caller may retry this run under the same id; then it has all its retries again.
            AttemptEnd::RunEnded => {
                retries = Retries::new(app.config.runs.retry_for);
                app = app.at_present();
                continue;
            }
            AttemptEnd::RetryAfter(pause) => tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = executor::cancelled(&app, &run) => {}
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
