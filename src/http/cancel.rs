//! `/v1/runs/{run_id}/cancel` and `/retry`: end a run, or continue one that failed.

use axum::Json;
use axum::response::{IntoResponse, Response};

use super::access::Granted;
use super::answer::Accepted;
use super::read::{Body, Empty, Path};
use super::runs::{Run, RunPath};
use crate::auth::Role;
use crate::error::{Error, Problem, Result};
use crate::run::{self, RunKind, Task};
use crate::state::{self, ChangedRun};

/// Cancel a run.
///
/// A queued run ends at once. For a running one, the service stops its statements in Trino and finds out what they committed; `error.detail` tells it.
/// Published rows stay, and the next run continues from there.
#[utoipa::path(
    post, path = "/v1/runs/{run_id}/cancel", tag = "runs",
    params(RunPath),
    responses(
        (status = ACCEPTED, description = "The run ends shortly; ask at `Location`", body = Run),
        (status = OK, description = "The run has ended", body = Run),
        Problem,
    ),
)]
pub(super) async fn cancel_run(
    Granted(app): Granted,
    Path(RunPath { run_id }): Path<RunPath>,
    Body(Empty {}): Body<Empty>,
) -> Result<Response> {
    let run = run::cancel(&app, run_id).await?.run;
    let is_over = run.state.is_terminal();

    Ok(answer(run, !is_over))
}

/// Retry a run that failed or was cancelled.
///
/// It needs the role that starting such a run needs. The run keeps its id: its next attempt begins with the first step that is not done. An active or succeeded run is answered unchanged.
#[utoipa::path(
    post, path = "/v1/runs/{run_id}/retry", tag = "runs",
    params(RunPath),
    responses(
        (status = ACCEPTED, description = "The run is queued again; ask at `Location`", body = Run),
        (status = OK, description = "The run is active or has succeeded", body = Run),
        Problem,
    ),
)]
pub(super) async fn retry_run(
    Granted(app): Granted,
    Path(RunPath { run_id }): Path<RunPath>,
    Body(Empty {}): Body<Empty>,
) -> Result<Response> {
    let asked = app.store.run(run_id).await?;
    app.caller.needs(role_of(&asked)?, &asked.pipeline)?;
    let ChangedRun {
        run,
        has_changed: is_queued,
    } = run::retry(&app, run_id).await?;

    Ok(answer(run, is_queued))
}

/// The role that starting such a run needs.
fn role_of(run: &state::Run) -> Result<Role> {
    let task: Task = serde_json::from_value(run.task.clone()).map_err(Error::internal)?;
    let is_full = run.request["full_refresh"] == true;

    Ok(match task.kind() {
        RunKind::Build if is_full => Role::Operator,
        RunKind::Build => Role::Runner,
        RunKind::Reset | RunKind::Forget | RunKind::Delete | RunKind::DeleteModel => Role::Admin,
        _ => Role::Operator,
    })
}

fn answer(run: state::Run, is_accepted: bool) -> Response {
    let location = format!("/v1/runs/{}", run.id);
    let run = Run::from(run);
    if is_accepted {
        Accepted::at(location, run).into_response()
    } else {
        Json(run).into_response()
    }
}
