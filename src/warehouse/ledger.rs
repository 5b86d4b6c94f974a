//! The ledger: what became of every event, counted in the log and checked against what Trino committed.

use serde_json::json;

use super::marts::{Ended, Rows, compare};
use super::{Refresh, Scope, Target};
use crate::error::{Error, Result};
use crate::pipeline::Column;
use crate::publish::Committed;
use crate::sql::{TableName, render};
use crate::state::{Published, Versions};

/// Accounts for every event that a publication of current rows took, and refuses numbers that do not add up.
///
/// The log says which events were late or superseded and which decided; the committed rows say which of those did something.
/// What is left over did nothing: it must not be less than nothing, and the table must hold as many rows of these batches as
/// were written.
pub(super) async fn balance(
    target: Target<'_>,
    refresh: &Refresh,
    rows: Rows,
    statements: &[Committed],
) -> Result<Published> {
    let mut context = refresh.context(target);
    if refresh.scope == Scope::Everything && refresh.window.after_batch > 0 {
        // The tables were made anew, but which events came late is still to be told.
        context["has_late"] = true.into();
    }
    let found = target
        .publisher
        .read(&render("marts/ledger.sql", context)?)
        .await?;
    let count = |at: usize| found.first().and_then(|row| row[at].as_i64()).unwrap_or(0);
    let (ends_deleted, ends_with_row) = (count(3), count(4));
    let truncated = truncated(target, refresh, statements).await?;
    let published = Published {
        inserted: rows.inserted,
        updated: rows.updated,
        deleted: rows.deleted - truncated,
        published: count(0) + count(5),
        late: count(1),
        superseded: count(2),
        delete_without_row: ends_deleted - (rows.deleted - truncated),
        unchanged: ends_with_row - rows.inserted - rows.updated,
        truncates: count(5),
        truncated,
    };
    let written = rows.inserted + rows.updated;
    // A table that was made anew over another holds rows that were right before as well.
    let is_counted = statements
        .iter()
        .all(|committed| committed.rows_before == 0)
        || refresh.scope != Scope::Everything;
    published
        .check()
        .and_then(|()| {
            if !is_counted || count(6) == written {
                return Ok(());
            }
            Err(format!(
                "{written} rows were written, but {} of these batches are in the table",
                count(6)
            ))
        })
        .map_err(|fault| unbalanced(target, &target.current(), &fault))?;

    Ok(published)
}

/// Tells what became of versions, and refuses numbers that are not those of what was committed.
///
/// Where only newer events came, every version that was there and changed got its end. Else it is looked up.
pub(super) async fn versions(
    target: Target<'_>,
    refresh: &Refresh,
    rows: Rows,
    statements: &[Committed],
) -> Result<Versions> {
    let is_plain =
        rows.updated + rows.deleted == 0 || !(refresh.has_older() || target.has_untracked());
    let ended = if let Some(ended) = rows.ended {
        ended
    } else if is_plain {
        Ended {
            closed: rows.updated,
            split: 0,
        }
    } else {
        // Of versions that stay, only their ends are looked at.
        let ends = [Column::technical("valid_to")];
        let history = target.history();
        let found = compare(target, refresh, (&history, statements), (&ends, true)).await?;
        if (found.inserted, found.deleted) != (rows.inserted, rows.deleted)
            || found.updated > rows.updated
        {
            let detail = format!(
                "{} versions came, {} changed and {} went by what Trino answered, but {}, at least {} and {} by its snapshots",
                rows.inserted,
                rows.updated,
                rows.deleted,
                found.inserted,
                found.updated,
                found.deleted,
            );
            return Err(unbalanced(target, &history, &detail));
        }
        found.ended.unwrap_or_default()
    };

    Ok(Versions {
        versions_opened: rows.inserted,
        versions_closed: ended.closed,
        versions_split: ended.split,
        versions_changed: rows.updated - ended.closed - ended.split,
        versions_removed: rows.deleted,
    })
}

fn unbalanced(target: Target<'_>, table: &TableName, fault: &str) -> Error {
    Error::Unbalanced {
        detail: format!(
            "table `{}`: {fault}. The cursor of `{}` stays where it was. Does something else write to it or to `{}`? `POST /v1/tables/{}.{}/rebuild` makes it anew",
            target.table.id.name,
            table,
            target.staging(),
            target.definition.name,
            target.table.id.name,
        ),
    }
}

/// Rows that truncates of the batches deleted, by comparing the table before and after.
async fn truncated(target: Target<'_>, refresh: &Refresh, statements: &[Committed]) -> Result<i64> {
    if refresh.landed.events.truncates == 0 || refresh.window.after_batch == 0 {
        return Ok(0);
    }
    let before = statements
        .iter()
        .find_map(|committed| committed.parent.as_deref());
    let after = statements
        .iter()
        .rev()
        .find_map(|committed| committed.snapshot.as_deref());
    let (Some(before), Some(after)) = (before, after) else {
        return Ok(0);
    };
    let mut context = refresh.context(target);
    context["parent"] = json!(before.parse::<i64>().ok());
    context["snapshot"] = json!(after.parse::<i64>().ok());
    let found = target
        .publisher
        .read(&render("marts/truncated.sql", context)?)
        .await?;

    Ok(found.first().and_then(|row| row[0].as_i64()).unwrap_or(0))
}
