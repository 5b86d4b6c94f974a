//! The polled tables of a pipeline, after their connection was opened.

use std::collections::BTreeMap;

use super::queries::RowsQuery;
use super::table::PolledTable;
use crate::error::Result;
use crate::pipeline::Table;
use crate::source::postgres::{PipelineConnection, Session};
use crate::source::safety::CursorSafety;

/// Polled tables of one server.
pub(in crate::source) struct PolledTables<'a> {
    pub(super) session: Session<'a>,
    pub(super) tables: Vec<PolledTable<'a>>,
    /// What is read of each table in the snapshot, in the order of `tables`; empty before it has begun.
    pub(super) queries: Vec<RowsQuery<'a>>,
}

impl<'a> PolledTables<'a> {
    /// Connects and looks at server and tables.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::SourceUnavailable`], or [`crate::error::Error::SourceUnreadable`] that says which table or column is missing.
    pub(in crate::source) async fn open(
        connection: PipelineConnection<'a>,
        definitions: &'a BTreeMap<String, Table>,
    ) -> Result<Self> {
        let session = Session::open(connection).await?;
        let mut tables = Vec::new();
        for table in definitions.values() {
            tables.push(PolledTable::open(&session, table).await?);
        }

        Ok(Self {
            session,
            tables,
            queries: Vec::new(),
        })
    }

    /// How far the cursors can be trusted, and why.
    pub(super) fn cursor_safety(&self) -> CursorSafety {
        let server = &self.session.server;
        if server.in_recovery {
            return CursorSafety::not_safe(
                "a standby does not tell which transactions are open on its primary, so a row that commits late may be skipped; read from the primary",
            );
        }
        if !server.sees_all {
            return CursorSafety::overlap(
                "the user may not see when other sessions began their transactions, so rows of long transactions may be skipped; `grant pg_read_all_stats` to it",
            );
        }
        if let Some(table) = self
            .tables
            .iter()
            .find(|table| !table.cursor_column.is_time())
        {
            return CursorSafety::overlap(format!(
                "`{}` of `{}` is no time, so a row that commits late is found only if its transaction was open at the last read",
                table.cursor_column.name, table.table.from
            ));
        }
        let overlapping = self
            .tables
            .iter()
            .find(|table| !table.table.overlap.is_zero());
        match overlapping {
            Some(table) => CursorSafety::overlap(format!(
                "rows of `{}` are read again from {} s before the last read on; if the database itself sets `{}` (`default now()` and a trigger), `overlap: 0s` is proven",
                table.table.from,
                table.table.overlap.as_secs(),
                table.cursor_column.name
            )),
            None => CursorSafety::proven(
                "rows are read up to the begin of the oldest transaction that was open, and from there again",
            ),
        }
    }

    /// The columns of a table's key as the source names them.
    pub(super) fn key_of(&self, table: &str) -> Vec<String> {
        let table = self.tables.iter().find(|known| known.name() == table);

        table.map_or_else(Vec::new, PolledTable::key)
    }
}
