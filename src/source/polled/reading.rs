//! One reading of polled tables: all in one snapshot, which their rows, keys and counts come from.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::next::{NextRows, SnapshotFor};
use super::position::{PolledPosition, TablePosition};
use super::queries::{ChangedCount, RowsQuery};
use super::table::PolledTable;
use super::tables::PolledTables;
use crate::error::{Error, Result};
use crate::source::intake::Intake;
use crate::source::postgres::{CopyStatement, columns, remembered, value};
use crate::source::reading::{Purpose, Reading};
use crate::sql::render;

/// What a reading takes of the tables.
#[derive(Default)]
struct NextOfTables<'a> {
    /// The cursors' positions after it, by table.
    positions: BTreeMap<String, TablePosition>,
    /// In the order of the tables.
    queries: Vec<RowsQuery<'a>>,
    /// The tables whose keys are compared.
    compared: Vec<String>,
    /// Whether a full load of a table was under way before it, or is after it.
    is_loading: bool,
}

impl<'a> NextOfTables<'a> {
    fn add(&mut self, table: &str, next: NextRows<'a>) {
        self.is_loading |= next.position.load.is_some();
        self.queries.push(next.rows);
        self.positions.insert(table.to_owned(), next.position);
    }

    /// A key comparison needs all rows, so it waits for the end of the full load.
    fn postpone_comparisons(&mut self, known: &BTreeMap<String, TablePosition>) {
        for name in self.compared.drain(..) {
            if let (Some(position), Some(before)) =
                (self.positions.get_mut(&name), known.get(&name))
            {
                position.compared_at = before.compared_at;
                position.comparisons = before.comparisons;
            }
        }
    }
}

impl<'a> PolledTables<'a> {
    /// Begins the snapshot that all tables are read in.
    pub(super) async fn begin_reading(
        &mut self,
        last: Option<&Value>,
        covered_before: Option<Timestamp>,
        purpose: Purpose,
    ) -> Result<Reading> {
        let connection = self.session.connection;
        let server = &self.session.server;
        let last: Option<PolledPosition> = remembered(last, connection.pipeline)?;
        if let Some(last) = &last {
            last.server.check_same(&server.identity, connection.name)?;
        }
        let tables = self.tables.iter().map(|table| &table.table.source);
        let snapshot = self.session.begin(&tables.collect::<Vec<_>>()).await?;
        let taken = SnapshotFor {
            session: &self.session,
            snapshot: &snapshot,
            purpose,
        };
        let known = last.map_or_else(BTreeMap::new, |last| last.tables);
        let next = self.next_of_tables(&taken, &known).await?;
        let position = PolledPosition {
            server: server.identity.clone(),
            tables: next.positions,
        };
        let reading = Reading {
            position: serde_json::to_value(&position).map_err(Error::internal)?,
            read_at: snapshot.taken_at,
            covered_until: self.covered_until(covered_before, next.is_loading),
            blocked_by: server.blocked_by(server.oldest_open(), snapshot.taken_at),
            deleted_at: snapshot.taken_at,
            is_partial: next.is_loading,
            has_backfills: false,
            compared: next.compared,
        };
        self.queries = next.queries;

        Ok(reading)
    }

    /// What the reading takes of each table. Keeps the positions of tables that this definition does not have: another
    /// service or an earlier definition may.
    async fn next_of_tables(
        &self,
        taken: &SnapshotFor<'_>,
        known: &BTreeMap<String, TablePosition>,
    ) -> Result<NextOfTables<'a>> {
        let mut next = NextOfTables {
            positions: known.clone(),
            ..NextOfTables::default()
        };
        for table in &self.tables {
            let before = known.get(table.name());
            if let Some(before) = before {
                check_same_table(table, before)?;
            }
            let before = table.start_of_reading(before);
            let before = before.as_ref();
            if table.is_compared(before, taken) {
                next.compared.push(table.name().to_owned());
            }
            next.is_loading |= before.is_some_and(|before| before.load.is_some());
            next.add(table.name(), table.next(taken, before).await?);
        }
        if next.is_loading {
            next.postpone_comparisons(known);
        }

        Ok(next)
    }

    /// The time up to which a reading holds every change. It stays during a full load, because the rows that change
    /// meanwhile are read after it. It stays while a transaction is prepared, because its begin is unknown.
    fn covered_until(&self, before: Option<Timestamp>, is_loading: bool) -> Timestamp {
        let server = &self.session.server;
        if is_loading {
            return before.unwrap_or(Timestamp::UNIX_EPOCH);
        }
        let complete = server.complete_until();
        // A full load that has not ended covers nothing. The epoch stands for that.
        match before.filter(|before| *before > Timestamp::UNIX_EPOCH) {
            None => complete,
            Some(before) if server.prepared.is_some() => before.min(complete),
            Some(before) => before.max(complete),
        }
    }

    /// Reads every row of the reading, tables side by side.
    pub(super) async fn read_rows(&self, first: i64, intake: &mut Intake<'_>) -> Result<()> {
        let copies = self.copies().await?;
        self.session
            .copy_side_by_side(&copies, first, intake)
            .await?;
        for rows in self.queries.iter().filter(|rows| !rows.is_unique) {
            let sql = render("source/not_unique.sql", rows)?;
            let row = self.session.query_one(&sql, &[]).await?;
            intake.tally.not_unique += value::<i64>(&row, "left_out")?;
        }

        Ok(())
    }

    /// The statements that read the rows, in the order of the tables.
    pub(super) async fn copies(&self) -> Result<Vec<CopyStatement>> {
        let mut copies = Vec::new();
        for (table, rows) in self.tables.iter().zip(&self.queries) {
            // The snapshot has locked the tables, so no column is added after this.
            let columns = columns(&self.session, &table.table.source).await?;
            copies.push(CopyStatement::of_rows(
                "source/read_rows.sql",
                rows,
                columns,
            )?);
        }

        Ok(copies)
    }

    /// Reads all keys of a table.
    pub(super) async fn read_keys_of(&self, table: &str, intake: &mut Intake<'_>) -> Result<()> {
        let at = self.tables.iter().position(|known| known.name() == table);
        let Some(rows) = at.and_then(|at| self.queries.get(at)) else {
            return Ok(());
        };

        self.session.copy_keys(&rows.keys(), intake).await
    }

    /// Counts the rows of the reading, up to `limit` of them, and no longer than `within` for each table.
    pub(super) async fn count_changed(&self, limit: i64, within: Duration) -> Result<i64> {
        self.session.limit(within).await?;
        let mut waiting = 0;
        for rows in &self.queries {
            let count = ChangedCount {
                rows,
                limit: limit - waiting,
            };
            let sql = render("source/changed_rows.sql", count)?;
            let row = self.session.query_one(&sql, &[]).await?;
            waiting += value::<i64>(&row, "waiting")?;
        }

        Ok(waiting)
    }
}

/// Refuses a table that replaced the one that was read before.
fn check_same_table(table: &PolledTable<'_>, before: &TablePosition) -> Result<()> {
    if before.oid == table.catalogue.oid {
        return Ok(());
    }

    Err(Error::SourceReplaced {
        detail: format!(
            "`{}` is another table than the one that was read before (its oid was {}, and is {} now), so nothing is read; read it by a pipeline of another name",
            table.table.from, before.oid, table.catalogue.oid
        ),
    })
}
