//! Cursors: how far each source has been read.

use jiff::Timestamp;
use serde_json::Value;

use super::{Store, fault, statement};
use crate::error::Result;

/// How far a source has been read.
#[derive(Debug, Clone)]
pub struct Cursor {
    /// The position, in the words of the source's kind.
    pub position: Value,
    /// The time up to which every committed change has landed.
    pub covered_until: Timestamp,
    /// The transaction that held the last reading back.
    pub blocked_by: Option<Value>,
    /// When it moved last.
    pub moved_at: Timestamp,
}

impl Store {
    /// Reads the cursor of a pipeline's source; `None` before the first extraction.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::StateUnavailable`].
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

    /// Notes that a source had nothing new up to a time, unless its cursor has moved since `moved_at`.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::StateUnavailable`].
    pub async fn cover(
        &self,
        pipeline: &str,
        moved_at: Timestamp,
        covered_until: Timestamp,
    ) -> Result<()> {
        self.client()
            .await?
            .execute(
                statement!("state/cover.sql"),
                &[&pipeline, &moved_at, &covered_until],
            )
            .await
            .map_err(fault)?;

        Ok(())
    }

    /// Points a cursor, which there is, to another position of the same reading.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::StateUnavailable`].
    pub async fn point(&self, pipeline: &str, position: &Value) -> Result<()> {
        self.client()
            .await?
            .execute(
                statement!("state/point_cursor.sql"),
                &[&pipeline, &position],
            )
            .await
            .map_err(fault)?;

        Ok(())
    }
}
