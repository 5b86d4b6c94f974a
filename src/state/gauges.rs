//! What metrics show of the state database: runs and sources by pipeline, rejects by table, sizes.

use jiff::Timestamp;

use super::Store;
use super::queries::Queries;
use super::rows::from_row;
use super::sql::sql;
use crate::error::Result;
use crate::pipeline::TableId;

/// What the runs and the source of a pipeline are at.
#[derive(Debug, Clone)]
pub struct PipelineGauges {
    pub pipeline: String,
    /// Runs that are executed.
    pub active: i64,
    /// Runs that wait.
    pub queued: i64,
    /// The end of the last build that succeeded.
    pub last_success_at: Option<Timestamp>,
    pub is_paused: bool,
    /// The time up to which the source was read; `None` before the first time.
    pub covered_until: Option<Timestamp>,
    /// Whether an open transaction held the last reading back.
    pub is_blocked: bool,
}

from_row!(PipelineGauges {
    pipeline,
    active,
    queued,
    last_success_at,
    is_paused,
    covered_until,
    is_blocked,
});

/// The rejects of a table that are neither replayed nor dismissed.
#[derive(Debug, Clone)]
pub struct TableRejects {
    pub pipeline: String,
    pub name: String,
    pub rejects: i64,
}

from_row!(TableRejects {
    pipeline,
    name,
    rejects
});

/// How large the state database is.
#[derive(Debug, Clone)]
pub struct StateSize {
    pub bytes: i64,
    pub tables: Vec<StateTableSize>,
}

/// How large one of our tables is.
#[derive(Debug, Clone)]
pub struct StateTableSize {
    pub name: String,
    /// With its indexes.
    pub bytes: i64,
    /// About so many; `None` before Postgres has estimated them.
    pub rows: Option<f64>,
}

from_row!(StateTableSize { name, bytes, rows });

impl Store {
    pub async fn pipeline_gauges(&self, pipelines: &[&str]) -> Result<Vec<PipelineGauges>> {
        self.rows(sql!(gauges::pipeline_gauges), &[&pipelines])
            .await
    }

    /// The open rejects of those tables that were staged.
    pub async fn open_rejects(&self, tables: &[&TableId]) -> Result<Vec<TableRejects>> {
        let (pipelines, names) = TableId::columns(tables);

        self.rows(sql!(gauges::open_rejects), &[&pipelines, &names])
            .await
    }

    pub async fn size(&self) -> Result<StateSize> {
        Ok(StateSize {
            bytes: self.value(sql!(gauges::size), &[]).await?,
            tables: self.rows(sql!(gauges::table_sizes), &[]).await?,
        })
    }
}
