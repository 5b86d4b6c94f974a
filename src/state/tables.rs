//! Tables: their columns as first seen, and how far each layer is.

use jiff::Timestamp;
use tokio_postgres::types::Json;

use super::{Store, fault, statement};
use crate::error::Result;
use crate::pipeline::{CatalogueColumn, Column, Drift, Table, TableId};

/// What is remembered of a table.
#[derive(Debug, Clone)]
pub struct TableState {
    /// The source table that it was made from.
    pub origin: String,
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
    /// Events that were rejected and neither replayed nor dismissed.
    pub rejects: i64,
    /// The source's catalogue as it was seen last: name and Postgres type of each column.
    pub catalogue: Vec<CatalogueColumn>,
    /// How the source differs from the tables.
    pub drift: Vec<Drift>,
    /// Whether the current rows are to be made anew, because they do not follow from the log.
    pub current_anew: bool,
    /// Whether the history is.
    pub history_anew: bool,
    /// How large the files of the current rows are.
    pub current_bytes: i64,
    /// How large those of the history are.
    pub history_bytes: i64,
    /// Whether they were made of events in the order of their times.
    pub is_by_clock: bool,
    /// Whether those had ids of the source's own; not known of tables of before this was kept.
    pub has_own_ids: Option<bool>,
}

/// A range of batches: after one, up to another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Window {
    /// The last batch that is not in it.
    pub after_batch: i64,
    /// The last batch that is.
    pub upto_batch: i64,
}

impl Store {
    /// Reads what is remembered of a table; `None` before its first sight.
    pub async fn table(&self, table: &TableId) -> Result<Option<TableState>> {
        let row = self
            .client()
            .await?
            .query_opt(
                statement!("state/read_table.sql"),
                &[&table.pipeline, &table.name],
            )
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
            catalogue: row.get::<_, Json<Vec<CatalogueColumn>>>(8).0,
            drift: row.get::<_, Json<Vec<Drift>>>(9).0,
            current_anew: row.get(10),
            history_anew: row.get(11),
            current_bytes: row.get(12),
            history_bytes: row.get(13),
            is_by_clock: row.get(14),
            has_own_ids: row.get(15),
        }))
    }

    /// Remembers a table's origin, columns and catalogue at first sight; later sights change nothing. `floor` is the last
    /// batch that landed before the state database knew of any.
    pub async fn register_table(
        &self,
        table: &Table,
        columns: &[Column],
        catalogue: &[CatalogueColumn],
        floor: i64,
    ) -> Result<()> {
        self.client()
            .await?
            .execute(
                statement!("state/register_table.sql"),
                &[
                    &table.id.pipeline,
                    &table.id.name,
                    &table.from,
                    &Json(columns),
                    &floor,
                    &Json(catalogue),
                    &table.is_by_clock,
                    &table.has_own_ids,
                ],
            )
            .await
            .map_err(fault)?;

        Ok(())
    }

    /// Remembers what a table is made of from now on, and how its source differs from that.
    pub async fn reshape_table(&self, table: &TableId, shape: &TableState) -> Result<()> {
        shape.keep(&self.client().await?, table).await
    }
}

impl TableState {
    /// The last batch that the current rows follow from; 0 where they are to be made from all.
    #[must_use]
    pub fn current_from(&self) -> i64 {
        if self.current_anew {
            0
        } else {
            self.current_batch
        }
    }

    /// The last batch that the history follows from; 0 where it is to be made from all.
    #[must_use]
    pub fn history_from(&self) -> i64 {
        if self.history_anew {
            0
        } else {
            self.history_batch
        }
    }

    /// Notes origin, columns, catalogue and drift, on a connection or in a transaction.
    pub(super) async fn keep(
        &self,
        client: &impl deadpool_postgres::GenericClient,
        table: &TableId,
    ) -> Result<()> {
        client
            .execute(
                statement!("state/reshape_table.sql"),
                &[
                    &table.pipeline,
                    &table.name,
                    &self.origin,
                    &Json(&self.columns),
                    &Json(&self.catalogue),
                    &Json(&self.drift),
                    &self.is_by_clock,
                    &self.has_own_ids,
                ],
            )
            .await
            .map_err(fault)?;

        Ok(())
    }
}
