//! What statements changed in a mart: by Trino's answer, or by comparing the snapshots around them.

use serde::{Deserialize, Serialize};

use super::refresh::RefreshContext;
use super::{Refresh, Scope, Target, slices};
use crate::error::{Error, Result};
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

/// The rows that a comparison reads from the snapshots before and after some statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compared {
    Current,
    History,
    /// Only the ends of versions, of the keys that the refresh touches.
    Ends,
    /// The open versions of a history, one for each key: the current rows.
    Open,
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
    matched: &'a [Column],
    /// A row changed if one of these columns did.
    values: &'a [Column],
    /// Leaves out rows of keys that the refresh does not touch.
    only_touched: bool,
    only_open: bool,
    is_history: bool,
}

/// The context of `marts/open_rows.sql`.
#[derive(Serialize)]
struct OpenRowsContext {
    history: TableName,
    /// A snapshot; `None` for the rows as they are.
    version: Option<i64>,
}

/// The row of `marts/open_rows.sql`.
#[derive(Deserialize)]
struct OpenRow {
    rows: i64,
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

impl Compared {
    /// Counts what statements changed.
    pub(super) async fn count(
        self,
        target: Target<'_>,
        refresh: &Refresh,
        statements: &[Committed],
    ) -> Result<RowChanges> {
        let Some(snapshots) = Snapshots::around(statements)? else {
            let has_committed = statements.iter().any(|made| made.snapshot.is_some());
            return if self == Self::Open && has_committed {
                let inserted = open_rows(target, None).await?;
                Ok(RowChanges {
                    inserted,
                    ..RowChanges::default()
                })
            } else {
                Ok(RowChanges::default())
            };
        };
        let compare =
            async |values: &[Column]| self.compare(target, refresh, snapshots, values).await;
        let mut changes = compare(&self.values(target, refresh)).await;
        // The table had other columns before. A row counts as changed if another event made it.
        if is_user_error(&changes) {
            changes = compare(&[Column::technical("_event_id")]).await;
        }
        if !is_user_error(&changes) {
            return changes;
        }

        // The table had another key, so no row is the same as before.
        self.all_rows(target, snapshots, statements).await
    }

    async fn compare(
        self,
        target: Target<'_>,
        refresh: &Refresh,
        snapshots: Snapshots,
        values: &[Column],
    ) -> Result<RowChanges> {
        let is_history = matches!(self, Self::History | Self::Ends);
        let keys = target.columns.iter().filter(|column| column.is_key);
        let mut matched: Vec<Column> = keys.cloned().collect();
        if is_history {
            matched.push(Column::technical("valid_from"));
        }
        let table = if self == Self::Current {
            target.current()
        } else {
            target.history()
        };
        let only_touched = match self {
            Self::Current | Self::History => false,
            Self::Ends => true,
            Self::Open => refresh.scope != Scope::Everything,
        };
        let context = |slice| ComparisonContext {
            refresh: refresh.context(target).sliced(slice),
            snapshots,
            table: &table,
            matched: &matched,
            values,
            only_touched,
            only_open: self == Self::Open,
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

    /// The columns whose change changes a row.
    fn values(self, target: Target<'_>, refresh: &Refresh) -> Vec<Column> {
        let values = target.columns.iter().filter(|column| !column.is_key);
        let mut values: Vec<Column> = values.cloned().collect();
        match self {
            // A row that changed and changed back was written, too.
            Self::Current if refresh.scope != Scope::Everything => {
                values.push(Column::technical("_event_id"));
            }
            Self::Current | Self::Open => {}
            Self::History => {
                values.extend(["valid_to", "is_deleted", "_event_id"].map(Column::technical));
            }
            Self::Ends => values = vec![Column::technical("valid_to")],
        }

        values
    }

    /// The changes if no row is the same as before.
    async fn all_rows(
        self,
        target: Target<'_>,
        Snapshots { parent, snapshot }: Snapshots,
        statements: &[Committed],
    ) -> Result<RowChanges> {
        let (inserted, deleted) = if self == Self::Open {
            (
                open_rows(target, Some(snapshot)).await?,
                open_rows(target, Some(parent)).await?,
            )
        } else {
            (
                statements.last().map_or(0, |made| made.added),
                statements.first().map_or(0, |made| made.rows_before),
            )
        };

        Ok(RowChanges {
            inserted,
            deleted,
            ended: Some(Ended::default()),
            ..RowChanges::default()
        })
    }
}

async fn open_rows(target: Target<'_>, version: Option<i64>) -> Result<i64> {
    let context = OpenRowsContext {
        history: target.history(),
        version,
    };
    let OpenRow { rows } = target.publisher.row("marts/open_rows.sql", context).await?;

    Ok(rows)
}

fn is_user_error<T>(end: &Result<T>) -> bool {
    matches!(end, Err(Error::Trino(failure)) if failure.class == "USER_ERROR")
}
