//! What landed of a source table in a window, and batches of rejects that are replayed.

use jiff::Timestamp;
use uuid::Uuid;

use super::queries::Queries;
use super::rows::from_row;
use super::sql::sql;
use super::{SourceEvents, Store, Window};
use crate::error::Result;
use crate::pipeline::Table;

/// Events of a source table in a window.
#[derive(Debug, Clone, Default)]
pub struct Landed {
    pub summary: SourceEvents,
    /// Truncates of all batches up to the window's end.
    pub truncates_ever: i64,
    /// The highest event id of the batches before the window.
    pub highest_event: Option<i64>,
    /// The latest time of an event of the batches before the window.
    pub highest_time: Option<Timestamp>,
    /// Whether times give the order of events, not ids.
    pub is_by_clock: bool,
}

struct LandedRow {
    summary: SourceEvents,
    truncates_ever: i64,
    highest_event: Option<i64>,
    highest_time: Option<Timestamp>,
}

from_row!(LandedRow {
    summary: row,
    truncates_ever,
    highest_event,
    highest_time
});

/// Rejects that are to be replayed.
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
    /// Sums what landed of a source table in a window.
    pub async fn landed_between(&self, table: &Table, window: Window) -> Result<Landed> {
        let LandedRow {
            summary,
            truncates_ever,
            highest_event,
            highest_time,
        } = self
            .row(
                sql!(landed::events_between),
                &[
                    &table.id.pipeline,
                    &table.source.schema,
                    &table.source.name,
                    &window.after_batch,
                    &window.upto_batch,
                ],
            )
            .await?;

        Ok(Landed {
            summary,
            truncates_ever,
            highest_event,
            highest_time,
            is_by_clock: table.is_by_clock,
        })
    }

    /// Begins a batch of replayed rejects. It counts as landed at once, and its events may be older than any other. So
    /// even if the replay fails, these events are published with the whole log of their keys.
    pub async fn begin_replay(
        &self,
        run: Uuid,
        table: &Table,
        replayable: &Replayable,
    ) -> Result<i64> {
        self.value(
            sql!(landed::begin_replay),
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
    }
}
