//! Refreshes of SQL models: what each did, how it ended, and how far models lag behind their sources.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::queries::Queries;
use super::rows::{OnlyColumn, from_row, text_column};
use super::sql::sql;
use super::{AttemptId, EndedStatement, PublishedColumn, StatementOutcome, Store, Trigger};
use crate::error::Result;
use crate::pipeline::TableId;

/// A column of a model's table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ModelColumn {
    /// Its name.
    #[schema(example = "order_month")]
    pub name: String,
    /// The type in Trino.
    #[schema(example = "date")]
    pub data_type: String,
}

/// What a refresh read: one snapshot of each input, and one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// What `current_timestamp` stood for.
    pub as_of: Timestamp,
    /// The inputs, by their tables in Trino.
    pub inputs: BTreeMap<String, InputReading>,
}

/// What a refresh read of one input.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputReading {
    /// The snapshot; absent for an empty table, and for one that has none.
    pub snapshot: Option<String>,
    /// Changes with the rows: the snapshot of the last publication, while `snapshot` may be that of rewritten files.
    pub version: Option<String>,
    /// The last batch in it, for tracked tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upto_batch: Option<i64>,
    /// How often it was remade until then, for tracked tables.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remakes: Option<i64>,
}

/// What a refresh did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefreshAction {
    /// No input had changed.
    NoData,
    /// The view was made, or was there.
    View,
    /// Only the affected scopes were computed.
    Incremental,
    /// The whole model was computed.
    Full,
    /// No input had changed, but the time had: only the scopes that it affects were computed.
    Time,
}

text_column!(RefreshAction {
    NoData = "no_data",
    View = "view",
    Incremental = "incremental",
    Full = "full",
    Time = "time",
});

/// How a refresh ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefreshState {
    Succeeded,
    Failed,
    /// Left out, because something that it reads failed.
    UpstreamFailed,
}

text_column!(RefreshState {
    Succeeded = "succeeded",
    Failed = "failed",
    UpstreamFailed = "upstream_failed",
});

/// What a refresh publishes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refreshed {
    pub action: RefreshAction,
    /// Why it had this action.
    pub reason: Option<String>,
    pub made_of: Value,
    pub columns: Vec<ModelColumn>,
    pub reading: Reading,
    pub scopes: Option<i64>,
    pub changed: Option<ChangedRows>,
    /// The snapshot that the table of changes begins with; `None` without such a table.
    pub changes_since: Option<String>,
    /// The last batch up to which everything is in it; `None` if it reads nothing of the pipeline.
    #[serde(default)]
    pub covered_batch: Option<i64>,
}

impl Refreshed {
    fn published_columns(&self, key: &[String]) -> Vec<PublishedColumn> {
        let columns = self.columns.iter();

        columns
            .map(|column| PublishedColumn {
                name: column.name.clone(),
                data_type: column.data_type.clone(),
                is_key: key
                    .iter()
                    .any(|name| name.eq_ignore_ascii_case(&column.name)),
            })
            .collect()
    }
}

/// Rows that a refresh changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangedRows {
    pub inserted: i64,
    pub updated: i64,
    pub deleted: i64,
}

/// A refresh that ended.
#[derive(Debug)]
pub struct EndedRefresh {
    pub attempt: AttemptId,
    pub started_at: Timestamp,
    pub refreshed: Refreshed,
    /// The table's snapshot after it; `None` if it did not change.
    pub snapshot: Option<String>,
    /// The snapshot that it changed; `None` for the first one.
    pub snapshot_before: Option<String>,
    /// The names of the columns that identify a row; empty without a key.
    pub key: Vec<String>,
    /// The table's rows after it, if they were counted.
    pub rows: Option<i64>,
    /// The model's target lag.
    pub target_lag: Option<Duration>,
    /// The statements that did it.
    pub statements: Vec<EndedStatement>,
}

/// A refresh that published nothing.
#[derive(Debug)]
pub struct FailedRefresh {
    pub attempt: AttemptId,
    pub started_at: Timestamp,
    pub state: RefreshState,
    pub problem: Option<Value>,
    pub target_lag: Option<Duration>,
}

