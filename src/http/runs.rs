//! `/v1/runs`: the state and the outcome of runs.

use axum::Json;
use axum::extract::RawQuery;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::access::Granted;
use super::members::{Labels, Members};
use super::of::Of;
use super::page::{Page, Paging};
use super::read::{AnyOf, Path, Query, any, time, wait, without_nul};
use crate::error::{Error, Problem, Result};
use crate::pipeline::Drift;
use crate::report::Reason;
use crate::run::{self, OpenLineageParent, Request, RunKind, StepKind, Task};
use crate::state::{self, RunQuery, RunState, Trigger};

const LABEL: &str = "label.";

/// A run of a pipeline.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "019a6d3e-7f10-7c4c-9f5a-2b1c3d4e5f60", "pipeline": "shop", "kind": "build", "table": null, "model": null, "state": "succeeded",
    "terminal": true, "succeeded": true, "trigger": "api", "requested_by": "airflow", "scheduled_for_at": null, "attempt": 1, "created_at": "2026-01-01T12:00:00.000000Z",
    "started_at": "2026-01-01T12:00:00.100000Z", "finished_at": "2026-01-01T12:00:02.400000Z", "cancel_requested_at": null,
    "duration_seconds": 2.3,
    "request": {"steps": [], "select": ["orders", "+daily_revenue"], "exclude": [], "full_refresh": false, "timeout_seconds": null,
        "step_timeout_seconds": null, "openlineage": null, "one_in": null, "reason": null, "selected_keys": null, "selected_rejects": null,
        "dry_run": null},
    "labels": {"dag_id": "shop_hourly"}, "drift": [], "error": null,
    "counts": {"events": 300, "staged": 300, "inserted": 70, "updated": 200, "deleted": 15},
    "links": {
        "self": "/v1/runs/019a6d3e-7f10-7c4c-9f5a-2b1c3d4e5f60", "pipeline": "/v1/pipelines/shop",
        "steps": "/v1/runs/019a6d3e-7f10-7c4c-9f5a-2b1c3d4e5f60/steps", "tests": "/v1/runs/019a6d3e-7f10-7c4c-9f5a-2b1c3d4e5f60/tests",
        "changes": "/v1/runs/019a6d3e-7f10-7c4c-9f5a-2b1c3d4e5f60/changes", "outcome": "/v1/runs/019a6d3e-7f10-7c4c-9f5a-2b1c3d4e5f60/outcome",
        "events": "/v1/runs/019a6d3e-7f10-7c4c-9f5a-2b1c3d4e5f60/events", "cancel": null, "retry": null},
}))]
pub(super) struct Run {
    /// A UUIDv7: later runs have higher ids.
    id: Uuid,
    /// The pipeline's name.
    pipeline: String,
    /// What the run does.
    #[schema(value_type = RunKind)]
    kind: Value,
    /// The table of a run that rebuilds, restages, resyncs, resets or verifies one, or forgets keys of one; else `null`.
    #[schema(example = "shop.orders")]
    table: Option<String>,
    /// The model of a run that verifies one; else `null`.
    #[schema(example = "shop.daily_revenue")]
    model: Option<String>,
    /// The run's state.
    state: RunState,
    /// Whether the run has ended; only a retry continues it.
    terminal: bool,
    /// Whether the run has ended with all its steps done.
    succeeded: bool,
    /// What started the run.
    trigger: Trigger,
    /// The caller that started the run: the name of a key, or issuer and name of a token; `null` if nobody is asked for a name.
    #[schema(example = "airflow")]
    requested_by: Option<String>,
    /// The time of the schedule that started the run; `null` for other triggers.
    #[serde(serialize_with = "crate::time::exact")]
    scheduled_for_at: Option<Timestamp>,
    /// The number of the last attempt.
    attempt: i32,
    /// When the run was accepted.
    #[serde(serialize_with = "crate::time::exact")]
    created_at: Timestamp,
    /// When the first attempt began.
    #[serde(serialize_with = "crate::time::exact")]
    started_at: Option<Timestamp>,
    /// When the run ended.
    #[serde(serialize_with = "crate::time::exact")]
    finished_at: Option<Timestamp>,
    /// When a caller cancelled the run.
    #[serde(serialize_with = "crate::time::exact")]
    cancel_requested_at: Option<Timestamp>,
    /// From `started_at` to `finished_at`, or to now.
    duration_seconds: Option<f64>,
    /// What was asked for.
    request: RunRequest,
    /// The labels that the caller sent.
    labels: BTreeMap<String, String>,
    /// Counts over all steps, by name: `events`, `files`, `bytes` (extracted), `read`, `rejected`, `duplicate`, `staged` (staging), those of
    /// `Change` (marts), and others of single steps.
    #[schema(value_type = BTreeMap<String, i64>)]
    counts: Value,
    /// Differences between sources and tables that this run saw first.
    #[schema(value_type = Vec<RunDrift>)]
    drift: Value,
    /// The problem that ended the run.
    #[schema(value_type = Option<Problem>)]
    error: Option<Value>,
    /// Paths of what can be asked or done now.
    links: RunLinks,
}

