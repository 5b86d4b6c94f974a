//! Batches: what an extraction landed, and what it holds of each source table.

use std::collections::{BTreeSet, HashMap};

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::queries::Queries;
use super::rows::from_row;
use super::sql::sql;
use super::{SourceFile, Store};
use crate::error::{Error, Result};
use crate::pipeline::SourceTable;

/// A batch that an earlier attempt left between reading and landing.
#[derive(Debug, Clone)]
pub struct OpenBatch {
    pub id: i64,
    /// The run that began it.
    pub run: Uuid,
    /// Whether all its files were written.
    pub is_written: bool,
    pub files: i64,
}

from_row!(OpenBatch {
    id,
    run,
    is_written,
    files
});

/// What a batch, or a window of batches, holds of one source table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceEvents {
    /// All events, truncates among them.
    pub event_count: i64,
    pub truncates: i64,
    /// The lowest event id.
    pub first_event: Option<i64>,
    /// The highest event id.
    pub last_event: Option<i64>,
    pub first_time: Option<Timestamp>,
    pub last_time: Option<Timestamp>,
    /// Whether an event id may occur more than once.
    pub ids_may_repeat: bool,
    /// Rejects that are replayed: they landed in an earlier batch.
    pub replayed: i64,
}

from_row!(SourceEvents {
    event_count,
    truncates,
    first_event,
    last_event,
    first_time,
    last_time,
    ids_may_repeat,
    replayed,
});

/// A source table with its events in a batch.
#[derive(Debug, Clone)]
pub struct TableEvents {
    pub table: SourceTable,
    pub summary: SourceEvents,
}

/// A batch whose files are written, and what is recorded when it has landed.
#[derive(Debug, Clone)]
pub struct WrittenBatch {
    /// The cursor's position after it.
    pub position: Value,
    /// The time up to which every committed change has landed with it.
    pub covered_until: Timestamp,
    pub events: i64,
    pub files: i64,
    pub bytes: i64,
    pub tables: Vec<TableEvents>,
    /// The files that were read for it, if the source is a drop folder.
    pub read_files: Vec<SourceFile>,
}

struct CoveredBatch {
    pipeline: String,
    batch: i64,
    covered_until: Option<Timestamp>,
}

from_row!(CoveredBatch {
    pipeline,
    batch,
    covered_until
});

impl Store {
    /// Begins the next batch of a pipeline, with an id above `floor`.
    pub async fn begin_batch(&self, pipeline: &str, run: Uuid, floor: i64) -> Result<i64> {
        self.value(sql!(batches::begin_batch), &[&pipeline, &run, &floor])
            .await
    }

    /// Says whether this state database knows a batch of the pipeline.
    pub async fn knows_batches(&self, pipeline: &str) -> Result<bool> {
        self.value(sql!(batches::knows_batches), &[&pipeline]).await
    }

    /// Notes that a batch's files are written, and what it holds.
    pub async fn record_written_batch(
        &self,
        pipeline: &str,
        id: i64,
        batch: &WrittenBatch,
    ) -> Result<()> {
        let mut connection = self.connection().await?;
        let transaction = connection.begin().await?;
        let written = transaction
            .execute(
                sql!(batches::record_written_batch),
                &[
                    &pipeline,
                    &id,
                    &batch.position,
                    &batch.covered_until,
                    &batch.events,
                    &batch.files,
                    &batch.bytes,
                ],
            )
            .await?;
        expect_own_batch(written)?;
        for TableEvents { table, summary } in &batch.tables {
            transaction
                .execute(
                    sql!(batches::batch_events),
                    &[
                        &pipeline,
                        &id,
                        &table.schema,
                        &table.name,
                        &summary.event_count,
                        &summary.truncates,
                        &summary.first_event,
                        &summary.last_event,
                        &summary.first_time,
                        &summary.last_time,
                        &summary.ids_may_repeat,
                    ],
                )
                .await?;
        }

        SourceFile::record(&batch.read_files, &transaction, pipeline, id).await?;

        transaction.commit().await
    }

    /// Notes that a batch is proven to be in the landing table and, in the same transaction, moves the cursor.
    pub async fn record_landed_batch(
        &self,
        pipeline: &str,
        id: i64,
        blocked_by: Option<&Value>,
    ) -> Result<()> {
        let mut connection = self.connection().await?;
        let transaction = connection.begin().await?;
        let landed = transaction
            .execute(sql!(batches::record_landed_batch), &[&pipeline, &id])
            .await?;
        expect_own_batch(landed)?;
        transaction
            .execute(sql!(batches::move_cursor), &[&pipeline, &id, &blocked_by])
            .await?;

        transaction.commit().await
    }

    /// Gives up a batch that was not fully written.
    pub async fn abandon_batch(&self, pipeline: &str, id: i64) -> Result<()> {
        self.execute(sql!(batches::abandon_batch), &[&pipeline, &id])
            .await?;

        Ok(())
    }

    /// Lists the batches that an earlier attempt left open.
    pub async fn open_batches(&self, pipeline: &str) -> Result<Vec<OpenBatch>> {
        self.rows(sql!(batches::open_batches), &[&pipeline]).await
    }

    /// The last batch before the first one that is known. Batches up to it belong to a state database that was lost.
    pub async fn before_first(&self, pipeline: &str) -> Result<i64> {
        self.value(sql!(batches::before_first), &[&pipeline]).await
    }

    /// The last batch that landed, 0 before the first.
    pub async fn last_landed(&self, pipeline: &str) -> Result<i64> {
        self.value(sql!(batches::last_landed), &[&pipeline]).await
    }

    /// As [`Store::covered_until`], for some pipelines and batches. Those before the first batch are left out.
    pub async fn covered_untils(
        &self,
        asked: &BTreeSet<(&str, i64)>,
    ) -> Result<HashMap<(String, i64), Timestamp>> {
        let (pipelines, batches): (Vec<&str>, Vec<i64>) = asked.iter().copied().unzip();
        let rows: Vec<CoveredBatch> = self
            .rows(sql!(batches::covered_untils), &[&pipelines, &batches])
            .await?;

        Ok(rows
            .into_iter()
            .filter_map(|row| Some(((row.pipeline, row.batch), row.covered_until?)))
            .collect())
    }

    /// The time up to which the batches up to `batch` hold every committed change; `None` before the first batch.
    pub async fn covered_until(&self, pipeline: &str, batch: i64) -> Result<Option<Timestamp>> {
        let covered: Option<Option<Timestamp>> = self
            .value_opt(sql!(batches::covered_until), &[&pipeline, &batch])
            .await?;

        Ok(covered.flatten())
    }
}

/// Fails if a batch is not in the state in which this service left it: another service then has it, and decides about
/// it.
fn expect_own_batch(changed_rows: u64) -> Result<()> {
    if changed_rows == 1 {
        return Ok(());
    }

    Err(Error::internal("another service took the batch over"))
}
