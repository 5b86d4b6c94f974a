//! `/v1/changes`: how many rows were inserted, updated and deleted, per run, hour or day.

use axum::Json;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::access::Granted;
use super::of::Of;
use super::page::{Page, Paging};
use super::read::{Path, Query, time};
use super::runs::RunPath;
use crate::error::{Problem, Result};
use crate::state::{ChangeQuery, ChangeRecord, Period};

/// Seven days, the default of `since`.
const USUAL: SignedDuration = SignedDuration::from_hours(7 * 24);

/// The sums' period.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum SumBy {
    #[default]
    Run,
    /// Of UTC.
    Hour,
    /// Of UTC.
    Day,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct ChangesQuery {
    /// Only tables and models of this pipeline.
    #[param(example = "shop", required = false)]
    pipeline: Option<String>,
    /// Only this table.
    #[param(example = "shop.orders", required = false)]
    table: Option<String>,
    /// Only this model.
    #[param(example = "shop.daily_revenue", required = false)]
    model: Option<String>,
    /// Only changes that were published at this time or later; by default seven days before `until`.
    #[param(example = "2026-01-01T00:00:00Z", required = false)]
    #[serde(deserialize_with = "time")]
    since: Option<Timestamp>,
    /// Only changes that were published before this time; by default now.
    #[param(example = "2027-01-01T00:00:00Z", required = false)]
    #[serde(deserialize_with = "time")]
    until: Option<Timestamp>,
    /// Sum per `run`, `hour` or `day` (UTC).
    #[param(inline, required = false)]
    by: Option<SumBy>,
}

type ChangePage = Page<ChangeRecord>;

/// List how many rows of tables and models changed, newest first.
#[utoipa::path(
    get, path = "/v1/changes", tag = "reports",
    params(ChangesQuery, Paging),
    responses((status = OK, description = "A page of sums, one for each table or model that changed in a run, an hour or a day", body = ChangePage), Problem),
)]
pub(super) async fn list_changes(
    Granted(app): Granted,
    Query(query): Query<ChangesQuery>,
    paging: Paging,
) -> Result<Json<ChangePage>> {
    if let Some(pipeline) = &query.pipeline {
        app.pipelines.chosen(Some(pipeline))?;
    }
    let until = query.until.unwrap_or_else(Timestamp::now);
    let usual = || until.checked_sub(USUAL).unwrap_or(Timestamp::MIN);
    let of = Of::find(&app, query.table.as_deref(), query.model.as_deref())?;
    if of.is_beside(query.pipeline.as_deref()) {
        return Ok(Json(Page::empty()));
    }
    let which = ChangeQuery {
        pipelines: app.pipelines.seen(),
        pipeline: query.pipeline.or(of.pipeline),
        table: of.table,
        model: of.model,
        since: Some(query.since.unwrap_or_else(usual)),
        until: Some(until),
        run: None,
        by: match query.by.unwrap_or_default() {
            SumBy::Run => Period::Run,
            SumBy::Hour => Period::Hour,
            SumBy::Day => Period::Day,
        },
        after: paging.after()?,
        limit: paging.asked_rows(),
    };
    let sums = app.store.changes(&which).await?;

    Ok(Json(paging.page(sums, ChangeRecord::place)?))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct RunChangesQuery {
    /// Only this table.
    #[param(example = "shop.orders", required = false)]
    table: Option<String>,
    /// Only this model.
    #[param(example = "shop.daily_revenue", required = false)]
    model: Option<String>,
}

/// List how many rows of tables and models a run changed, newest first.
#[utoipa::path(
    get, path = "/v1/runs/{run_id}/changes", tag = "reports",
    params(RunPath, RunChangesQuery, Paging),
    responses((status = OK, description = "A page of sums, one for each changed table and computed model", body = ChangePage), Problem),
)]
pub(super) async fn list_run_changes(
    Granted(app): Granted,
    Path(RunPath { run_id }): Path<RunPath>,
    Query(query): Query<RunChangesQuery>,
    paging: Paging,
) -> Result<Json<ChangePage>> {
    app.store.run(run_id).await?;
    let of = Of::find(&app, query.table.as_deref(), query.model.as_deref())?;
    let which = ChangeQuery {
        pipelines: app.pipelines.seen(),
        pipeline: of.pipeline,
        table: of.table,
        model: of.model,
        since: None,
        until: None,
        run: Some(run_id),
        by: Period::Run,
        after: paging.after()?,
        limit: paging.asked_rows(),
    };
    let sums = app.store.changes(&which).await?;

    Ok(Json(paging.page(sums, ChangeRecord::place)?))
}