/// What was asked for when a run was started.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RunRequest {
    /// The parts to run; all if empty.
    steps: Vec<StepKind>,
    /// The tables and models to run, in the caller's words; all if empty.
    select: Vec<String>,
    /// The models to leave out, in the caller's words.
    exclude: Vec<String>,
    /// Whether the tables are made again from landing.
    full_refresh: bool,
    /// The caller's limit for the run.
    timeout_seconds: Option<u32>,
    /// The caller's limit for a step.
    step_timeout_seconds: Option<u32>,
    /// The run of OpenLineage that started or retried the run last.
    openlineage: Option<OpenLineageParent>,
    /// Of `verify`: one key in this many is compared.
    one_in: Option<u32>,
    /// Of `replay` and `dismiss`: only rejects with this reason.
    #[schema(value_type = Option<Reason>)]
    reason: Option<String>,
    /// Of `rebuild` and `forget`: how many keys the caller named; all if `null`.
    selected_keys: Option<usize>,
    /// Of `replay` and `dismiss`: how many rejects the caller named; `null` if none by its id.
    selected_rejects: Option<usize>,
    /// Of `maintenance`: whether it only counted.
    dry_run: Option<bool>,
}

/// A difference between a source and a table.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "only its schema is used: the state database makes the value"
)]
struct RunDrift {
    /// The table.
    #[schema(example = "shop.orders")]
    table: String,
    #[serde(flatten)]
    drift: Drift,
}

/// Paths of a run's resources.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RunLinks {
    /// The run.
    #[serde(rename = "self")]
    own: String,
    /// The run's pipeline.
    pipeline: String,
    /// The steps.
    steps: String,
    /// The results of tests.
    tests: String,
    /// How many rows changed.
    changes: String,
    /// The outcome as a status code.
    outcome: String,
    /// What happens to the run, as server-sent events.
    events: String,
    /// Cancels the run; `null` after its end.
    cancel: Option<String>,
    /// Retries the run; `null` unless it failed or was cancelled.
    retry: Option<String>,
}

impl RunLinks {
    fn of(run: &state::Run) -> Self {
        let at = format!("/v1/runs/{}", run.id);
        let is_retryable = matches!(run.state, RunState::Failed | RunState::Cancelled);

        Self {
            pipeline: format!("/v1/pipelines/{}", run.pipeline),
            steps: format!("{at}/steps"),
            tests: format!("{at}/tests"),
            changes: format!("{at}/changes"),
            outcome: format!("{at}/outcome"),
            events: format!("{at}/events"),
            cancel: (!run.state.is_terminal()).then(|| format!("{at}/cancel")),
            retry: is_retryable.then(|| format!("{at}/retry")),
            own: at,
        }
    }
}

impl RunRequest {
    fn of(request: Request, task: &Task) -> Self {
        let mut asked = Self {
            steps: request.steps,
            select: request.select,
            exclude: request.exclude,
            full_refresh: request.full_refresh,
            timeout_seconds: request.timeout_seconds,
            step_timeout_seconds: request.step_timeout_seconds,
            openlineage: request.openlineage,
            one_in: None,
            reason: None,
            selected_keys: None,
            selected_rejects: None,
            dry_run: None,
        };
        match task {
            Task::Rebuild { keys, .. } => {
                asked.selected_keys = Some(keys.len()).filter(|keys| *keys > 0);
            }
            Task::Forget { key_count, .. } => asked.selected_keys = Some(*key_count),
            Task::Verify { one_in, .. } => asked.one_in = Some(*one_in),
            Task::Maintenance { dry_run } => asked.dry_run = Some(*dry_run),
            Task::Replay { filter, .. } | Task::Dismiss { filter, .. } => {
                asked.reason.clone_from(&filter.reason);
                asked.selected_rejects = Some(filter.ids.len()).filter(|ids| *ids > 0);
            }
            _ => {}
        }

        asked
    }
}

