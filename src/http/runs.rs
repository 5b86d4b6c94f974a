//! `/v1/runs`: the state and the outcome of runs.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::page::Page;
use super::read::{Path, Query, limited, wait};
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::pipeline::Drift;
use crate::run;
use crate::state::{self, RunQuery, RunState, Trigger};

/// A run of a pipeline.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "run_id": "019a6d3e-7f10-7c4c-9f5a-2b1c3d4e5f60", "pipeline": "shop", "state": "succeeded", "terminal": true,
    "succeeded": true, "attempt": 1, "created_at": "2026-01-01T12:00:00Z", "started_at": "2026-01-01T12:00:00.1Z",
    "finished_at": "2026-01-01T12:00:02.4Z", "duration_seconds": 2.3, "kind": "build", "trigger": "api", "labels": {}, "drift": [],
    "counts": {"events": 300, "staged": 300, "inserted": 70, "updated": 200, "deleted": 15},
    "links": {"self": "/v1/runs/019a6d3e-7f10-7c4c-9f5a-2b1c3d4e5f60"},
}))]
pub(super) struct Run {
    /// A UUIDv7: later runs have higher ids.
    #[serde(rename = "run_id")]
    id: Uuid,
    /// The pipeline's name.
    pipeline: String,
    /// The run's state.
    state: RunState,
    /// What started the run.
    trigger: Trigger,
    /// Whether the run has ended; only a retry continues it.
    terminal: bool,
    /// Whether the run has ended with all its steps done.
    succeeded: bool,
    /// The number of the last attempt.
    attempt: i32,
    /// When the run was accepted.
    created_at: Timestamp,
    /// When the first attempt began.
    started_at: Option<Timestamp>,
    /// When the run ended.
    finished_at: Option<Timestamp>,
    /// When a caller cancelled the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    cancel_requested_at: Option<Timestamp>,
    /// From `started_at` to `finished_at`, or to now.
    duration_seconds: Option<f64>,
    /// The run's task: `build`, `rebuild`, `restage`, `resync`, `verify`, `verify_model`, `replay` or `dismiss`.
    #[schema(value_type = String, example = "build")]
    kind: Value,
    /// The labels that the caller sent.
    #[schema(value_type = BTreeMap<String, String>)]
    labels: Value,
    /// Counts of events, rows and files over all tables, by name.
    #[schema(value_type = BTreeMap<String, i64>)]
    counts: Value,
    /// Differences between sources and tables that this run saw first.
    #[schema(value_type = Vec<Drift>)]
    drift: Value,
    /// The problem that ended the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Problem>)]
    error: Option<Value>,
    /// Paths of the run's resources, by name.
    links: BTreeMap<&'static str, String>,
}

impl From<state::Run> for Run {
    fn from(run: state::Run) -> Self {
        let at = format!("/v1/runs/{}", run.id);
        let until = run.finished_at.unwrap_or_else(Timestamp::now);
        Self {
            id: run.id,
            state: run.state,
            trigger: run.trigger,
            terminal: run.state.is_terminal(),
            succeeded: run.state == RunState::Succeeded,
            attempt: run.attempt,
            created_at: run.created_at,
            started_at: run.started_at,
            finished_at: run.finished_at,
            cancel_requested_at: run.cancel_requested_at,
            duration_seconds: run
                .started_at
                .map(|started| until.duration_since(started).as_secs_f64().max(0.0)),
            labels: run.request.get("labels").cloned().unwrap_or_default(),
            kind: run.task.get("kind").cloned().unwrap_or_default(),
            counts: run.counts,
            drift: run.drift,
            error: run.error,
            links: BTreeMap::from([
                ("steps", format!("{at}/steps")),
                ("tests", format!("{at}/tests")),
                ("changes", format!("{at}/changes")),
                ("outcome", format!("{at}/outcome")),
                ("events", format!("{at}/events")),
                ("cancel", format!("{at}/cancel")),
                ("retry", format!("{at}/retry")),
                ("pipeline", format!("/v1/pipelines/{}", run.pipeline)),
                ("self", at),
            ]),
            pipeline: run.pipeline,
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct RunPath {
    /// The run's id.
    #[param(example = "019a6d3e-7f10-7c4c-9f5a-2b1c3d4e5f60")]
    pub(super) run_id: Uuid,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct WaitQuery {
    /// Answer when the run has ended, at the latest after this time, at most `55s`; by default at once.
    #[param(
        example = "55s",
        pattern = r"^0*([0-9]|[1-4][0-9]|5[0-5])s$",
        required = false
    )]
    wait: Option<String>,
}

/// Get a run, at once or when it has ended.
#[utoipa::path(
    get, path = "/v1/runs/{run_id}", tag = "runs",
    params(RunPath, WaitQuery),
    responses((status = OK, description = "The run", body = Run), Problem),
)]
pub(super) async fn get_run(
    State(app): State<App>,
    Path(RunPath { run_id }): Path<RunPath>,
    Query(query): Query<WaitQuery>,
) -> Result<Json<Run>> {
    let longest = query.wait.as_deref().map(wait).transpose()?;
    let run = run::wait(&app, run_id, longest.unwrap_or_default()).await?;

    Ok(Json(run.into()))
}

