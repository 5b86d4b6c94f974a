//! Accepts runs, and takes the calls that retry or cancel one.

use jiff::Timestamp;
use tracing::Span;
use uuid::Uuid;

use super::request::{OnFailed, Request};
use super::task::Task;
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::models;
use crate::pipeline::Definition;
use crate::state::{AcceptLimits, AcceptedRun, ChangedRun, IfRunning, NewRun, Trigger};
use crate::traces;

/// What starts a run.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cause<'a> {
    pub(super) trigger: Trigger,
    /// Under which it is started once.
    pub(super) key: Option<&'a str>,
    /// The schedule's time.
    pub(super) scheduled_for: Option<Timestamp>,
}

impl Cause<'_> {
    pub(super) fn of(trigger: Trigger) -> Self {
        Self {
            trigger,
            ..Self::default()
        }
    }
}

/// Accepts a run of a pipeline. The run and `key` are remembered before this returns; a key that comes again gives its run.
///
/// # Errors
///
/// [`Error::Invalid`] when the request does not fit the pipeline, [`Error::KeyReused`], [`Error::RunActive`], [`Error::QueueFull`].
pub async fn start(
    app: &App,
    pipeline: &Definition,
    request: &Request,
    key: Option<&str>,
) -> Result<AcceptedRun> {
    request.check(pipeline)?;

    let selection = if request.asks_for_last() {
        let last = models::last(&app.store, pipeline, &app.config).await?;
        Some(request.selection(pipeline, &last)?)
    } else {
        None
    };
    let task = Task::Build { selection };

    let cause = Cause {
        key,
        ..Cause::default()
    };

    accept(app, &pipeline.name, request, &task, cause)
        .await?
        .ok_or_else(not_refused)
}

/// As [`start`], for a run that the service starts by itself. If an active run does the same, or the pipeline is paused, it starts none.
pub(super) async fn start_by_itself(
    app: &App,
    pipeline: &Definition,
    request: Request,
    cause: Cause<'_>,
) -> Result<Option<AcceptedRun>> {
    let request = Request {
        if_running: IfRunning::Attach,
        ..request
    };

    accept(app, &pipeline.name, &request, &Task::default(), cause).await
}

/// Starts the maintenance of a pipeline at one of its daily times. While the pipeline is paused, it starts none.
pub(super) async fn start_maintenance(
    app: &App,
    pipeline: &str,
    cause: Cause<'_>,
) -> Result<Option<AcceptedRun>> {
    let task = Task::Maintenance { dry_run: false };

    accept(app, pipeline, &Request::default(), &task, cause).await
}

/// As [`start`], for another task than building. The pipeline may have been removed.
pub async fn start_task(
    app: &App,
    pipeline: &str,
    task: &Task,
    key: Option<&str>,
) -> Result<AcceptedRun> {
    let cause = Cause {
        key,
        ..Cause::default()
    };

    accept(app, pipeline, &Request::default(), task, cause)
        .await?
        .ok_or_else(not_refused)
}

async fn accept(
    app: &App,
    pipeline: &str,
    request: &Request,
    task: &Task,
    cause: Cause<'_>,
) -> Result<Option<AcceptedRun>> {
    // A repeated call may have other options for active and failed runs, and each try of a caller is a run of its own.
    let same = Request {
        openlineage: None,
        if_running: IfRunning::default(),
        on_failed: OnFailed::default(),
        ..request.clone()
    };
    let traceparent = traces::traceparent(&Span::current());
    let new_run = NewRun {
        pipeline,
        request: &serde_json::to_value(request).map_err(Error::internal)?,
        task: &serde_json::to_value(task).map_err(Error::internal)?,
        key: cause.key,
        body: &serde_json::json!({"request": same, "task": task.identity()?}),
        if_running: request.if_running,
        trigger: cause.trigger,
        requested_by: app.caller.name.as_deref(),
        scheduled_for: cause.scheduled_for,
        traceparent: traceparent.as_deref(),
        reruns: request.on_failed == OnFailed::Rerun,
    };
    let limits = AcceptLimits {
        queue: app.config.runs.queue_limit,
        keys: app.config.runs.keep_keys,
    };
    let accepted = app.store.accept(&new_run, limits).await?;
    if accepted.is_some() {
        app.signals.run_queued();
    }

    Ok(accepted)
}

/// Queues a failed or cancelled run again. The run goes on with the first step that is not done. Also says whether this
/// call queued it.
pub async fn retry(app: &App, id: Uuid) -> Result<ChangedRun> {
    let retried = app.store.queue_again(id).await?;
    app.signals.run_queued();

    Ok(retried)
}

/// Asks for the end of a run. Also says whether the run had not ended yet. An executing run ends after its statements
/// were stopped.
pub async fn cancel(app: &App, id: Uuid) -> Result<ChangedRun> {
    let error = Error::Cancelled {
        detail: "it was not being executed".into(),
    };
    let problem = Problem::from(&error).within(id, "run");
    let problem = serde_json::to_value(problem).map_err(Error::internal)?;
    let cancelled = app.store.cancel(id, &problem, &app.subscriptions).await?;
    app.signals.cancel_requested();

    Ok(cancelled)
}

/// A pause refuses no caller.
fn not_refused() -> Error {
    Error::internal("a caller's run was refused")
}
