//! Batches: what an extraction landed, and what it holds of each source table.

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::files::{self, SourceFile};
use super::{Store, fault, statement};
use crate::error::{Error, Result};
use crate::pipeline::SourceTable;

/// A batch that an earlier try left between reading and landing.
#[derive(Debug, Clone)]
pub struct OpenBatch {
    pub id: i64,
    /// The run that began it.
    pub run: Uuid,
    /// Whether all its files were written.
    pub is_written: bool,
    /// How many files it has.
    pub files: i64,
}

/// What a batch holds of one source table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceEvents {
    /// Events, truncates among them.
    pub events: i64,
    pub truncates: i64,
    /// The lowest event id.
    pub first_event: Option<i64>,
    /// The highest event id.
    pub last_event: Option<i64>,
    /// The earliest time of an event.
    pub first_time: Option<Timestamp>,
    /// The latest time of an event.
    pub last_time: Option<Timestamp>,
    /// Whether an event id may be among them more than once.
    pub repeats: bool,
    /// Rejects that were tried again: they landed before.
    pub replayed: i64,
}

/// A batch whose files are written: what is to be remembered when it has landed.
#[derive(Debug, Clone)]
pub struct WrittenBatch {
    /// The cursor's position after it.
    pub position: Value,
    /// The time up to which it holds every committed change.
    pub covered_until: Timestamp,
    pub events: i64,
    pub files: i64,
    pub bytes: i64,
    /// What it holds, by source schema and table.
    pub tables: Vec<(SourceTable, SourceEvents)>,
    /// What became of the files that were read for it, where the source is files.
    pub read_files: Vec<SourceFile>,
}

impl Store {
    /// Gives the next batch of a pipeline its id, above `floor`.
    pub async fn begin_batch(&self, pipeline: &str, run: Uuid, floor: i64) -> Result<i64> {
        let row = self
            .client()
            .await?
            .query_one(
                statement!("state/begin_batch.sql"),
                &[&pipeline, &run, &floor],
            )
            .await
            .map_err(fault)?;

        Ok(row.get(0))
    }

    /// Says whether the pipeline ever had a batch that this state database knows of.
    pub async fn knows_batches(&self, pipeline: &str) -> Result<bool> {
        let row = self
            .client()
            .await?
            .query_one(statement!("state/knows_batches.sql"), &[&pipeline])
            .await
            .map_err(fault)?;

        Ok(row.get(0))
    }

    /// Notes that a batch's files are written, with what it holds.
    pub async fn batch_written(&self, pipeline: &str, id: i64, batch: &WrittenBatch) -> Result<()> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(fault)?;
        let written = transaction
            .execute(
                statement!("state/written_batch.sql"),
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
            .await
            .map_err(fault)?;
        taken_over(written)?;
        for (table, held) in &batch.tables {
            transaction
                .execute(
                    statement!("state/batch_events.sql"),
                    &[
                        &pipeline,
                        &id,
                        &table.schema,
                        &table.name,
                        &held.events,
                        &held.truncates,
                        &held.first_event,
                        &held.last_event,
                        &held.first_time,
                        &held.last_time,
                        &held.repeats,
                    ],
                )
                .await
                .map_err(fault)?;
        }

        files::record(&transaction, (pipeline, id), &batch.read_files).await?;

        transaction.commit().await.map_err(fault)
    }

    /// Notes that a batch is proven to be in the landing table and, in the same transaction, moves the cursor.
    pub async fn batch_landed(
        &self,
        pipeline: &str,
        id: i64,
        blocked_by: Option<&Value>,
    ) -> Result<()> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(fault)?;
        let landed = transaction
            .execute(statement!("state/landed_batch.sql"), &[&pipeline, &id])
            .await
            .map_err(fault)?;
        taken_over(landed)?;
        transaction
            .execute(
                statement!("state/move_cursor.sql"),
                &[&pipeline, &id, &blocked_by],
            )
            .await
            .map_err(fault)?;

        transaction.commit().await.map_err(fault)
    }

    /// Gives up a batch that was not written to its end.
    pub async fn abandon_batch(&self, pipeline: &str, id: i64) -> Result<()> {
        self.client()
            .await?
            .execute(statement!("state/abandon_batch.sql"), &[&pipeline, &id])
            .await
            .map_err(fault)?;

        Ok(())
    }

    /// Lists the batches that an earlier try left open.
    pub async fn open_batches(&self, pipeline: &str) -> Result<Vec<OpenBatch>> {
        let rows = self
            .client()
            .await?
            .query(statement!("state/open_batches.sql"), &[&pipeline])
            .await
            .map_err(fault)?;

        Ok(rows
            .iter()
            .map(|row| OpenBatch {
                id: row.get(0),
                is_written: row.get::<_, &str>(1) == "written",
                files: row.get(2),
                run: row.get(3),
            })
            .collect())
    }

    /// The batch before the first that is known; those up to it are of a state that was lost.
    pub async fn before_first(&self, pipeline: &str) -> Result<i64> {
        let row = self
            .client()
            .await?
            .query_one(statement!("state/before_first.sql"), &[&pipeline])
            .await
            .map_err(fault)?;

        Ok(row.get(0))
    }

    /// The last batch that landed, 0 before the first.
    pub async fn last_landed(&self, pipeline: &str) -> Result<i64> {
        let row = self
            .client()
            .await?
            .query_one(statement!("state/last_landed.sql"), &[&pipeline])
            .await
            .map_err(fault)?;

        Ok(row.get(0))
    }

    /// The time up to which the batches up to `batch` hold every committed change; `None` before the first.
    pub async fn covered_until(&self, pipeline: &str, batch: i64) -> Result<Option<Timestamp>> {
        let row = self
            .client()
            .await?
            .query_opt(statement!("state/covered_until.sql"), &[&pipeline, &batch])
            .await
            .map_err(fault)?;

        Ok(row.and_then(|row| row.get(0)))
    }
}

/// A batch that is not where we left it belongs to somebody else now, who decides what becomes of it.
fn taken_over(rows: u64) -> Result<()> {
    if rows == 1 {
        return Ok(());
    }

    Err(Error::internal("another service took the batch over"))
}