/// A refresh, as it is kept.
#[derive(Debug, Clone)]
pub struct RefreshRecord {
    pub id: i64,
    pub run_id: Uuid,
    pub trigger: Trigger,
    pub attempt: i32,
    pub state: RefreshState,
    pub action: Option<RefreshAction>,
    pub reason: Option<String>,
    pub reading: Option<Json<Reading>>,
    pub scopes: Option<i64>,
    pub inserted: Option<i64>,
    pub updated: Option<i64>,
    pub deleted: Option<i64>,
    pub problem: Option<Value>,
    pub started_at: Timestamp,
    pub finished_at: Timestamp,
    /// The time up to which everything is in it.
    pub covered_until: Option<Timestamp>,
    pub target_lag_seconds: Option<i64>,
}

from_row!(RefreshRecord {
    id,
    run_id,
    trigger,
    attempt,
    state,
    action,
    reason,
    reading,
    scopes,
    inserted,
    updated,
    deleted,
    problem,
    started_at,
    finished_at,
    covered_until,
    target_lag_seconds,
});

/// Which refreshes of a model to list.
#[derive(Debug, Default)]
pub struct RefreshQuery {
    pub states: Option<Vec<RefreshState>>,
    pub actions: Option<Vec<RefreshAction>>,
    /// What started their runs.
    pub triggers: Option<Vec<Trigger>>,
    pub run: Option<Uuid>,
    /// Only refreshes that began at this time or later.
    pub since: Option<Timestamp>,
    /// Only refreshes that began before this time.
    pub until: Option<Timestamp>,
    /// Only refreshes before the one with this id.
    pub before: Option<i64>,
    pub limit: i64,
}

/// How the last refresh of a model ended; nothing before the first.
#[derive(Debug, Clone, Copy)]
pub struct LastRefresh {
    pub state: Option<RefreshState>,
    /// When the run of the last one that succeeded began.
    pub succeeded_at: Option<Timestamp>,
}

from_row!(LastRefresh {
    state,
    succeeded_at
});

/// The lag of a model over some time, in seconds. `None` where there was no refresh.
#[derive(Debug, Clone, Copy)]
pub struct LagSince {
    pub mean: Option<f64>,
    pub maximum: Option<f64>,
    /// The share of the time in which it was within its target lag.
    pub share_within_target: Option<f64>,
}

from_row!(LagSince {
    mean,
    maximum,
    share_within_target,
});

struct NamedRefresh {
    pipeline: String,
    name: String,
    last: LastRefresh,
}

from_row!(NamedRefresh {
    pipeline,
    name,
    last: row
});

struct NamedLag {
    pipeline: String,
    name: String,
    lag: LagSince,
}

from_row!(NamedLag {
    pipeline,
    name,
    lag: row
});

impl Store {
    /// Records in one transaction what a model's table holds, the refresh, and the ends of its statements.
    pub async fn record_refresh(
        &self,
        TableId { pipeline, name }: &TableId,
        ended: &EndedRefresh,
    ) -> Result<()> {
        let refreshed = &ended.refreshed;
        let mut connection = self.connection().await?;
        let transaction = connection.begin().await?;
        // A refresh without news keeps what the last one noted.
        let is_news = refreshed.action != RefreshAction::NoData;
        let reading = is_news.then_some(Json(&refreshed.reading));
        if is_news {
            transaction
                .execute(
                    sql!(models::record_refreshed),
                    &[
                        &pipeline,
                        &name,
                        &refreshed.made_of,
                        &Json(&refreshed.columns),
                        &Json(&refreshed.reading),
                        &ended.snapshot,
                        &refreshed.changes_since,
                        &ended.rows,
                        &refreshed.covered_batch,
                    ],
                )
                .await?;
        } else {
            transaction
                .execute(
                    sql!(models::record_covered),
                    &[&pipeline, &name, &refreshed.covered_batch],
                )
                .await?;
        }
        let changed = refreshed.changed;
        let refresh_id: i64 = transaction
            .value(
                sql!(refreshes::record_refresh),
                &[
                    &pipeline,
                    &name,
                    &ended.attempt.run,
                    &ended.attempt.number,
                    &RefreshState::Succeeded,
                    &Some(refreshed.action),
                    &refreshed.reason,
                    &reading,
                    &refreshed.scopes,
                    &changed.map(|rows| rows.inserted),
                    &changed.map(|rows| rows.updated),
                    &changed.map(|rows| rows.deleted),
                    &None::<Value>,
                    &ended.started_at,
                    &refreshed.covered_batch,
                    &seconds(ended.target_lag),
                ],
            )
            .await?;
        if let Some(snapshot) = &ended.snapshot {
            transaction
                .execute(
                    sql!(publications::record_model_publication),
                    &[
                        &pipeline,
                        &name,
                        snapshot,
                        &refresh_id,
                        &Json(refreshed.published_columns(&ended.key)),
                        &ended.snapshot_before,
                    ],
                )
                .await?;
        }
        for statement in &ended.statements {
            statement
                .end
                .record(&transaction, statement.id, StatementOutcome::Succeeded)
                .await?;
        }

        transaction.commit().await
    }

