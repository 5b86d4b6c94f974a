//! The rows of a polled table that a reading takes, and the cursor's position after them.

use super::position::{FullLoad, TablePosition};
use super::queries::{RangeEnd, RowSelection, RowsQuery};
use super::table::PolledTable;
use crate::error::Result;
use crate::pipeline::CompareKeys;
use crate::source::postgres::{Session, Snapshot, value};
use crate::source::reading::Purpose;
use crate::sql::render;

/// The snapshot of a reading, and what it is taken for.
pub(super) struct SnapshotFor<'s> {
    pub(super) session: &'s Session<'s>,
    pub(super) snapshot: &'s Snapshot,
    pub(super) purpose: Purpose,
}

/// What a reading takes of a table.
pub(super) struct NextRows<'a> {
    pub(super) rows: RowsQuery<'a>,
    /// The cursor's position after them.
    pub(super) position: TablePosition,
}

impl<'a> PolledTable<'a> {
    /// The rows that are read next, and the cursor's position after them.
    pub(super) async fn next(
        &self,
        taken: &SnapshotFor<'_>,
        before: Option<&TablePosition>,
    ) -> Result<NextRows<'a>> {
        let load = self.full_load(before);
        let position = self.position(taken, before, load.as_ref()).await?;

        match (load, before) {
            (None, Some(before)) => Ok(self.next_changed(taken, before, position)),
            (load, _) => {
                let load = load.unwrap_or_default();
                self.next_range(taken, load, position).await
            }
        }
    }

    /// The full load that the reading begins or continues; `None` if there is none.
    fn full_load(&self, before: Option<&TablePosition>) -> Option<FullLoad> {
        let load = before.map_or_else(|| Some(FullLoad::default()), |before| before.load.clone());

        load.map(|load| load.by(self.range_key().as_deref()))
    }

    /// The position after the reading, before `next_range` adds its range of a full load.
    async fn position(
        &self,
        taken: &SnapshotFor<'_>,
        before: Option<&TablePosition>,
        load: Option<&FullLoad>,
    ) -> Result<TablePosition> {
        let snapshot = taken.snapshot;
        let position = TablePosition {
            oid: self.catalogue.oid,
            upto: None,
            snapshot: snapshot.text.clone(),
            in_recovery: snapshot.in_recovery,
            compared_at: Some(snapshot.taken_at),
            load: None,
            comparisons: before.map_or(0, |before| before.comparisons.saturating_sub(1)),
            filter: Some(self.condition().to_owned()),
        };
        let goes_on = load.is_some_and(|load| load.after.is_some());

        Ok(match before.filter(|_| goes_on) {
            // Rows that change during a load are read after it, from the bounds of its first range on. Keys are also
            // compared after it.
            Some(first) => TablePosition {
                upto: first.upto.clone(),
                snapshot: first.snapshot.clone(),
                in_recovery: first.in_recovery,
                compared_at: None,
                ..position
            },
            None => TablePosition {
                upto: self.upto(taken.session, before).await?,
                ..position
            },
        })
    }

    /// The rows that changed since the position `before`.
    fn next_changed(
        &self,
        taken: &SnapshotFor<'_>,
        before: &TablePosition,
        mut position: TablePosition,
    ) -> NextRows<'a> {
        if !self.is_compared(Some(before), taken) {
            position.compared_at = before.compared_at;
        }
        let rows = self.rows_query(RowSelection::ChangedSince(before), taken.snapshot);

        NextRows { rows, position }
    }

    /// The rows of the next range of a full load. A look takes all remaining rows as one range.
    async fn next_range(
        &self,
        taken: &SnapshotFor<'_>,
        load: FullLoad,
        mut position: TablePosition,
    ) -> Result<NextRows<'a>> {
        let end = match taken.purpose {
            Purpose::Look | Purpose::Plan | Purpose::Poll => None,
            Purpose::Read | Purpose::ReadPolled => self.range_end(taken.session, &load).await?,
        };
        let range = RowSelection::KeyRange {
            after: load.after.clone(),
            upto: end.clone(),
        };
        let rows = self.rows_query(range, taken.snapshot);
        // A reload does not show which rows are gone, so keys are compared after the last range.
        position.comparisons = u8::from(load.is_again && end.is_none());
        position.load = end.map(|after| FullLoad {
            columns: self.range_key(),
            after: Some(after),
            ..load
        });

        Ok(NextRows { rows, position })
    }

    /// Whether a reading compares all keys. The first reading has nothing to compare with.
    pub(super) fn is_compared(
        &self,
        before: Option<&TablePosition>,
        taken: &SnapshotFor<'_>,
    ) -> bool {
        let Some(before) = before.filter(|before| before.load.is_none()) else {
            return false;
        };
        if before.comparisons > 0 {
            return true;
        }
        let now = taken.snapshot.taken_at;
        match self.table.deletes.compare_keys {
            CompareKeys::Off => false,
            // A key comparison alone is no reason for a run.
            CompareKeys::EachRun => !matches!(taken.purpose, Purpose::Look | Purpose::Poll),
            CompareKeys::Every(time) => before
                .compared_at
                .is_none_or(|last| now.duration_since(last).unsigned_abs() >= time),
        }
    }

    /// The last key of the next range; `None` if the rest is one range, or if the table has no unique key that is never
    /// null.
    async fn range_end(
        &self,
        session: &Session<'_>,
        load: &FullLoad,
    ) -> Result<Option<Vec<String>>> {
        if self.catalogue.range_key.is_none() {
            return Ok(None);
        }
        let query = RangeEnd {
            query: self.query(),
            bounds: self.key_range(load.after.clone(), None),
            rows: session.range_rows.saturating_sub(1),
        };
        let rows = session
            .query(&render("source/range_end.sql", query)?, &[])
            .await?;

        // The last row of the range, and one that is left.
        match &rows[..] {
            [last, _, ..] => value(last, "key"),
            _ => Ok(None),
        }
    }

    /// The cursor value below which every row has been read once this reading has landed.
    ///
    /// For a time it is the begin of the oldest open transaction, less overlap and slack: rows that commit later have
    /// later times. For a number it is the highest value. Rows that commit late are found by their transactions.
    async fn upto(
        &self,
        session: &Session<'_>,
        before: Option<&TablePosition>,
    ) -> Result<Option<String>> {
        if self.cursor_column.is_time() {
            let server = &session.server;
            // The begin of a prepared transaction is unknown, so the bound stays while there is one. Without an earlier
            // bound, only the transactions of the rows show which are new.
            if server.prepared.is_some() {
                return Ok(before.and_then(|before| before.upto.clone()));
            }
            let upto = server.complete_until() - self.table.overlap - self.cursor_column.slack();
            return Ok(Some(upto.to_string()));
        }
        let sql = render("source/highest.sql", self.query())?;

        value(&session.query_one(&sql, &[]).await?, "highest")
    }
}
