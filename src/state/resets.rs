//! Resets: everything that is held of a table is deleted. One that has begun is finished by whatever run comes next.

use super::queries::Queries;
use super::rows::from_row;
use super::sql::sql;
use super::{Cursor, Store};
use crate::error::{Error, Result};
use crate::pipeline::{Marts, Table, TableId};

/// A reset that has begun, and may have deleted only a part.
#[derive(Debug, Clone)]
pub struct BegunReset {
    /// The table in its pipeline.
    pub name: String,
    /// The marts that it had.
    pub marts: Marts,
}

from_row!(BegunReset { name, marts });

impl Store {
    /// Begins a reset. In one transaction, the table counts as never seen, and the source is asked to be read from its
    /// begin: `cursor` says so in its position.
    ///
    /// # Errors
    ///
    /// [`Error::StateUnavailable`], [`Error::Internal`] when the cursor has moved since it was read.
    pub async fn begin_reset(
        &self,
        TableId { pipeline, name }: &TableId,
        cursor: Option<&Cursor>,
    ) -> Result<()> {
        let mut connection = self.connection().await?;
        let transaction = connection.begin().await?;
        for statement in [
            sql!(resets::begin_reset),
            sql!(resets::forget_publications),
            sql!(resets::forget_read_files),
        ] {
            transaction.execute(statement, &[pipeline, name]).await?;
        }
        if let Some(cursor) = cursor {
            let moved = transaction
                .execute(
                    sql!(cursors::request_reread),
                    &[pipeline, &cursor.position, &cursor.moved_at],
                )
                .await?;
            if moved == 0 {
                return Err(Error::internal(
                    "another service reads the source, so nothing was deleted",
                ));
            }
        }

        transaction.commit().await
    }

    /// Lists the resets of a pipeline that have begun and are not finished.
    pub async fn resets_begun(&self, pipeline: &str) -> Result<Vec<BegunReset>> {
        self.rows(sql!(resets::resets_begun), &[&pipeline]).await
    }

    /// Notes that nothing of a table is left in Trino, and forgets its events and builds.
    pub async fn end_reset(&self, table: &Table) -> Result<()> {
        let TableId { pipeline, name } = &table.id;
        let mut connection = self.connection().await?;
        let transaction = connection.begin().await?;
        transaction
            .execute(
                sql!(resets::forget_events),
                &[pipeline, &table.source.schema, &table.source.name],
            )
            .await?;
        for statement in [sql!(resets::forget_builds), sql!(resets::end_reset)] {
            transaction.execute(statement, &[pipeline, name]).await?;
        }

        transaction.commit().await
    }
}