impl From<state::Run> for Run {
    fn from(run: state::Run) -> Self {
        let until = run.finished_at.unwrap_or_else(Timestamp::now);
        let member = |name: &str| run.task.get(name).and_then(Value::as_str);
        let full = |name: &str| format!("{}.{name}", run.pipeline);
        // A task of a newer service is shown as far as it is known.
        let task = serde_json::from_value(run.task.clone()).unwrap_or_default();
        let request: Request = serde_json::from_value(run.request.clone()).unwrap_or_default();

        Self {
            id: run.id,
            kind: run.task.get("kind").cloned().unwrap_or_default(),
            table: member("table").map(full),
            model: member("model").map(full),
            state: run.state,
            terminal: run.state.is_terminal(),
            succeeded: run.state == RunState::Succeeded,
            trigger: run.trigger,
            requested_by: run.requested_by.clone(),
            scheduled_for_at: run.scheduled_for,
            attempt: run.attempt,
            created_at: run.created_at,
            started_at: run.started_at,
            finished_at: run.finished_at,
            cancel_requested_at: run.cancel_requested_at,
            duration_seconds: run
                .started_at
                .map(|started| until.duration_since(started).as_secs_f64().max(0.0)),
            labels: request.labels.clone(),
            request: RunRequest::of(request, &task),
            links: RunLinks::of(&run),
            counts: run.counts,
            drift: run.drift,
            error: run.error,
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
    Granted(app): Granted,
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
        Problem,
    ),
)]
pub(super) async fn get_run_outcome(
    Granted(app): Granted,
    Path(RunPath { run_id }): Path<RunPath>,
) -> Result<Json<Run>> {
    let run = match app.store.run(run_id).await {
        Err(Error::NotFound { .. }) => return Err(Error::RunUnknown { run: run_id }),
        run => run?,
    };
    if !run.state.is_terminal() {
        return Err(Error::OutcomePending { run: run_id });
    }

    Ok(Json(run.into()))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct RunsQuery {
    /// Only this pipeline.
    #[param(example = "shop", required = false)]
    pipeline: Option<String>,
    /// Only runs in one of these states.
    #[param(value_type = Option<Vec<RunState>>, style = Form, explode = false, min_items = 1, required = false)]
    state: Option<AnyOf<RunState>>,
    /// Only runs that one of these started.
    #[param(value_type = Option<Vec<Trigger>>, inline, style = Form, explode = false, min_items = 1, required = false)]
    trigger: Option<AnyOf<Trigger>>,
    /// Only runs of one of these kinds.
    #[param(value_type = Option<Vec<RunKind>>, inline, style = Form, explode = false, min_items = 1, required = false)]
    kind: Option<AnyOf<RunKind>>,
    /// Only runs that rebuild, restage, resync, reset or verify this table, or forget keys of it.
    #[param(example = "shop.orders", required = false)]
    table: Option<String>,
    /// Only runs that verify this model.
    #[param(example = "shop.daily_revenue", required = false)]
    model: Option<String>,
    /// Only runs that were accepted at this time or later.
    #[param(example = "2026-01-01T00:00:00Z", required = false)]
    #[serde(deserialize_with = "time")]
    since: Option<Timestamp>,
    /// Only runs that were accepted before this time.
    #[param(example = "2027-01-01T00:00:00Z", required = false)]
    #[serde(deserialize_with = "time")]
    until: Option<Timestamp>,
}

type RunPage = Page<Run>;

/// List runs, newest first.
#[utoipa::path(
    get, path = "/v1/runs", tag = "runs",
    params(
        RunsQuery,
        ("label" = inline(Option<Labels>), Query, style = Form, explode,
         description = "Only runs with these labels: a parameter `label.<name>` for each", example = json!({"label.dag_id": "shop_hourly"})),
        Paging,
    ),
    responses((status = OK, description = "A page of runs", body = RunPage), Problem),
)]
pub(super) async fn list_runs(
    Granted(app): Granted,
    Query(query): Query<RunsQuery>,
    RawQuery(raw): RawQuery,
    paging: Paging,
) -> Result<Json<RunPage>> {
    if let Some(pipeline) = &query.pipeline {
        app.pipelines.chosen(Some(pipeline))?;
    }
    let of = Of::find(&app, query.table.as_deref(), query.model.as_deref())?;
    if of.is_beside(query.pipeline.as_deref()) {
        return Ok(Json(Page::empty()));
    }
    let Members { of: labels, .. } = Members::read(LABEL, raw.as_deref().unwrap_or_default())?;
    let kinds = any(query.kind);
    let which = RunQuery {
        pipeline: query.pipeline.or(of.pipeline),
        pipelines: app.pipelines.seen(),
        states: any(query.state),
        triggers: any(query.trigger),
        kinds: kinds.map(|kinds| kinds.into_iter().map(RunKind::as_str).collect()),
        table: of.table,
        model: of.model,
        since: query.since,
        until: query.until,
        labels: labels
            .into_iter()
            .map(|(name, value)| (without_nul(&name), without_nul(&value)))
            .collect(),
        before: paging.after()?,
        limit: paging.asked_rows(),
    };
    let runs = app.store.runs(&which).await?;

    Ok(Json(paging.page(runs, |last| last.id)?.map(Run::from)))
}
