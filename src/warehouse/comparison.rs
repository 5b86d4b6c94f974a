//! What statements changed in a mart: by Trino's answer, or by comparing the snapshots around them.

use serde::{Deserialize, Serialize};

use super::refresh::RefreshContext;
use super::{Refresh, Target, slices};
use crate::error::Result;
use crate::pipeline::Column;
use crate::publish::{Committed, Snapshots};
use crate::sql::TableName;

/// Rows that a mart got, that changed in it, and that left it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RowChanges {
    pub(super) inserted: i64,
    pub(super) updated: i64,
    pub(super) deleted: i64,
    /// The updated versions of a history that got an end; known if snapshots were compared.
    pub(super) ended: Option<Ended>,
}

/// Versions that got their first end, and versions that got an earlier one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ended {
    pub(super) closed: i64,
    pub(super) split: i64,
}

impl RowChanges {
    /// With N rows acted on, A written and D hidden: inserted = N − D, deleted = N − A, updated = A + D − N. `None` if
    /// Trino did not answer N.
    ///
    /// Holds for a `MERGE` in which every source row acts, on Iceberg format 2, and for a new table.
    pub(super) fn of(committed: &Committed) -> Option<Self> {
        committed.rows.map(|rows| Self {
            inserted: rows - committed.hidden,
            updated: committed.added + committed.hidden - rows,
            deleted: rows - committed.added,
            ended: None,
        })
    }
}

/// Compares a table as it was before some statements with how it is after them.
pub(super) struct Comparison<'a> {
    pub(super) table: &'a TableName,
    /// A row changed if one of these columns did.
    pub(super) values: &'a [Column],
    /// Leaves out rows of keys that the refresh does not touch.
    pub(super) only_touched: bool,
}

/// The context of `marts/compared.sql`.
#[derive(Serialize)]
struct ComparisonContext<'a> {
    #[serde(flatten)]
    refresh: RefreshContext<'a>,
    #[serde(flatten)]
    snapshots: Snapshots,
    table: &'a TableName,
    /// The columns by which rows are the same.
    matched: Vec<Column>,
    values: &'a [Column],
    only_touched: bool,
    is_history: bool,
}

/// The row of `marts/compared.sql`. It counts the versions that got an end only for a history.
#[derive(Deserialize)]
struct ComparedRow {
    inserted: i64,
    updated: i64,
    deleted: i64,
    closed: Option<i64>,
    split: Option<i64>,
}

impl Comparison<'_> {
    pub(super) async fn count(
        &self,
        target: Target<'_>,
        refresh: &Refresh,
        statements: &[Committed],
    ) -> Result<RowChanges> {
        let Some(snapshots) = Snapshots::around(statements)? else {
            return Ok(RowChanges::default());
        };
        let is_history = *self.table == target.history();
        let keys = target.columns.iter().filter(|column| column.is_key);
        let mut matched: Vec<Column> = keys.cloned().collect();
        if is_history {
            matched.push(Column::technical("valid_from"));
        }
        let context = |slice| ComparisonContext {
            refresh: refresh.context(target).sliced(slice),
            snapshots,
            table: self.table,
            matched: matched.clone(),
            values: self.values,
            only_touched: self.only_touched,
            is_history,
        };
        let row: ComparedRow =
            slices::count(target, refresh.events(), "marts/compared.sql", context).await?;
        let ended = row.closed.zip(row.split);

        Ok(RowChanges {
            inserted: row.inserted,
            updated: row.updated,
            deleted: row.deleted,
            ended: ended.map(|(closed, split)| Ended { closed, split }),
        })
    }
}
