//! How old the data of a table or a model is, as the API answers it.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::pipeline::{Definition, PipelineModel, TableId, TrackedTable};
use crate::state::Status;

/// Why a table or model has its lag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LagReason {
    /// It is within its limits.
    UpToDate,
    /// It has all that landed, and no limit says how old it may be.
    NoLimit,
    /// No run of the pipeline was ever asked for.
    NeverRun,
    /// No run was asked for since.
    NotScheduled,
    /// A run waits in the queue.
    Queued,
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

/// How old the data of a table or a model is.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "pipeline": "shop", "table": "shop.orders", "model": null, "status": "pass", "covered_until": "2026-01-01T12:00:00.000000Z",
    "lag_seconds": 12.5, "lag_reason": "up_to_date", "lag_detail": null, "warn_after_seconds": 600, "error_after_seconds": 3600,
    "target_lag_seconds": null, "mean_lag_seconds": null, "max_lag_seconds": null, "share_within_target": null,
}))]
pub struct Freshness {
    /// The pipeline.
    pub pipeline: String,
    /// The table; `null` for a model.
    pub table: Option<String>,
    /// The model; `null` for a table.
    pub model: Option<String>,
    /// Of a table: by its limits. Of a model: `warn` beyond its target lag, `error` if its last refresh failed. `unknown` before the first
    /// publication, unless the first run failed.
    pub status: Status,
    /// The time up to which every committed change of its sources is in it; `null` before the first publication.
    #[serde(serialize_with = "crate::time::exact")]
    pub covered_until: Option<Timestamp>,
    /// The time from `covered_until` until now.
    pub lag_seconds: Option<f64>,
    /// Why it has this lag.
    pub lag_reason: LagReason,
    /// What that is about, if there is more to say.
    pub lag_detail: Option<String>,
    /// The limit of a table for `warn`.
    pub warn_after_seconds: Option<u64>,
    /// The limit of a table for `error`.
    pub error_after_seconds: Option<u64>,
    /// The target lag of a model; with `downstream`, the shortest one of its readers.
    pub target_lag_seconds: Option<u64>,
    /// The mean lag of a model in the last 24 hours.
    pub mean_lag_seconds: Option<f64>,
    /// The longest lag of a model in the last 24 hours.
    pub max_lag_seconds: Option<f64>,
    /// The share of the last 24 hours in which a model was within its target lag, 0 to 1.
    pub share_within_target: Option<f64>,
}

/// A table or a model whose freshness is asked for.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    Table(TrackedTable<'a>),
    Model(PipelineModel<'a>),
}

impl<'a> Subject<'a> {
    /// The tables and models of a pipeline, sorted by name.
    #[must_use]
    pub fn all(definition: &'a Definition) -> Vec<Self> {
        let tables = TrackedTable::all(definition).map(Self::Table);
        let models = PipelineModel::all(definition).into_iter().map(Self::Model);
        let mut all: Vec<Self> = tables.chain(models).collect();
        all.sort_by_key(Self::id);

        all
    }

    #[must_use]
    pub fn id(&self) -> TableId {
        match self {
            Self::Table(table) => table.table.id.clone(),
            Self::Model(model) => model.id(),
        }
    }

    pub(super) fn definition(&self) -> &'a Definition {
        match self {
            Self::Table(table) => table.definition,
            Self::Model(model) => model.definition,
        }
    }
}

impl Freshness {
    pub(super) fn model_id(&self) -> Option<TableId> {
        self.model.as_ref()?.parse().ok()
    }
}

/// Seconds, rounded to milliseconds and never negative: the clocks of two machines do not agree more closely.
#[must_use]
pub fn seconds(time: SignedDuration) -> f64 {
    rounded(time.as_secs_f64())
}

pub(super) fn rounded(seconds: f64) -> f64 {
    (seconds.max(0.0) * 1_000.0).round() / 1_000.0
}
