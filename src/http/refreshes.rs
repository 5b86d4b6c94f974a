//! `/v1/models/{model}/refreshes`: what each refresh of a model did, and why; and the call that starts one.

use axum::Json;
use axum::response::Response;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::types::Json as Stored;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::access::Granted;
use super::key::{IdempotencyKey, StartedRun, accepted};
use super::models::ModelPath;
use super::page::{Page, Paging};
use super::read::{AnyOf, Body, Empty, Path, Query, any, time};
use crate::error::{Error, Problem, Result};
use crate::models::InputSnapshot;
use crate::pipeline::PipelineModel;
use crate::report;
use crate::run::{self, Request, StepKind};
use crate::state::{Reading, RefreshAction, RefreshQuery, RefreshRecord, RefreshState, Trigger};

/// A refresh of a model.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ModelRefresh, example = json!({
    "id": "17", "run_id": "019a6d3e-7f10-7c4c-9f5a-2b1c3d4e5f60", "trigger": "target_lag", "attempt": 1, "state": "succeeded", "action": "incremental",
    "detail": "`lake.marts.orders` changed", "reading": null, "error": null, "scopes": 3, "inserted": 0, "updated": 3, "deleted": 0,
    "started_at": "2026-01-01T12:00:01.000000Z", "finished_at": "2026-01-01T12:00:02.000000Z", "duration_seconds": 1.0,
    "covered_until": "2026-01-01T12:00:00.000000Z", "lag_seconds": 2.0, "target_lag_seconds": 300,
}))]
pub(super) struct Refresh {
    /// A number that rises.
    id: String,
    /// The run that did it.
    run_id: Uuid,
    /// What started that run.
    trigger: Trigger,
    /// The attempt of the run.
    attempt: i32,
    /// How it ended.
    state: RefreshState,
    /// What was done; `null` if it failed.
    action: Option<RefreshAction>,
    /// Why that was done.
    detail: Option<String>,
    /// What it read: a snapshot of each input, and one time.
    reading: Option<ModelReading>,
    /// The affected scopes of an incremental refresh.
    scopes: Option<i64>,
    /// Rows that it added to the table; `null` for a full refresh.
    inserted: Option<i64>,
    /// Rows that it updated.
    updated: Option<i64>,
    /// Rows that it deleted.
    deleted: Option<i64>,
    /// Why it failed.
    #[schema(value_type = Option<Problem>)]
    error: Option<Value>,
    /// When it began.
    #[serde(serialize_with = "crate::time::exact")]
    started_at: Timestamp,
    /// When it ended.
    #[serde(serialize_with = "crate::time::exact")]
    finished_at: Timestamp,
    /// From `started_at` to `finished_at`.
    duration_seconds: f64,
    /// The time up to which every committed change of the sources was in it.
    #[serde(serialize_with = "crate::time::exact")]
    covered_until: Option<Timestamp>,
    /// The time from `covered_until` to the end of the refresh.
    lag_seconds: Option<f64>,
    /// The model's target lag when the refresh ended.
    target_lag_seconds: Option<i64>,
}

/// What a refresh read: one snapshot of each input, and one time.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ModelReading {
    /// What `current_timestamp` stood for.
    #[serde(serialize_with = "crate::time::exact")]
    as_of: Timestamp,
    /// The inputs, sorted by name.
    inputs: Vec<InputSnapshot>,
}

