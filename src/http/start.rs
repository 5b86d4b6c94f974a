//! `/v1/pipelines/{pipeline}/runs`: start a run, and wait for its end if the caller asks to.

use axum::Json;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use super::access::Granted;
use super::answer::{PROBLEM_JSON, located};
use super::key::{IdempotencyKey, accepted, replayed};
use super::pipelines::PipelinePath;
use super::read::{Body, LONGEST_WAIT, Path, Query, wait};
use super::runs::Run;
use crate::auth::Role;
use crate::error::{Error, Problem, Result};
use crate::run::{self, Request};
use crate::state::{self, RunState};

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct StartQuery {
    /// Answer when the run has ended: `200` succeeded, `424` failed, `409` cancelled, `504` not ended yet.
    #[param(example = true)]
    sync: bool,
    /// Wait this time for the end, at most `55s`, which is the default with `sync`. Without `sync`, `succeeded` tells how the run ended, not
    /// the status.
    #[param(
        example = "55s",
        pattern = r"^0*([0-9]|[1-4][0-9]|5[0-5])s$",
        required = false
    )]
    wait: Option<String>,
}

/// Start a run of a pipeline.
///
/// An empty body, with or without a content type, runs all steps. `full_refresh` needs the role `operator`. One run of a pipeline is active at a time; others queue. A call with an
/// `Idempotency-Key` may be sent again: it is answered with the same run. With `on_failed: rerun`, it also continues the run if that failed.
#[utoipa::path(
    post, path = "/v1/pipelines/{pipeline}/runs", tag = "runs",
    params(PipelinePath, StartQuery, IdempotencyKey),
    request_body(content = Option<Request>, description = "What to run; every field is optional"),
    responses(
        (status = ACCEPTED, description = "The run is queued; ask at `Location`", body = Run,
         headers(("Location" = String, description = "The run"), ("Retry-After" = i64, description = "Seconds until the next question")),
         links(
             ("run" = (operation_id = "get_run", parameters(("run_id" = "$response.body#/id")))),
             ("outcome" = (operation_id = "get_run_outcome", parameters(("run_id" = "$response.body#/id")))),
             ("steps" = (operation_id = "list_run_steps", parameters(("run_id" = "$response.body#/id")))),
             ("changes" = (operation_id = "list_run_changes", parameters(("run_id" = "$response.body#/id")))),
         )),
        (status = OK, description = "The run has ended: with `sync`, it succeeded; without, `succeeded` tells how. It ended within `wait`, or an earlier call with the same key started it (`Idempotency-Replayed: true`)", body = Run),
        (status = CONFLICT, description = "With `if_running: reject`, a run is active; with `sync`, the run was cancelled", body = Problem, content_type = PROBLEM_JSON,
         headers(("Location" = Option<String>, description = "The active run"))),
        (status = FAILED_DEPENDENCY, description = "With `sync`, the run failed, by one of these problems or any other problem of a run", body = Problem, content_type = PROBLEM_JSON),
        (status = GATEWAY_TIMEOUT, description = "With `sync`, the run is still queued or running; ask at `Location`", body = Problem, content_type = PROBLEM_JSON,
         headers(("Location" = String, description = "The run"), ("Retry-After" = i64, description = "Seconds until the next question"))),
        Problem,
    ),
)]
pub(super) async fn start_run(
    Granted(app): Granted,
    Path(PipelinePath { pipeline }): Path<PipelinePath>,
    Query(query): Query<StartQuery>,
    key: IdempotencyKey,
    Body(request): Body<Request>,
) -> Result<Response> {
    let longest = query.wait.as_deref().map(wait).transpose()?;
    let definition = app.pipelines.get(&pipeline)?;
    if request.full_refresh {
        app.caller.needs(Role::Operator, &pipeline)?;
    }
    let mut started = run::start(&app, definition, &request, key.0.as_deref()).await?;
    let longest = longest.or(query.sync.then_some(LONGEST_WAIT));
    if let Some(longest) = longest {
        started.run = run::wait(&app, started.run.id, longest).await?;
    }
    if query.sync {
        return Ok(ended(started));
    }

    Ok(accepted(started))
}

/// The answer with `sync`: success, or a problem whose status tells the outcome.
fn ended(started: state::AcceptedRun) -> Response {
    let state::AcceptedRun { run, is_replay } = started;
    let location = format!("/v1/runs/{}", run.id);
    let mut problem = match run.state {
        RunState::Succeeded => return replayed(Json(Run::from(run)), is_replay),
        RunState::Failed | RunState::Cancelled => run
            .error
            .and_then(|error| serde_json::from_value::<Problem>(error).ok())
            .unwrap_or_else(|| Problem::from(&Error::internal("the run failed without a problem"))),
        RunState::Queued | RunState::Running => Problem::from(&Error::TimedOut(format!(
            "the run is still {}; ask `{location}?wait=55s` until it has ended",
            run.state.as_str()
        ))),
    };
    problem.run_id = Some(run.id);
    problem.status = match run.state {
        RunState::Queued | RunState::Running => 504,
        RunState::Cancelled => 409,
        _ => 424,
    };

    replayed((located(&location, "5"), problem), is_replay)
}
