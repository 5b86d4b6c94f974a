//! From the typed log to current rows and history: one commit for each table, over the keys that the batches touched.

use serde::{Deserialize, Serialize};

use super::refresh::RefreshContext;
use super::{Refresh, Scope, Target, ledger};
use crate::error::{Error, Result};
use crate::pipeline::Column;
use crate::publish::{Committed, Snapshots};
use crate::sql::{TableName, render};
use crate::state::{Published, Versions};

/// What a merge changed, checked against what Trino committed.
///
/// The ends of its statements are to be recorded together with the counts. If the service is killed in between, the next
/// try finds the statements open and counts them again.
#[derive(Debug, Default)]
pub struct Merged<T> {
    pub counts: T,
    pub statements: Vec<Committed>,
}

/// A mart of a table, and the statements that make it.
struct Mart {
    table: TableName,
    merge: &'static str,
    remake: &'static str,
}

/// Rows that a mart got, that changed in it, and that left it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RowChanges {
    pub(super) inserted: i64,
    pub(super) updated: i64,
    pub(super) deleted: i64,
    /// The updated versions of a history that got an end; known where snapshots were compared.
    pub(super) ended: Option<Ended>,
}

/// Versions that got their first end, and versions that got an earlier one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ended {
    pub(super) closed: i64,
    pub(super) split: i64,
}

/// Makes the current rows what the events say. Doing it twice changes nothing.
pub async fn merge_current(target: Target<'_>, refresh: &Refresh) -> Result<Merged<Published>> {
    if refresh.is_empty() {
        return Ok(Merged::default());
    }
    let mart = Mart {
        table: target.current(),
        merge: "marts/merge_current.sql",
        remake: "marts/remake_current.sql",
    };
    let Merged {
        counts: rows,
        statements,
    } = mart.make(target, refresh).await?;
    let counts = if refresh.is_repair {
        // Its events were accounted for before, or no event tells why a row left, because the log is another.
        Published {
            inserted: rows.inserted,
            updated: rows.updated,
            deleted: rows.deleted,
            ..Published::default()
        }
    } else {
        ledger::balance(target, refresh, rows, &statements).await?
    };

    Ok(Merged { counts, statements })
}

/// Makes the versions what the events say. Doing it twice changes nothing.
pub async fn merge_history(target: Target<'_>, refresh: &Refresh) -> Result<Merged<Versions>> {
    if refresh.is_empty() {
        return Ok(Merged::default());
    }
    let mart = Mart {
        table: target.history(),
        merge: "marts/merge_history.sql",
        remake: "marts/remake_history.sql",
    };
    let Merged {
        counts: rows,
        statements,
    } = mart.make(target, refresh).await?;
    let counts = ledger::versions(target, refresh, rows, &statements).await?;

    Ok(Merged { counts, statements })
}

impl Mart {
    /// Resolves lost statements, then merges or makes the table anew.
    async fn make(&self, target: Target<'_>, refresh: &Refresh) -> Result<Merged<RowChanges>> {
        let publisher = target.publisher;
        let mut statements = publisher.resolve_unrecorded(&self.table).await?;
        let committed = if refresh.scope == Scope::Everything {
            let remake = render(self.remake, refresh.context(target))?;
            publisher.remake_unrecorded(&self.table, &remake).await?
        } else {
            // An earlier try may have merged these very batches: then the tables say nothing of what was before them.
            let mut refresh = refresh.clone();
            if !statements.is_empty() && refresh.scope == Scope::Batches {
                refresh.scope = Scope::Touched;
            }
            let merge = render(self.merge, refresh.context(target))?;
            publisher.merge_unrecorded(&self.table, &merge).await?
        };
        statements.push(committed);
        let counted = match &statements[..] {
            [only] if refresh.scope != Scope::Everything || only.rows_before == 0 => {
                RowChanges::of(only)
            }
            _ => None,
        };
        let counts = match counted {
            Some(counts) => counts,
            // From before the first to after the last: a row that came and then changed has come.
            None => self.compare(target, refresh, &statements).await?,
        };

        Ok(Merged { counts, statements })
    }

    /// Counts by comparing the snapshots before and after, where Trino's answer was lost or the table was made anew.
    async fn compare(
        &self,
        target: Target<'_>,
        refresh: &Refresh,
        statements: &[Committed],
    ) -> Result<RowChanges> {
        let values = target.columns.iter().filter(|column| !column.is_key);
        let mut values: Vec<Column> = values.cloned().collect();
        if self.table == target.history() {
            values.extend(["valid_to", "is_deleted", "_event_id"].map(Column::technical));
        } else if refresh.scope != Scope::Everything {
            // A row that changed and changed back was written.
            values.push(Column::technical("_event_id"));
        }
        let mut comparison = Comparison {
            table: &self.table,
            values: &values,
            only_touched: false,
        };
        let mut rows = comparison.count(target, refresh, statements).await;
        // The table had other columns before: a row that another event gave is another row then.
        let event_id = [Column::technical("_event_id")];
        if matches!(&rows, Err(Error::Trino(failure)) if failure.class == "USER_ERROR") {
            comparison.values = &event_id;
            rows = comparison.count(target, refresh, statements).await;
        }
        match rows {
            // It had another key: no row of before is one of now.
            Err(Error::Trino(failure)) if failure.class == "USER_ERROR" => Ok(RowChanges {
                inserted: statements.last().map_or(0, |made| made.added),
                deleted: statements.first().map_or(0, |made| made.rows_before),
                ended: Some(Ended::default()),
                ..RowChanges::default()
            }),
            rows => rows,
        }
    }
}

impl RowChanges {
    /// With N rows acted on, A written and D hidden: inserted = N − D, deleted = N − A, updated = A + D − N. `None` where
    /// Trino did not answer N.
    ///
    /// Holds for a `MERGE` in which every source row acts, on Iceberg format 2, and for a table that was made out of nothing.
    fn of(committed: &Committed) -> Option<Self> {
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
    /// A row changed where one of these did.
    pub(super) values: &'a [Column],
    /// Leaves out rows of keys that the refresh does not touch.
    pub(super) only_touched: bool,
}

/// What `marts/compared.sql` may name.
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

/// The row of `marts/compared.sql`; only of a history it tells which versions got an end.
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
        let context = ComparisonContext {
            refresh: refresh.context(target),
            snapshots,
            table: self.table,
            matched,
            values: self.values,
            only_touched: self.only_touched,
            is_history,
        };
        let row: ComparedRow = target.publisher.row("marts/compared.sql", context).await?;
        let ended = row.closed.zip(row.split);

        Ok(RowChanges {
            inserted: row.inserted,
            updated: row.updated,
            deleted: row.deleted,
            ended: ended.map(|(closed, split)| Ended { closed, split }),
        })
    }
}
