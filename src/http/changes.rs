//! `/v1/changes`: how many rows were inserted, updated and deleted, per run, hour or day.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::read::{Path, Query, limited, time};
use super::runs::RunPath;
use crate::app::App;
use crate::error::{Problem, Result};
use crate::state::{self, ChangeQuery, ModelChangeRecord, Period, Published, Staged, Versions};

const MOST: i64 = 1_000;
/// Seven days, the default of `since`.
const USUAL_HOURS: i64 = 7 * 24;

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
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct ChangesQuery {
    /// Only this table or model.
    #[param(example = "shop.orders", required = false)]
    table: Option<String>,
    /// From this time on; by default seven days before `until`.
    #[param(example = "2026-01-01T00:00:00Z", required = false)]
    #[serde(deserialize_with = "time")]
    since: Option<Timestamp>,
    /// Up to this time, exclusive; by default now. If it is earlier than `since`, the list is empty.
    #[param(required = false)]
    #[serde(deserialize_with = "time")]
    until: Option<Timestamp>,
    /// Sum per `run`, `hour` or `day` (UTC).
    #[param(inline, required = false)]
    by: Option<SumBy>,
    /// The most sums.
    #[param(example = 100, minimum = 1, maximum = 1000, required = false)]
    limit: Option<i64>,
}

/// Summed changes between two times.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChangeList {
    /// The begin, inclusive.
    since: Timestamp,
    /// The end, exclusive.
    until: Timestamp,
    /// Sums of tables, newest first.
    changes: Vec<Change>,
    /// Sums of models, newest first.
    model_changes: Vec<ModelChangeRecord>,
}

/// Summed changes of a run.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RunChangeList {
    /// One sum for each changed table.
    changes: Vec<Change>,
    /// One sum for each model that was computed.
    model_changes: Vec<ModelChangeRecord>,
}

/// The changes of a table in a run, an hour or a day, and the outcome of every event.
///
/// `read = rejected + duplicate + staged`; `published = truncates + late + superseded + delete_without_row + unchanged + inserted +
/// updated + deleted`. A run publishes what it stages; if it fails in between, a later run does.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "table": "shop.orders", "period": "019a6d3e-7f10-7c4c-9f5a-2b1c3d4e5f60", "changed_at": "2026-01-01T12:00:02Z",
    "inserted": 70, "updated": 200, "deleted": 15, "published": 300, "late": 2, "superseded": 8, "delete_without_row": 1, "unchanged": 4,
    "truncates": 0, "truncated": 0, "read": 302, "rejected": 1, "duplicate": 1, "staged": 300,
    "versions_opened": 272, "versions_closed": 284, "versions_split": 1, "versions_changed": 0, "versions_removed": 0,
}))]
pub(super) struct Change {
    /// The table's name in the API.
    table: String,
    /// The run's id, or the start of the hour or day.
    period: String,
    /// When the first change was published.
    changed_at: Timestamp,
    /// Changes of the current rows, and the outcome of every published event.
    #[serde(flatten)]
    published: Published,
    /// The outcome of every event that was read.
    #[serde(flatten)]
    staged: Staged,
    /// Changes of the history.
    #[serde(flatten)]
    versions: Versions,
}

/// List how many rows of tables and models changed.
#[utoipa::path(
    get, path = "/v1/changes", tag = "reports",
    params(ChangesQuery),
    responses((status = OK, description = "The sums, newest first", body = ChangeList), Problem),
)]
pub(super) async fn list_changes(
    State(app): State<App>,
    Query(query): Query<ChangesQuery>,
) -> Result<Json<ChangeList>> {
    if let Some(table) = &query.table
        && app.pipelines.model(table).is_err()
    {
        app.pipelines.table(table)?;
    }
    let until = query.until.unwrap_or_else(Timestamp::now);
    let since = query.since.unwrap_or_else(|| {
        until
            .checked_sub(jiff::SignedDuration::from_hours(USUAL_HOURS))
            .unwrap_or(Timestamp::MIN)
    });
    let which = ChangeQuery {
        table: query.table,
        since,
        until,
        run: None,
        limit: limited(query.limit, 100, MOST)?,
    };
    let by = match query.by.unwrap_or_default() {
        SumBy::Run => Period::Run,
        SumBy::Hour => Period::Hour,
        SumBy::Day => Period::Day,
    };

    Ok(Json(ChangeList {
        since,
        until,
        changes: sums(&app, &which, by).await?,
        model_changes: app.store.model_changes(&which, by).await?,
    }))
}

/// List how many rows of tables and models a run changed.
#[utoipa::path(
    get, path = "/v1/runs/{run_id}/changes", tag = "reports",
    params(RunPath),
    responses((status = OK, description = "One sum for each changed table and computed model", body = RunChangeList), Problem),
)]
pub(super) async fn list_run_changes(
    State(app): State<App>,
    Path(RunPath { run_id }): Path<RunPath>,
) -> Result<Json<RunChangeList>> {
    let run = app.store.run(run_id).await?;
    let which = ChangeQuery {
        table: None,
        since: run.created_at,
        until: Timestamp::MAX,
        run: Some(run_id),
        limit: MOST,
    };

    Ok(Json(RunChangeList {
        changes: sums(&app, &which, Period::Run).await?,
        model_changes: app.store.model_changes(&which, Period::Run).await?,
    }))
}

async fn sums(app: &App, which: &ChangeQuery, by: Period) -> Result<Vec<Change>> {
    let changes = app.store.changes(which, by).await?;

    Ok(changes.into_iter().map(Change::from).collect())
}

impl From<state::ChangeRecord> for Change {
    fn from(change: state::ChangeRecord) -> Self {
        Self {
            table: change.table,
            period: change.period,
            changed_at: change.changed_at,
            published: change.published,
            staged: change.staged,
            versions: change.versions,
        }
    }
}