/// Get a run's outcome as a status code, for sensors that poll status codes.
#[utoipa::path(
    get, path = "/v1/runs/{run_id}/outcome", tag = "runs",
    params(RunPath),
    responses(
        (status = OK, description = "The run has ended; `succeeded` in the body tells how", body = Run),
        (status = NOT_FOUND, description = "The run is queued or running", body = Problem, content_type = "application/problem+json"),
        (status = GONE, description = "The run does not exist", body = Problem, content_type = "application/problem+json"),
        Problem,
    ),
)]
pub(super) async fn get_run_outcome(
    State(app): State<App>,
    Path(RunPath { run_id }): Path<RunPath>,
) -> Result<Response> {
    let run = match app.store.run(run_id).await {
        Err(error @ Error::NotFound { .. }) => {
            let mut problem = Problem::from(&error);
            problem.status = StatusCode::GONE.as_u16();
            return Ok(problem.into_response());
        }
        run => run?,
    };
    if run.state.is_terminal() {
        return Ok(Json(Run::from(run)).into_response());
    }

    Err(Error::not_found(
        "outcome yet of run",
        &run_id.to_string(),
        [],
    ))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Only this pipeline.
    #[param(example = "shop", required = false)]
    pipeline: Option<String>,
    /// Only runs in this state.
    #[param(inline, required = false)]
    state: Option<RunState>,
    /// Only runs that this started.
    #[param(inline, required = false)]
    trigger: Option<Trigger>,
    /// The `next` of the page before.
    #[param(required = false)]
    before: Option<Uuid>,
    /// The most runs of a page.
    #[param(example = 20, minimum = 1, maximum = 200, required = false)]
    limit: Option<i64>,
}

/// A page of runs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RunPage {
    /// Newest first.
    runs: Vec<Run>,
    /// The `before` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Uuid>,
}

/// List runs, newest first.
#[utoipa::path(
    get, path = "/v1/runs", tag = "runs",
    params(ListQuery),
    responses((status = OK, description = "A page of runs", body = RunPage), Problem),
)]
pub(super) async fn list_runs(
    State(app): State<App>,
    Query(query): Query<ListQuery>,
) -> Result<Json<RunPage>> {
    let limit = limited(query.limit, 20, 200)?;
    if let Some(pipeline) = &query.pipeline {
        app.pipelines.get(pipeline)?;
    }
    let which = RunQuery {
        pipeline: query.pipeline,
        state: query.state,
        trigger: query.trigger,
        before: query.before,
        limit: limit + 1,
    };
    let page = Page::of(
        app.store.runs(&which).await?,
        usize::try_from(limit).map_err(Error::internal)?,
    );

    Ok(Json(RunPage {
        next: page.next(|last| last.id),
        runs: page.rows.into_iter().map(Run::from).collect(),
    }))
}