    /// Records a refresh that published nothing.
    pub async fn record_failed_refresh(
        &self,
        TableId { pipeline, name }: &TableId,
        failed: &FailedRefresh,
    ) -> Result<()> {
        let none = None::<i64>;
        self.execute(
            sql!(refreshes::record_refresh),
            &[
                &pipeline,
                &name,
                &failed.attempt.run,
                &failed.attempt.number,
                &failed.state,
                &None::<RefreshAction>,
                &None::<String>,
                &None::<Value>,
                &none,
                &none,
                &none,
                &none,
                &failed.problem,
                &failed.started_at,
                &none,
                &seconds(failed.target_lag),
            ],
        )
        .await?;

        Ok(())
    }

    /// How the last refresh of a model ended.
    pub async fn last_refresh(&self, TableId { pipeline, name }: &TableId) -> Result<LastRefresh> {
        self.row(sql!(refreshes::last_refresh), &[&pipeline, &name])
            .await
    }

    /// The run of the last refresh of a model that sent statements which write; `None` before it.
    pub async fn last_sending_run(
        &self,
        TableId { pipeline, name }: &TableId,
    ) -> Result<Option<Uuid>> {
        let last: Option<OnlyColumn<Uuid>> = self
            .row_opt(sql!(refreshes::last_sending_run), &[&pipeline, &name])
            .await?;

        Ok(last.map(|OnlyColumn(run)| run))
    }

    /// How the last refreshes of some models ended.
    pub async fn last_refreshes(
        &self,
        models: &[&TableId],
    ) -> Result<HashMap<TableId, LastRefresh>> {
        let (pipelines, names) = TableId::columns(models);
        let rows: Vec<NamedRefresh> = self
            .rows(sql!(refreshes::last_refreshes), &[&pipelines, &names])
            .await?;

        Ok(rows
            .into_iter()
            .map(|row| (TableId::new(&row.pipeline, &row.name), row.last))
            .collect())
    }

    /// Measures the lags of some models since some time, each with its target lag in seconds.
    pub async fn lags_since(
        &self,
        models: &[&TableId],
        targets: &[Option<f64>],
        since: Timestamp,
    ) -> Result<HashMap<TableId, LagSince>> {
        let (pipelines, names) = TableId::columns(models);
        let rows: Vec<NamedLag> = self
            .rows(
                sql!(refreshes::lags_since),
                &[&pipelines, &names, &targets, &since],
            )
            .await?;

        Ok(rows
            .into_iter()
            .map(|row| (TableId::new(&row.pipeline, &row.name), row.lag))
            .collect())
    }

    /// Lists the refreshes of a model, the latest first.
    pub async fn refreshes(
        &self,
        TableId { pipeline, name }: &TableId,
        which: &RefreshQuery,
    ) -> Result<Vec<RefreshRecord>> {
        let RefreshQuery {
            states,
            actions,
            triggers,
            run,
            since,
            until,
            before,
            limit,
        } = which;

        self.rows(
            sql!(refreshes::list_refreshes),
            &[
                &pipeline, &name, before, limit, states, actions, triggers, run, since, until,
            ],
        )
        .await
    }
}

fn seconds(lag: Option<Duration>) -> Option<i64> {
    lag.and_then(|lag| i64::try_from(lag.as_secs()).ok())
}
