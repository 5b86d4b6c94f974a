//! Freshness in data time: how old a table's data is, measured to its sources, and what makes it so.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::error::Result;
use crate::pipeline::{self, Definition};
use crate::state::{HoldingFiles, RunState};

/// Whether a table or model is within its limits, in dbt's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Young enough.
    Pass,
    /// Older than `warn_after`.
    Warn,
    /// Older than `error_after`, or never built.
    Error,
}

/// Why a table or model has its lag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LagReason {
    /// Nothing: it is young enough.
    UpToDate,
    /// No run was asked for.
    NotScheduled,
    /// A run waits in the queue.
    Waiting,
    /// A run is under way.
    Running,
    /// The last run failed.
    Failed,
    /// Events were rejected; they are missing until they are replayed.
    Rejected,
    /// A transaction in the source was open long when it was read.
    BlockedByTransaction,
    /// Files of it cannot be read; `lag_detail` names them.
    UnreadableFiles,
    /// It never had a file: the folder has none that its `from` names.
    EmptyFolder,
    /// The model is suspended: runs leave it out.
    Suspended,
}

/// How old a table's data is.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "table": "shop.orders", "status": "pass", "covered_until": "2026-01-01T12:00:00Z", "lag_seconds": 12.5,
    "lag_reason": "up_to_date", "warn_after_seconds": 600, "error_after_seconds": 3600,
}))]
pub struct Freshness {
    /// The table's name in the API.
    pub table: String,
    /// How it stands.
    pub status: Status,
    /// The time up to which every committed change of its source is in it; absent before the first publication.
    pub covered_until: Option<Timestamp>,
    /// From then to now.
    pub lag_seconds: Option<f64>,
    /// What makes it so.
    pub lag_reason: LagReason,
    /// What that is about, where there is more to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag_detail: Option<String>,
    /// Its limit for `warn`.
    pub warn_after_seconds: Option<u64>,
    /// Its limit for `error`.
    pub error_after_seconds: Option<u64>,
}

/// Gives the age of a table's data: now − `covered_until`. Rejects hold `covered_until` back.
pub async fn freshness(
    app: &App,
    definition: &Definition,
    table: &pipeline::Table,
) -> Result<Freshness> {
    let pipeline = &definition.name;
    let state = app.store.table(&table.id).await?;
    let clean = state.as_ref().and_then(|state| state.clean_batch);
    let published = state
        .as_ref()
        .map_or(0, |state| state.current_batch.min(state.history_batch));
    let covered_until = app
        .store
        .covered_until(
            pipeline,
            clean.map_or(published, |clean| clean.min(published)),
        )
        .await?;
    let lag = covered_until.map(|covered| Timestamp::now().duration_since(covered));
    let lag_seconds = lag.map(seconds);
    let limits = &table.freshness;
    let is_over = |limit: Option<Duration>| match (limit, lag_seconds) {
        (Some(limit), Some(lag)) => lag > limit.as_secs_f64(),
        (Some(_), None) => true,
        (None, _) => false,
    };
    let status = if lag_seconds.is_none() || is_over(limits.error_after) {
        Status::Error
    } else if is_over(limits.warn_after) {
        Status::Warn
    } else {
        Status::Pass
    };
    let mut lag_detail = None;
    let lag_reason = if clean.is_some() {
        LagReason::Rejected
    } else {
        let reason = reason(app, pipeline, status, covered_until).await?;
        let is_idle = matches!(reason, LagReason::UpToDate | LagReason::NotScheduled);
        let of_files = if is_idle {
            of_files(app, pipeline, table).await?
        } else {
            None
        };
        match of_files {
            Some((reason, detail)) => {
                lag_detail = Some(detail);
                reason
            }
            None => reason,
        }
    };

    Ok(Freshness {
        table: table.id.to_string(),
        status,
        covered_until,
        lag_seconds,
        lag_reason,
        lag_detail,
        warn_after_seconds: limits.warn_after.map(|limit| limit.as_secs()),
        error_after_seconds: limits.error_after.map(|limit| limit.as_secs()),
    })
}

/// Seconds, rounded to milliseconds and never negative: the clocks of two machines do not agree more closely.
#[must_use]
pub fn seconds(time: SignedDuration) -> f64 {
    rounded(time.as_secs_f64())
}

pub(super) fn rounded(seconds: f64) -> f64 {
    (seconds.max(0.0) * 1_000.0).round() / 1_000.0
}

async fn reason(
    app: &App,
    pipeline: &str,
    status: Status,
    covered_until: Option<Timestamp>,
) -> Result<LagReason> {
    let last = app.store.last_runs(pipeline).await?;
    let cursor = app.store.cursor(pipeline).await?;
    let is_blocked = cursor.is_some_and(|cursor| {
        cursor.blocked_by.is_some() && covered_until == Some(cursor.covered_until)
    });

    Ok(match (last.active, last.ended) {
        (Some(RunState::Running), _) => LagReason::Running,
        (Some(_), _) => LagReason::Waiting,
        (None, Some(RunState::Failed)) => LagReason::Failed,
        _ if is_blocked && status != Status::Pass => LagReason::BlockedByTransaction,
        _ if status == Status::Pass && covered_until.is_some() => LagReason::UpToDate,
        _ => LagReason::NotScheduled,
    })
}

/// Whether a table is old because of its files, though no run is under way: some cannot be read, or there are none.
async fn of_files(
    app: &App,
    pipeline: &str,
    table: &pipeline::Table,
) -> Result<Option<(LagReason, String)>> {
    let Some(pattern) = &table.files else {
        return Ok(None);
    };
    let HoldingFiles {
        count,
        oldest,
        has_files,
    } = app.store.holding_files(&table.id).await?;
    if !has_files {
        let detail = format!("no file was found that `{pattern}` names");
        return Ok(Some((LagReason::EmptyFolder, detail)));
    }
    let more = usize::try_from(count).unwrap_or(usize::MAX) - oldest.len();
    let mut shown: Vec<String> = oldest.iter().map(|path| format!("`{path}`")).collect();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    let detail = format!(
        "not read: {}; `GET /v1/sources/{pipeline}/files` says why",
        shown.join(", ")
    );

    Ok((count > 0).then_some((LagReason::UnreadableFiles, detail)))
}
