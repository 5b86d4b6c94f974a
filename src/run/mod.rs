//! Runs: accepted as a row, taken by a worker, executed step by step. What makes a run survive its service.

mod attempt;
mod deletes;
mod executor;
mod extract;
mod marts;
mod optimize;
mod poll;
mod request;
mod shape;
mod table;
mod task;
mod tasks;
mod worker;

pub use request::{Request, StepKind};
pub use task::Task;
pub use worker::work;

use std::time::Duration;

use uuid::Uuid;

use crate::app::App;
use crate::error::Result;
use crate::pipeline::Definition;
use crate::state::Run;

const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Accepts a run of a pipeline: it is remembered before this returns.
///
/// # Errors
///
/// [`crate::error::Error::Invalid`] when it asks for what the pipeline lacks, [`crate::error::Error::StateUnavailable`].
pub async fn start(app: &App, pipeline: &Definition, request: Request) -> Result<Run> {
    request.check(pipeline)?;

    accept(app, pipeline, &request, &Task::Build).await
}

/// Accepts a run that is for something else than the pipeline's usual way. As [`start`].
///
/// # Errors
///
/// [`crate::error::Error::StateUnavailable`].
pub async fn start_task(app: &App, pipeline: &Definition, task: &Task) -> Result<Run> {
    accept(app, pipeline, &Request::default(), task).await
}

async fn accept(app: &App, pipeline: &Definition, request: &Request, task: &Task) -> Result<Run> {
    let request = serde_json::to_value(request).map_err(crate::error::Error::internal)?;
    let task = serde_json::to_value(task).map_err(crate::error::Error::internal)?;
    let run = app
        .store
        .create_run(&pipeline.name, &request, &task)
        .await?;
    app.accepted.notify_one();

    Ok(run)
}

/// Gives a run as soon as it has ended, at the latest after `wait`.
///
/// # Errors
///
/// [`crate::error::Error::NotFound`], [`crate::error::Error::StateUnavailable`].
pub async fn wait(app: &App, id: Uuid, wait: Duration) -> Result<Run> {
    let until = tokio::time::Instant::now() + wait;
    loop {
        let ended = app.ended.notified();
        let run = app.store.run(id).await?;
        let left = until.saturating_duration_since(tokio::time::Instant::now());
        if run.state.is_terminal() || left.is_zero() {
            return Ok(run);
        }
        // Another service may have executed it, whose bell does not ring here.
        let _ = tokio::time::timeout(left.min(LOOK_AGAIN), ended).await;
    }
}
