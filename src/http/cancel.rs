//! `/v1/runs/{run_id}/cancel`, `/retry`: end a run, and have one that failed go on.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use super::answer::Accepted;
use super::read::{Body, Nothing, Path, Query};
use super::runs::{Run, RunPath};
use crate::app::App;
use crate::error::{Problem, Result};
use crate::run;
use crate::state::{self, ChangedRun};

/// End a run.
///
/// One that waits has ended by that. Of one that is executed, the statements that Trino works on are stopped and it is looked up what they had committed:
/// `error.detail` says so. What was published stays; the next run goes on from there.
#[utoipa::path(
    post, path = "/v1/runs/{run_id}/cancel", tag = "runs",
    params(RunPath),
    responses(
        (status = ACCEPTED, description = "It ends shortly; `Location` tells where to ask", body = Run),
        (status = OK, description = "It is over", body = Run),
        Problem,
    ),
)]
pub(super) async fn cancel_run(
    State(app): State<App>,
    Path(RunPath { run_id }): Path<RunPath>,
    Query(Nothing {}): Query<Nothing>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Response> {
    let run = run::cancel(&app, run_id).await?.run;
    let is_over = run.state.is_terminal();

    Ok(answer(run, !is_over))
}

/// Have a run that failed or was cancelled tried again.
///
/// It stays the same run: its next attempt begins at the first step that is not done. One that is active or has succeeded is answered as it is.
#[utoipa::path(
    post, path = "/v1/runs/{run_id}/retry", tag = "runs",
    params(RunPath),
    responses(
        (status = ACCEPTED, description = "It is queued again; `Location` tells where to ask", body = Run),
        (status = OK, description = "There is nothing to try again", body = Run),
        Problem,
    ),
)]
pub(super) async fn retry_run(
    State(app): State<App>,
    Path(RunPath { run_id }): Path<RunPath>,
    Query(Nothing {}): Query<Nothing>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Response> {
    let ChangedRun {
        run,
        has_changed: is_queued,
    } = run::retry(&app, run_id).await?;

    Ok(answer(run, is_queued))
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
