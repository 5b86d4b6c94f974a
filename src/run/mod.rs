//! Runs: accepted as a row, taken by a worker, executed step by step. What makes a run survive its service.

mod attempt;
mod deletes;
mod executor;
mod extract;
mod marts;
mod optimize;
mod patience;
mod poll;
mod request;
mod shape;
mod stop;
mod table;
mod task;
mod tasks;
mod watch;
mod worker;

pub use crate::state::IfRunning;
pub use request::{OnFailed, Request, StepKind, whole_number};
pub use task::Task;
pub use watch::{Watched, wait};
pub use worker::work;

use uuid::Uuid;

use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::pipeline::Definition;
use crate::state::{AcceptLimits, AcceptedRun, ChangedRun, NewRun};

/// Accepts a run of a pipeline, under `key` only once: it is remembered before this returns.
///
/// # Errors
///
/// [`Error::Invalid`] when it asks for what the pipeline lacks, [`Error::KeyReused`], [`Error::RunActive`], [`Error::QueueFull`],
/// [`Error::StateUnavailable`].
pub async fn start(
    app: &App,
    pipeline: &Definition,
    request: &Request,
    key: Option<&str>,
) -> Result<AcceptedRun> {
    request.check(pipeline)?;

    accept(app, pipeline, (request, &Task::Build), key).await
}

/// Accepts a run that is for something else than the pipeline's usual way. As [`start`].
pub async fn start_task(
    app: &App,
    pipeline: &Definition,
    task: &Task,
    key: Option<&str>,
) -> Result<AcceptedRun> {
    accept(app, pipeline, (&Request::default(), task), key).await
}

async fn accept(
    app: &App,
    pipeline: &Definition,
    (request, task): (&Request, &Task),
    key: Option<&str>,
) -> Result<AcceptedRun> {
    let same = Request {
        if_running: IfRunning::default(),
        on_failed: OnFailed::default(),
        ..request.clone()
    };
    let new_run = NewRun {
        pipeline: &pipeline.name,
        request: &serde_json::to_value(request).map_err(Error::internal)?,
        task: &serde_json::to_value(task).map_err(Error::internal)?,
        key,
        body: &serde_json::json!({"request": same, "task": task}),
        if_running: request.if_running,
        reruns: request.on_failed == OnFailed::Rerun,
    };
    let limits = AcceptLimits {
        queue: app.config.runs.queue_limit,
        keys: app.config.runs.keep_keys,
    };
    let accepted = app.store.accept(&new_run, limits).await?;
    app.accepted.notify_one();
    app.watched.ring();

    Ok(accepted)
}

/// Has a run that failed or was cancelled tried again, from the first step that is not done; says whether it was to be.
pub async fn retry(app: &App, id: Uuid) -> Result<ChangedRun> {
    let retried = app.store.queue_again(id).await?;
    app.accepted.notify_one();
    app.watched.ring();

    Ok(retried)
}

/// Asks for the end of a run; says whether it was not over. One that is executed ends when its statements were stopped.
pub async fn cancel(app: &App, id: Uuid) -> Result<ChangedRun> {
    let error = Error::Cancelled {
        detail: "it was not being executed".into(),
    };
    let problem = Problem::from(&error).within(id, "run");
    let problem = serde_json::to_value(problem).map_err(Error::internal)?;
    let cancelled = app.store.cancel(id, &problem).await?;
    app.cancelled.notify_waiters();
    app.watched.ring();

    Ok(cancelled)
}
