//! Cursors: how far each source has been read.

use jiff::Timestamp;
use serde_json::Value;

use super::{Store, fault, statement};
use crate::error::{Error, Result};

/// How far a source has been read.
#[derive(Debug, Clone)]
pub struct Cursor {
    /// The position, in the words of the source's kind.
    pub position: Value,
    /// The time up to which every committed change has landed.
    pub covered_until: Timestamp,
    /// The transaction that held the last reading back.
    pub blocked_by: Option<Value>,
    /// When a batch, or what is to be read again, moved it last.
    pub moved_at: Timestamp,
}

impl Store {
    /// Reads the cursor of a pipeline's source; `None` before the first extraction.
    pub async fn cursor(&self, pipeline: &str) -> Result<Option<Cursor>> {
        let row = self
            .client()
            .await?
            .query_opt(statement!("state/read_cursor.sql"), &[&pipeline])
            .await
            .map_err(fault)?;

        Ok(row.map(|row| Cursor {
            position: row.get(0),
            covered_until: row.get(1),
            blocked_by: row.get(2),
            moved_at: row.get(3),
        }))
    }

    /// Notes that a source had nothing new up to a position and a time, unless its cursor has moved by a batch since it was read.
    pub async fn record_empty_poll(
        &self,
        pipeline: &str,
        cursor: &Cursor,
        (position, blocked_by): (&Value, Option<&Value>),
        covered_until: Timestamp,
    ) -> Result<()> {
        self.client()
            .await?
            .execute(
                statement!("state/empty_poll.sql"),
                &[
                    &pipeline,
                    &cursor.moved_at,
                    &covered_until,
                    position,
                    &blocked_by,
                ],
            )
            .await
            .map_err(fault)?;

        Ok(())
    }

    /// Says in a cursor's position what is to be read again, unless it has moved since it was read.
    ///
    /// # Errors
    ///
    /// [`Error::StateUnavailable`], [`Error::Internal`] when it has moved.
    pub async fn request_reread(&self, pipeline: &str, cursor: &Cursor) -> Result<()> {
        let moved = self
            .client()
            .await?
            .execute(
                statement!("state/request_reread.sql"),
                &[&pipeline, &cursor.position, &cursor.moved_at],
            )
            .await
            .map_err(fault)?;
        if moved == 0 {
            return Err(Error::internal(
                "another service reads the source, so its cursor was left alone",
            ));
        }

        Ok(())
    }
}
