//! Cursors: how far each source has been read.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::Value;

use super::Store;
use super::queries::Queries;
use super::rows::from_row;
use super::sql::sql;
use crate::error::{Error, Result};

/// How far a source has been read.
#[derive(Debug, Clone)]
pub struct Cursor {
    /// Its form depends on the kind of the source.
    pub position: Value,
    /// The time up to which every committed change has landed.
    pub covered_until: Timestamp,
    /// The transaction that held the last reading back.
    pub blocked_by: Option<Value>,
    /// When a batch or a request to read again moved it last; polls that found nothing do not.
    pub moved_at: Timestamp,
}

from_row!(Cursor {
    position,
    covered_until,
    blocked_by,
    moved_at,
});

struct CursorOfPipeline {
    pipeline: String,
    cursor: Cursor,
}

from_row!(CursorOfPipeline {
    pipeline,
    cursor: row
});

/// What a poll that found nothing new says of the source.
#[derive(Debug)]
pub struct EmptyPoll {
    /// The position after it.
    pub position: Value,
    /// The time up to which there is nothing new.
    pub covered_until: Timestamp,
    /// The transaction that held the reading back.
    pub blocked_by: Option<Value>,
}

impl Store {
    /// Reads the cursor of a pipeline's source; `None` before the first extraction.
    pub async fn cursor(&self, pipeline: &str) -> Result<Option<Cursor>> {
        self.row_opt(sql!(cursors::read_cursor), &[&pipeline]).await
    }

    /// Reads the cursors of some pipelines, by pipeline.
    pub async fn cursors(&self, pipelines: &[&str]) -> Result<HashMap<String, Cursor>> {
        let rows: Vec<CursorOfPipeline> = self
            .rows(sql!(cursors::read_cursors), &[&pipelines])
            .await?;

        Ok(rows
            .into_iter()
            .map(|row| (row.pipeline, row.cursor))
            .collect())
    }

    /// Records a poll that found nothing new, unless a batch has moved the cursor since `cursor` was read.
    pub async fn record_empty_poll(
        &self,
        pipeline: &str,
        cursor: &Cursor,
        poll: &EmptyPoll,
    ) -> Result<()> {
        self.execute(
            sql!(cursors::record_empty_poll),
            &[
                &pipeline,
                &cursor.moved_at,
                &poll.covered_until,
                &poll.position,
                &poll.blocked_by,
            ],
        )
        .await?;

        Ok(())
    }

    /// Writes `cursor.position`, which says what is to be read again.
    ///
    /// # Errors
    ///
    /// [`Error::StateUnavailable`], [`Error::Internal`] when the cursor has moved since it was read.
    pub async fn request_reread(&self, pipeline: &str, cursor: &Cursor) -> Result<()> {
        let moved = self
            .execute(
                sql!(cursors::request_reread),
                &[&pipeline, &cursor.position, &cursor.moved_at],
            )
            .await?;
        if moved == 0 {
            return Err(Error::internal(
                "another service reads the source, so its cursor was left alone",
            ));
        }

        Ok(())
    }
}
