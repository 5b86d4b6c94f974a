//! From the typed log to current rows and history: one commit a table, over the keys that the batches touched.

use serde_json::{Value, json};

use super::{Refresh, Scope, Target, ledger};
use crate::error::{Error, Result};
use crate::pipeline::Column;
use crate::publish::Committed;
use crate::sql::{TableName, render};
use crate::state::{Published, Versions};

/// Rows that came, changed and went.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Rows {
    pub(super) inserted: i64,
    pub(super) updated: i64,
    pub(super) deleted: i64,
    /// Of the updated, those of a history that got an end; known where snapshots were compared.
    pub(super) ended: Option<Ended>,
}

/// Versions that got an end: a first one, or an earlier one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ended {
    pub(super) closed: i64,
    pub(super) split: i64,
}

/// Makes the current rows what the events say; doing it twice changes nothing.
///
/// Gives what changed, checked against what Trino committed, and the statements that did it, whose ends are to be recorded
/// together with the counts: of a kill in between, the next try finds them open and counts them again.
pub async fn publish_current(
    target: Target<'_>,
    refresh: &Refresh,
) -> Result<(Published, Vec<Committed>)> {
    if refresh.is_empty() {
        return Ok((Published::default(), Vec::new()));
    }
    let table = target.current();
    let (rows, statements) = publish(
        target,
        refresh,
        (
            &table,
            "marts/merge_current.sql",
            "marts/remake_current.sql",
        ),
    )
    .await?;
    let published = if refresh.is_repair {
        // Its events were published before, and accounted for then; or no event tells why a row went, because the log is another.
        Published {
            inserted: rows.inserted,
            updated: rows.updated,
            deleted: rows.deleted,
            ..Published::default()
        }
    } else {
        ledger::balance(target, refresh, rows, &statements).await?
    };

    Ok((published, statements))
}

/// Makes the versions what the events say; doing it twice changes nothing. As [`publish_current`].
pub async fn publish_history(
    target: Target<'_>,
    refresh: &Refresh,
) -> Result<(Versions, Vec<Committed>)> {
    if refresh.is_empty() {
        return Ok((Versions::default(), Vec::new()));
    }
    let table = target.history();
    let (rows, statements) = publish(
        target,
        refresh,
        (
            &table,
            "marts/merge_history.sql",
            "marts/remake_history.sql",
        ),
    )
    .await?;
    let versions = ledger::versions(target, refresh, rows, &statements).await?;

    Ok((versions, statements))
}

impl Refresh {
    pub(super) fn is_empty(&self) -> bool {
        let events = &self.landed.events;
        let has_none = events.events == 0 && events.replayed == 0;

        has_none && !self.is_repair
    }
}

/// Settles what earlier tries left open, then merges or makes anew.
async fn publish(
    target: Target<'_>,
    refresh: &Refresh,
    (table, merge, remake): (&TableName, &str, &str),
) -> Result<(Rows, Vec<Committed>)> {
    let mut statements = target.publisher.settle_unrecorded(table).await?;
    let committed = if refresh.scope == Scope::Everything {
        let sql = render(remake, refresh.context(target))?;
        target.publisher.remake_unrecorded(table, &sql).await?
    } else {
        // An earlier try may have published these very batches: then the tables say nothing of what was before them.
        let mut refresh = refresh.clone();
        if !statements.is_empty() && refresh.scope == Scope::Batches {
            refresh.scope = Scope::Touched;
        }
        let merge = render(merge, refresh.context(target))?;
        target.publisher.merge_unrecorded(table, &merge).await?
    };
    statements.push(committed);
    let rows = match &statements[..] {
        [only] if refresh.scope != Scope::Everything || only.rows_before == 0 => {
            by_arithmetic(only)
        }
        // From before the first to after the last, because a row that came and then changed has come.
        several => by_comparing(target, refresh, (table, several)).await?,
    };

    Ok((rows, statements))
}

/// With N rows acted on, A written and D hidden: inserted = N − D, deleted = N − A, updated = A + D − N.
///
/// Holds for a `MERGE` in which every source row acts, on Iceberg format 2, and for a table that was made out of nothing.
fn by_arithmetic(committed: &Committed) -> Rows {
    let rows = committed.rows.unwrap_or(0);

    Rows {
        inserted: rows - committed.hidden,
        updated: committed.added + committed.hidden - rows,
        deleted: rows - committed.added,
        ended: None,
    }
}

/// Counts by comparing the snapshots before and after, where Trino's answer with N was lost or the table was made anew.
async fn by_comparing(
    target: Target<'_>,
    refresh: &Refresh,
    (table, statements): (&TableName, &[Committed]),
) -> Result<Rows> {
    let is_history = *table == target.history();
    let values = target.columns.iter().filter(|column| !column.is_key);
    let mut values: Vec<Column> = values.cloned().collect();
    if is_history {
        values.extend(["valid_to", "is_deleted", "_event_id"].map(Column::technical));
    } else if refresh.scope != Scope::Everything {
        // A row that changed and changed back was written.
        values.push(Column::technical("_event_id"));
    }
    let mut rows = compare(target, refresh, (table, statements), (&values, false)).await;
    // The table had other columns before: a row that another event gave is another row then.
    if matches!(&rows, Err(Error::Trino(failure)) if failure.class == "USER_ERROR") {
        values = vec![Column::technical("_event_id")];
        rows = compare(target, refresh, (table, statements), (&values, false)).await;
    }
    match rows {
        // It had another key: no row of before is one of now.
        Err(Error::Trino(failure)) if failure.class == "USER_ERROR" => Ok(Rows {
            inserted: statements.last().map_or(0, |made| made.added),
            deleted: statements.first().map_or(0, |made| made.rows_before),
            ended: Some(Ended::default()),
            ..Rows::default()
        }),
        rows => rows,
    }
}

/// Compares a table as it was before the first of the statements with how it was after the last.
///
/// A row changed where one of `values` did. `only_touched` leaves out rows of keys that the span does not touch.
pub(super) async fn compare(
    target: Target<'_>,
    refresh: &Refresh,
    (table, statements): (&TableName, &[Committed]),
    (values, only_touched): (&[Column], bool),
) -> Result<Rows> {
    let parent = statements.iter().find_map(|made| made.parent.as_ref());
    let snapshot = statements
        .iter()
        .rev()
        .find_map(|made| made.snapshot.as_ref());
    let (Some(parent), Some(snapshot)) = (parent, snapshot) else {
        return Ok(Rows::default());
    };
    let is_history = *table == target.history();
    let keys = target.columns.iter().filter(|column| column.is_key);
    let mut matched: Vec<Column> = keys.cloned().collect();
    if is_history {
        matched.push(Column::technical("valid_from"));
    }
    let mut context = refresh.context(target);
    context["table"] = json!(table);
    context["values"] = json!(values);
    context["only_touched"] = only_touched.into();
    context["parent"] = json!(parent.parse::<i64>().ok());
    context["snapshot"] = json!(snapshot.parse::<i64>().ok());
    context["matched"] = json!(matched);
    context["is_history"] = is_history.into();
    let rows = target
        .publisher
        .read(&render("marts/compared.sql", context)?)
        .await?;
    let count = |at: usize| {
        let row = rows.first();
        row.and_then(|row| row.get(at)).and_then(Value::as_i64)
    };

    Ok(Rows {
        inserted: count(0).unwrap_or(0),
        updated: count(1).unwrap_or(0),
        deleted: count(2).unwrap_or(0),
        ended: count(3)
            .zip(count(4))
            .map(|(closed, split)| Ended { closed, split }),
    })
}
