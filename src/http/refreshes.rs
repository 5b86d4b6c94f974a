//! `/v1/models/{model}/refreshes`: what each refresh of a model did, and why; and the call that starts one.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::answer::PROBLEM_JSON;
use super::key::{IdempotencyKey, accepted};
use super::models::ModelPath;
use super::page::Page;
use super::read::{Body, Empty, Path, Query, limited};
use super::runs::Run;
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::pipeline::PipelineModel;
use crate::report;
use crate::run::{self, Request, StepKind};
use crate::state::{Reading, RefreshAction, RefreshRecord, RefreshState, Trigger};

/// A page of refreshes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RefreshPage {
    /// The latest first.
    refreshes: Vec<Refresh>,
    /// The `before` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A refresh of a model.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ModelRefresh, example = json!({
    "id": "17", "run_id": "019a6d3e-7f10-7c4c-9f5a-2b1c3d4e5f60", "trigger": "target_lag", "attempt": 1, "state": "succeeded", "action": "incremental",
    "reason": "`lake.marts.orders` changed", "scopes": 3, "inserted": 0, "updated": 3, "deleted": 0,
    "started_at": "2026-01-01T12:00:01Z", "finished_at": "2026-01-01T12:00:02Z", "duration_seconds": 1.0,
    "covered_until": "2026-01-01T12:00:00Z", "lag_seconds": 2.0, "target_lag_seconds": 300,
}))]
pub(super) struct Refresh {
    id: String,
    /// The run that did it.
    run_id: Uuid,
    /// What started that run.
    trigger: Trigger,
    attempt: i32,
    state: RefreshState,
    /// What was done; absent if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<RefreshAction>,
    /// Why that was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What it read: a snapshot of each input, and one time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Reading>)]
    reading: Option<Value>,
    /// The affected scopes of an incremental refresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<i64>,
    /// Rows that it added to the table; absent for a full refresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    inserted: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted: Option<i64>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Problem>)]
    error: Option<Value>,
    started_at: Timestamp,
    finished_at: Timestamp,
    duration_seconds: f64,
    /// The time up to which every committed change of the sources was in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    covered_until: Option<Timestamp>,
    /// The time from `covered_until` to the end of the refresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    lag_seconds: Option<f64>,
    /// The model's target lag when the refresh ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    target_lag_seconds: Option<i64>,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct RefreshesQuery {
    /// The `next` of the page before.
    #[param(example = "17", pattern = "^[0-9]{1,18}$", required = false)]
    before: Option<String>,
    /// The most refreshes of a page.
    #[param(example = 100, minimum = 1, maximum = 1000, required = false)]
    limit: Option<i64>,
}

/// List the refreshes of a model: what each did, and why.
#[utoipa::path(
    get, path = "/v1/models/{model}/refreshes", tag = "models",
    params(ModelPath, RefreshesQuery),
    responses((status = OK, description = "The refreshes", body = RefreshPage), Problem),
)]
pub(super) async fn list_refreshes(
    State(app): State<App>,
    Path(ModelPath { model }): Path<ModelPath>,
    Query(query): Query<RefreshesQuery>,
) -> Result<Json<RefreshPage>> {
    let limit = limited(query.limit, 100, 1_000)?;
    let model = app.pipelines.model(&model)?;
    let before = query.before.as_deref().map(id).transpose()?;
    let found = app.store.refreshes(&model.id(), before, limit + 1).await?;
    let page = Page::of(found, usize::try_from(limit).map_err(Error::internal)?);
    let next = page.next(|last| last.id.to_string());

    Ok(Json(RefreshPage {
        refreshes: page.rows.into_iter().map(Refresh::from).collect(),
        next,
    }))
}

/// Refresh a model, and no other.
///
/// The run does not refresh its inputs. To refresh them first, start a run with `select: ["+daily_revenue"]`.
#[utoipa::path(
    post, path = "/v1/models/{model}/refresh", tag = "models",
    params(ModelPath, IdempotencyKey),
    responses(
        (status = ACCEPTED, description = "The run is queued; ask at `Location`", body = Run),
        (status = OK, description = "The run that this key started before has ended", body = Run),
        (status = CONFLICT, description = "The model is suspended", body = Problem, content_type = PROBLEM_JSON),
        Problem,
    ),
)]
pub(super) async fn refresh_model(
    State(app): State<App>,
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

fn id(text: &str) -> Result<i64> {
    text.parse().map_err(|_| Error::Invalid {
        field: "before".into(),
        detail: format!("`before` is `{text}`; take the `next` of the page before"),
    })
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
            reason: record.reason,
            reading: record.reading,
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
