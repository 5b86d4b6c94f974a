//! What landed of a source table in a range of batches, and batches of rejects that are tried again.

use jiff::Timestamp;
use uuid::Uuid;

use super::{SourceEvents, Store, Window, fault, statement};
use crate::error::Result;
use crate::pipeline::Table;

/// Events of a source table in a range of batches.
#[derive(Debug, Clone, Default)]
pub struct Landed {
    /// What the range holds.
    pub events: SourceEvents,
    /// Truncates since the beginning.
    pub truncates_ever: i64,
    /// The highest event id of the batches before the range.
    pub highest_event: Option<i64>,
    /// The latest time of an event of the batches before the range.
    pub highest_time: Option<Timestamp>,
    /// Whether times tell the order, not ids.
    pub is_by_clock: bool,
}

/// Rejects that are to be tried again.
#[derive(Debug, Clone, Default)]
pub struct Replayable {
    pub events: i64,
    pub truncates: i64,
    /// The highest event id.
    pub last_event: Option<i64>,
    /// The latest time, as Trino writes it.
    pub last_time: Option<String>,
}

impl Store {
    /// Sums what landed of a source table in the batches after one and up to another.
    pub async fn landed_between(&self, table: &Table, window: Window) -> Result<Landed> {
        let row = self
            .client()
            .await?
            .query_one(
                statement!("state/events_between.sql"),
                &[
                    &table.id.pipeline,
                    &table.source.schema,
                    &table.source.name,
                    &window.after_batch,
                    &window.upto_batch,
                ],
            )
            .await
            .map_err(fault)?;

        Ok(Landed {
            events: SourceEvents {
                events: row.get(0),
                truncates: row.get(4),
                first_event: row.get(1),
                last_event: row.get(2),
                first_time: row.get(5),
                last_time: row.get(6),
                repeats: row.get(7),
                replayed: row.get(10),
            },
            truncates_ever: row.get(3),
            highest_event: row.get(8),
            highest_time: row.get(9),
            is_by_clock: table.is_by_clock,
        })
    }

    /// Begins a batch of rejects that are tried again. It counts as landed at once, and as one that may be older than anything,
    /// so that whatever becomes of the try, its events are published with their whole keys.
    pub async fn begin_replay(
        &self,
        run: Uuid,
        table: &Table,
        replayable: &Replayable,
    ) -> Result<i64> {
        let row = self
            .client()
            .await?
            .query_one(
                statement!("state/begin_replay.sql"),
                &[
                    &table.id.pipeline,
                    &run,
                    &table.source.schema,
                    &table.source.name,
                    &replayable.events,
                    &replayable.truncates,
                    &replayable.last_event,
                    &replayable.last_time,
                    &table.id.name,
                ],
            )
            .await
            .map_err(fault)?;

        Ok(row.get(0))
    }
}
