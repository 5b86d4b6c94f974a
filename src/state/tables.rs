//! Tables: their columns as first seen, and how far each layer is.

use jiff::Timestamp;
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::{Published, StatementEnd, Store, fault, statement};
use crate::error::Result;
use crate::pipeline::Column;

/// What is remembered of a table.
#[derive(Debug, Clone)]
pub struct TableState {
    /// The source table that it was made from.
    pub origin: String,
    /// Its business columns.
    pub columns: Vec<Column>,
    /// When they were first seen.
    pub seen_at: Timestamp,
    /// The last batch in the staging table.
    pub staged_batch: i64,
    /// The last batch in the current rows.
    pub current_batch: i64,
    /// The last batch in the history.
    pub history_batch: i64,
    /// The last batch before the first one that had rejects.
    pub held_batch: Option<i64>,
    /// Events that were rejected and not replayed.
    pub rejects: i64,
}

/// A range of batches: after one, up to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Window {
    /// The last batch that is not in it.
    pub after_batch: i64,
    /// The last batch that is.
    pub upto_batch: i64,
}

impl Store {
    /// Reads what is remembered of a table; `None` before its first sight.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::StateUnavailable`].
    pub async fn table(&self, pipeline: &str, name: &str) -> Result<Option<TableState>> {
        let row = self
            .client()
            .await?
            .query_opt(statement!("state/read_table.sql"), &[&pipeline, &name])
            .await
            .map_err(fault)?;

        Ok(row.map(|row| TableState {
            columns: row.get::<_, Json<Vec<Column>>>(0).0,
            seen_at: row.get(1),
            staged_batch: row.get(2),
            current_batch: row.get(3),
            history_batch: row.get(4),
            held_batch: row.get(5),
            rejects: row.get(6),
            origin: row.get(7),
        }))
    }

    /// Remembers a table's origin and columns at first sight; later sights change nothing. `floor` is the last batch that
    /// landed before the state database knew of any.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::StateUnavailable`].
    pub async fn register_table(
        &self,
        pipeline: &str,
        name: &str,
        (origin, columns): (&str, &[Column]),
        floor: i64,
    ) -> Result<()> {
        self.client()
            .await?
            .execute(
                statement!("state/register_table.sql"),
                &[&pipeline, &name, &origin, &Json(columns), &floor],
            )
            .await
            .map_err(fault)?;

        Ok(())
    }

    /// Notes up to which batch a table is staged, and how many of those events were rejected.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::StateUnavailable`].
    pub async fn table_staged(
        &self,
        pipeline: &str,
        name: &str,
        batch: i64,
        rejects: i64,
    ) -> Result<()> {
        self.client()
            .await?
            .execute(
                statement!("state/staged_table.sql"),
                &[&pipeline, &name, &batch, &rejects],
            )
            .await
            .map_err(fault)?;

        Ok(())
    }

    /// Notes up to which batch the current rows are published and, in the same transaction, what that changed and the ends of
    /// the statements that did it.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::StateUnavailable`].
    pub async fn current_published(
        &self,
        run: Uuid,
        (pipeline, name): (&str, &str),
        batch: i64,
        changed: Published,
        statements: &[(i64, StatementEnd)],
    ) -> Result<()> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(fault)?;
        transaction
            .execute(
                statement!("state/published_current.sql"),
                &[&pipeline, &name, &batch],
            )
            .await
            .map_err(fault)?;
        for (id, end) in statements {
            end.record(&transaction, *id, "succeeded").await?;
        }
        if changed != Published::default() {
            transaction
                .execute(
                    statement!("state/record_changes.sql"),
                    &[
                        &run,
                        &pipeline,
                        &name,
                        &batch,
                        &changed.inserted,
                        &changed.updated,
                        &changed.deleted,
                    ],
                )
                .await
                .map_err(fault)?;
        }

        transaction.commit().await.map_err(fault)
    }

    /// Notes up to which batch the history is published.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::StateUnavailable`].
    pub async fn history_published(&self, pipeline: &str, name: &str, batch: i64) -> Result<()> {
        self.client()
            .await?
            .execute(
                statement!("state/published_history.sql"),
                &[&pipeline, &name, &batch],
            )
            .await
            .map_err(fault)?;

        Ok(())
    }
}
