//! Tables: what they are made of, and how far staging, current rows and history are.

use std::collections::HashMap;

use jiff::Timestamp;
use tokio_postgres::types::Json;

use super::Store;
use super::queries::Queries;
use super::rows::{from_row, text_column};
use super::sql::sql;
use crate::error::Result;
use crate::pipeline::{CatalogueColumn, Column, Drift, Mart, Marts, Table, TableId};

/// What is known of a table.
#[derive(Debug, Clone)]
pub struct TableState {
    /// The source table that it was made from.
    pub origin: String,
    pub columns: Vec<Column>,
    /// When they were first seen.
    pub seen_at: Timestamp,
    /// The last batch in the typed log.
    pub staged_batch: i64,
    /// The last batch in the current rows.
    pub current_batch: i64,
    /// The last batch in the history.
    pub history_batch: i64,
    /// The last batch before the first one with rejects; `None` without rejects. Freshness goes no further.
    pub clean_batch: Option<i64>,
    /// Rejected events that are neither replayed nor dismissed.
    pub rejects: i64,
    /// The source's catalogue as it was seen last.
    pub catalogue: Vec<CatalogueColumn>,
    /// How the source differs from the tables.
    pub drift: Vec<Drift>,
    /// Whether the next publication remakes the current rows, because they do not follow from the typed log.
    pub remakes_current: bool,
    /// Whether the next publication remakes the history.
    pub remakes_history: bool,
    /// The size of the current rows' files.
    pub current_bytes: i64,
    /// The size of the history's files.
    pub history_bytes: i64,
    /// Whether times gave the order of its events, not ids.
    pub is_by_clock: bool,
    /// Whether its event ids are the source's own. `None` for tables that are older than this column.
    pub has_own_ids: Option<bool>,
    /// The marts that it has.
    pub marts: Marts,
    /// The snapshot that the last publication of current rows made.
    pub current_snapshot: Option<String>,
    /// The snapshot that the last publication of the history made.
    pub history_snapshot: Option<String>,
    /// Rises whenever rows may have changed whose keys are in no new batch.
    pub remakes: i64,
}

text_column!(Marts {
    TwoTables = "two_tables",
    CurrentView = "current_view",
    NoHistory = "no_history",
});

from_row!(TableState {
    origin,
    columns: json,
    seen_at,
    staged_batch,
    current_batch,
    history_batch,
    clean_batch,
    rejects,
    catalogue: json,
    drift: json,
    remakes_current,
    remakes_history,
    current_bytes,
    history_bytes,
    is_by_clock,
    has_own_ids,
    marts,
    current_snapshot,
    history_snapshot,
    remakes,
});

struct NamedTable {
    pipeline: String,
    name: String,
    state: TableState,
}

from_row!(NamedTable {
    pipeline,
    name,
    state: row
});

/// The batches after one and up to another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Window {
    /// The last batch before it.
    pub after_batch: i64,
    /// The last batch in it.
    pub upto_batch: i64,
}

impl Store {
    /// Reads what is known of a table; `None` before its first sight.
    pub async fn table(&self, table: &TableId) -> Result<Option<TableState>> {
        self.row_opt(sql!(tables::read_table), &[&table.pipeline, &table.name])
            .await
    }

    /// Reads what is known of some tables.
    pub async fn tables(&self, tables: &[&TableId]) -> Result<HashMap<TableId, TableState>> {
        let (pipelines, names) = TableId::columns(tables);
        let rows: Vec<NamedTable> = self
            .rows(sql!(tables::read_tables), &[&pipelines, &names])
            .await?;

        Ok(rows
            .into_iter()
            .map(|row| (TableId::new(&row.pipeline, &row.name), row.state))
            .collect())
    }

    /// Lists the pipelines that have rejects, sorted by name.
    pub async fn pipelines_with_rejects(&self) -> Result<Vec<String>> {
        self.values(sql!(tables::pipelines_with_rejects), &[]).await
    }

    /// Keeps a table's origin, columns and catalogue at first sight; later calls change nothing. `last_unknown_batch` is
    /// the last batch that landed before the state database knew of any.
    pub async fn register_table(
        &self,
        table: &Table,
        columns: &[Column],
        catalogue: &[CatalogueColumn],
        last_unknown_batch: i64,
    ) -> Result<()> {
        self.execute(
            sql!(tables::register_table),
            &[
                &table.id.pipeline,
                &table.id.name,
                &table.from,
                &Json(columns),
                &last_unknown_batch,
                &Json(catalogue),
                &table.is_by_clock,
                &table.has_own_ids,
                &table.marts(),
            ],
        )
        .await?;

        Ok(())
    }

    /// Keeps what a table is made of from now on, and how its source differs from that.
    pub async fn reshape_table(&self, table: &TableId, shape: &TableState) -> Result<()> {
        shape.keep(self, table).await
    }
}

impl TableState {
    /// Whether the current rows show all batches up to this one, and no later ones.
    #[must_use]
    pub fn shows_all_upto(&self, batch: i64) -> bool {
        self.current_batch == batch && !self.remakes_current
    }

    /// The last batch that a mart shows, or 0 if the next publication must remake it.
    #[must_use]
    pub fn follows_from(&self, mart: Mart) -> i64 {
        match mart {
            Mart::Current => self.current_from(),
            Mart::History => self.history_from(),
            Mart::HistoryWithView => self.current_from().min(self.history_from()),
        }
    }

    /// Whether the next publication remakes a mart that was published before.
    #[must_use]
    pub fn is_remade(&self, mart: Mart) -> bool {
        let last = match mart {
            Mart::Current => self.current_batch,
            Mart::History => self.history_batch,
            Mart::HistoryWithView => self.current_batch.min(self.history_batch),
        };

        last > 0 && self.follows_from(mart) == 0
    }

    /// The last batch in the current rows, or 0 if the next publication must remake them.
    #[must_use]
    pub fn current_from(&self) -> i64 {
        if self.remakes_current {
            0
        } else {
            self.current_batch
        }
    }

    /// The last batch in the history, or 0 if the next publication must remake it.
    #[must_use]
    pub fn history_from(&self) -> i64 {
        if self.remakes_history {
            0
        } else {
            self.history_batch
        }
    }

    /// Keeps origin, columns, catalogue and drift, by itself or in a transaction.
    pub(super) async fn keep(&self, client: &impl Queries, table: &TableId) -> Result<()> {
        client
            .execute(
                sql!(tables::reshape_table),
                &[
                    &table.pipeline,
                    &table.name,
                    &self.origin,
                    &Json(&self.columns),
                    &Json(&self.catalogue),
                    &Json(&self.drift),
                    &self.is_by_clock,
                    &self.has_own_ids,
                    &self.marts,
                ],
            )
            .await?;

        Ok(())
    }
}
