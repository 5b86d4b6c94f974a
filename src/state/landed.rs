//! What landed of a source table in a range of batches, and batches of rejects that are tried again.

use jiff::Timestamp;
use uuid::Uuid;

use super::{SourceEvents, Store, fault, statement};
use crate::error::Result;

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
    /// How many.
    pub events: i64,
    /// Truncates among them.
    pub truncates: i64,
    /// The highest event id.
    pub last_event: Option<i64>,
    /// The latest time, as Trino writes it.
    pub last_time: Option<String>,
}

impl Store {
    /// Sums what landed of a source table in the batches after one and up to another.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::StateUnavailable`].
    pub async fn landed_between(
        &self,
        pipeline: &str,
        (schema, table): (&str, &str),
        after: i64,
        upto: i64,
    ) -> Result<Landed> {
        let row = self
            .client()
            .await?
            .query_one(
                statement!("state/events_between.sql"),
                &[&pipeline, &schema, &table, &after, &upto],
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
            is_by_clock: false,
        })
    }

    /// Begins a batch of rejects that are tried again. It counts as landed at once, and as one that may be older than anything,
    /// so that whatever becomes of the try, its events are published with their whole keys.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::StateUnavailable`].
    pub async fn begin_replay(
        &self,
        (pipeline, run): (&str, Uuid),
        (name, schema, table): (&str, &str, &str),
        replayable: &Replayable,
    ) -> Result<i64> {
        let row = self
            .client()
            .await?
            .query_one(
                statement!("state/begin_replay.sql"),
                &[
                    &pipeline,
                    &run,
                    &schema,
                    &table,
                    &replayable.events,
                    &replayable.truncates,
                    &replayable.last_event,
                    &replayable.last_time,
                    &name,
                ],
            )
            .await
            .map_err(fault)?;

        Ok(row.get(0))
    }
}