impl From<Reading> for ModelReading {
    fn from(reading: Reading) -> Self {
        let inputs = reading.inputs.into_iter();

        Self {
            as_of: reading.as_of,
            inputs: inputs
                .map(|(table, reading)| InputSnapshot::of(&table, reading))
                .collect(),
        }
    }
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct RefreshesQuery {
    /// Only refreshes in one of these states.
    #[param(value_type = Option<Vec<RefreshState>>, style = Form, explode = false, min_items = 1, required = false)]
    state: Option<AnyOf<RefreshState>>,
    /// Only refreshes that did one of these.
    #[param(value_type = Option<Vec<RefreshAction>>, inline, style = Form, explode = false, min_items = 1, required = false)]
    action: Option<AnyOf<RefreshAction>>,
    /// Only refreshes of runs that one of these started.
    #[param(value_type = Option<Vec<Trigger>>, inline, style = Form, explode = false, min_items = 1, required = false)]
    trigger: Option<AnyOf<Trigger>>,
    /// Only refreshes of this run.
    #[param(example = "019a6d3e-7f10-7c4c-9f5a-2b1c3d4e5f60", required = false)]
    run_id: Option<Uuid>,
    /// Only refreshes that began at this time or later.
    #[param(example = "2026-01-01T00:00:00Z", required = false)]
    #[serde(deserialize_with = "time")]
    since: Option<Timestamp>,
    /// Only refreshes that began before this time.
    #[param(example = "2027-01-01T00:00:00Z", required = false)]
    #[serde(deserialize_with = "time")]
    until: Option<Timestamp>,
}

type RefreshPage = Page<Refresh>;

/// List the refreshes of a model, newest first: what each did, and why.
#[utoipa::path(
    get, path = "/v1/models/{model}/refreshes", tag = "models",
    params(ModelPath, RefreshesQuery, Paging),
    responses((status = OK, description = "A page of refreshes", body = RefreshPage), Problem),
)]
pub(super) async fn list_refreshes(
    Granted(app): Granted,
    Path(ModelPath { model }): Path<ModelPath>,
    Query(query): Query<RefreshesQuery>,
    paging: Paging,
) -> Result<Json<RefreshPage>> {
    let model = app.pipelines.model(&model)?;
    let which = RefreshQuery {
        states: any(query.state),
        actions: any(query.action),
        triggers: any(query.trigger),
        run: query.run_id,
        since: query.since,
        until: query.until,
        before: paging.after()?,
        limit: paging.asked_rows(),
    };
    let refreshes = app.store.refreshes(&model.id(), &which).await?;

    Ok(Json(
        paging.page(refreshes, |last| last.id)?.map(Refresh::from),
    ))
}

/// Refresh a model, and no other.
///
/// The run does not refresh its inputs. To refresh them first, start a run with `select: ["+daily_revenue"]`.
#[utoipa::path(
    post,
    path = "/v1/models/{model}/refresh",
    tag = "models",
    params(ModelPath, IdempotencyKey),
    responses(StartedRun, Problem)
)]
pub(super) async fn refresh_model(
    Granted(app): Granted,
    Path(ModelPath { model }): Path<ModelPath>,
    key: IdempotencyKey,
    Body(Empty {}): Body<Empty>,
) -> Result<Response> {
    let of = app.pipelines.model(&model)?;
    if app.store.model(&of.id()).await?.is_suspended {
        return Err(Error::ModelSuspended { model });
    }
    let PipelineModel { definition, model } = of;
    let request = Request {
        steps: vec![StepKind::Models],
        select: vec![model.name.clone()],
        ..Request::default()
    };
    let started = run::start(&app, definition, &request, key.0.as_deref()).await?;

    Ok(accepted(started))
}

impl From<RefreshRecord> for Refresh {
    fn from(record: RefreshRecord) -> Self {
        let lasted = record.finished_at.duration_since(record.started_at);
        let lag = |covered| report::seconds(record.finished_at.duration_since(covered));
        Self {
            id: record.id.to_string(),
            run_id: record.run_id,
            trigger: record.trigger,
            attempt: record.attempt,
            state: record.state,
            action: record.action,
            detail: record.reason,
            reading: record.reading.map(|Stored(reading)| reading.into()),
            scopes: record.scopes,
            inserted: record.inserted,
            updated: record.updated,
            deleted: record.deleted,
            error: record.problem,
            started_at: record.started_at,
            finished_at: record.finished_at,
            duration_seconds: report::seconds(lasted),
            covered_until: record.covered_until,
            lag_seconds: record.covered_until.map(lag),
            target_lag_seconds: record.target_lag_seconds,
        }
    }
}
