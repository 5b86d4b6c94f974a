//! `/v1/runs`: ask how runs go and how they went.

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

use super::read::{Path, Query, limited, wait};
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::pipeline::Drift;
use crate::run;
use crate::state::{self, RunQuery, RunState};

/// A run of a pipeline.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "run_id": "019a6d3e-7f10-7c4c-9f5a-2b1c3d4e5f60", "pipeline": "shop", "state": "succeeded", "terminal": true,
    "succeeded": true, "attempt": 1, "created_at": "2026-01-01T12:00:00Z", "started_at": "2026-01-01T12:00:00.1Z",
    "finished_at": "2026-01-01T12:00:02.4Z", "duration_seconds": 2.3, "kind": "build", "labels": {}, "drift": [],
    "counts": {"events": 300, "staged": 300, "inserted": 70, "updated": 200, "deleted": 15},
    "links": {"self": "/v1/runs/019a6d3e-7f10-7c4c-9f5a-2b1c3d4e5f60"},
}))]
pub(super) struct Run {
    /// Its id, a UUIDv7: later runs have higher ones.
    #[serde(rename = "run_id")]
    id: Uuid,
    /// The pipeline.
    pipeline: String,
    /// Where it is on its way.
    state: RunState,
    /// Whether nothing more will happen.
    terminal: bool,
    /// Whether it ended and everything was done.
    succeeded: bool,
    /// How often it was begun.
    attempt: i32,
    /// When it was accepted.
    created_at: Timestamp,
    /// When it was first begun.
    started_at: Option<Timestamp>,
    /// When it ended.
    finished_at: Option<Timestamp>,
    /// When a caller asked for its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    cancel_requested_at: Option<Timestamp>,
    /// From its begin to its end, or to now.
    duration_seconds: Option<f64>,
    /// What it is for: `build`, `rebuild`, `restage`, `resync`, `verify`, `replay` or `dismiss`.
    #[schema(value_type = String, example = "build")]
    kind: Value,
    /// What the caller named it by.
    #[schema(value_type = BTreeMap<String, String>)]
    labels: Value,
    /// What it did, by name, over all tables.
    #[schema(value_type = BTreeMap<String, i64>)]
    counts: Value,
    /// How sources were seen to differ from their tables for the first time.
    #[schema(value_type = Vec<Drift>)]
    drift: Value,
    /// The problem that ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Problem>)]
    error: Option<Value>,
    /// Where to ask on.
    links: BTreeMap<&'static str, String>,
}

impl From<state::Run> for Run {
    fn from(run: state::Run) -> Self {
        let at = format!("/v1/runs/{}", run.id);
        let until = run.finished_at.unwrap_or_else(Timestamp::now);
        Self {
            id: run.id,
            state: run.state,
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
    /// Answer as soon as the run has ended, at the latest after so many seconds, at most `55s`. At once when absent.
    #[param(
        example = "55s",
        pattern = r"^0*([0-9]|[1-4][0-9]|5[0-5])s$",
        required = false
    )]
    wait: Option<String>,
}

/// Get a run, at once or as soon as it has ended.
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

/// Get a run's outcome by status code alone, for sensors that poll those.
#[utoipa::path(
    get, path = "/v1/runs/{run_id}/outcome", tag = "runs",
    params(RunPath),
    responses(
        (status = OK, description = "The run has ended; the body says how", body = Run),
        (status = NOT_FOUND, description = "The run is still active", body = Problem, content_type = "application/problem+json"),
        (status = GONE, description = "There is no such run", body = Problem, content_type = "application/problem+json"),
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
    /// Only of this pipeline.
    #[param(example = "shop", required = false)]
    pipeline: Option<String>,
    /// Only in this state.
    #[param(inline, required = false)]
    state: Option<RunState>,
    /// Only runs before this one: the `next` of the page before.
    #[param(required = false)]
    before: Option<Uuid>,
    /// At most so many.
    #[param(example = 20, minimum = 1, maximum = 200, required = false)]
    limit: Option<i64>,
}

/// A page of runs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RunPage {
    /// The runs, newest first.
    runs: Vec<Run>,
    /// What to give as `before` for the next page; absent on the last.
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
        before: query.before,
        limit: limit + 1,
    };
    let mut runs: Vec<Run> = app
        .store
        .runs(&which)
        .await?
        .into_iter()
        .map(Run::from)
        .collect();
    let more = runs.len() > usize::try_from(limit).unwrap_or(usize::MAX);
    if more {
        runs.pop();
    }

    Ok(Json(RunPage {
        next: runs.last().filter(|_| more).map(|run| run.id),
        runs,
    }))
}
