//! The ledger: counts the outcome of every event in the typed log, and checks it against what Trino committed.

use serde::{Deserialize, Serialize};

use super::comparison::{Compared, Ended, RowChanges};
use super::refresh::RefreshContext;
use super::{Refresh, Scope, Target, slices};
use crate::error::{Error, Result};
use crate::publish::{Committed, Snapshots};
use crate::sql::TableName;
use crate::state::{Published, Versions};

/// The ledger keeps a row for each key, of 180 bytes, where a remake keeps its events: so many of its events need the memory of one.
const EVENTS_FOR_ONE: i64 = 3;

/// The row of `marts/ledger.sql`. Truncates are counted apart from the events.
#[derive(Deserialize)]
struct LedgerRow {
    events: i64,
    late: i64,
    superseded: i64,
    /// Keys whose last event decides: a delete, or another one.
    ends_deleted: i64,
    ends_with_row: i64,
    truncates: i64,
    /// Rows of the table that these batches gave; unknown if the current rows are a view.
    rows_written: Option<i64>,
}

/// The context of `marts/truncated.sql`.
#[derive(Serialize)]
struct TruncatedContext<'a> {
    #[serde(flatten)]
    refresh: RefreshContext<'a>,
    #[serde(flatten)]
    snapshots: Snapshots,
}

#[derive(Deserialize)]
struct TruncatedRow {
    truncated: i64,
}

/// Accounts for every event of a merge of current rows, and fails if the numbers do not add up.
///
/// The typed log says which events were late, superseded or decisive. The committed rows say how many decisive events changed
/// a row. The other decisive events changed nothing. No count may be negative. The table must hold as many rows of
/// these batches as were written.
pub(super) async fn balance(
    target: Target<'_>,
    refresh: &Refresh,
    rows: impl Future<Output = Result<RowChanges>>,
    statements: &[Committed],
) -> Result<Published> {
    let context = |slice| {
        let mut context = refresh.context(target).sliced(slice);
        if refresh.scope == Scope::Everything && refresh.window.after_batch > 0 {
            // After a remake, late events must still be counted.
            context.may_be_late = true;
        }
        context
    };
    let events = refresh.landed.summary.event_count / EVENTS_FOR_ONE;
    let found = slices::count::<LedgerRow, _>(target, events, "marts/ledger.sql", context);
    let (rows, found) = tokio::try_join!(rows, found)?;
    let truncated = truncated(target, refresh, statements).await?;
    let published = Published {
        inserted: rows.inserted,
        updated: rows.updated,
        deleted: rows.deleted - truncated,
        published: found.events + found.truncates,
        late: found.late,
        superseded: found.superseded,
        delete_without_row: found.ends_deleted - (rows.deleted - truncated),
        unchanged: found.ends_with_row - rows.inserted - rows.updated,
        truncates: found.truncates,
        truncated,
    };
    let written = rows.inserted + rows.updated;
    // A remade table also holds rows of these batches that were right before.
    let is_counted = statements
        .iter()
        .all(|committed| committed.rows_before == 0)
        || refresh.scope != Scope::Everything;
    published
        .check()
        .and_then(|()| match found.rows_written {
            Some(there) if is_counted && there != written => Err(format!(
                "{written} rows were written, but {there} of these batches are in the table"
            )),
            _ => Ok(()),
        })
        .map_err(|fault| unbalanced(target, &target.current(), &fault))?;

    Ok(published)
}

/// Counts the changes of versions and fails if they differ from the commit.
///
/// If all events are newer, every updated version got its end. Otherwise the snapshots are compared.
pub(super) async fn versions(
    target: Target<'_>,
    refresh: &Refresh,
    rows: RowChanges,
    statements: &[Committed],
) -> Result<Versions> {
    let is_plain =
        rows.updated + rows.deleted == 0 || !(refresh.rereads_keys() || target.has_untracked());
    let ended = if let Some(ended) = rows.ended {
        ended
    } else if is_plain {
        Ended {
            closed: rows.updated,
            split: 0,
        }
    } else {
        ended(target, refresh, rows, statements).await?
    };

    Ok(Versions {
        versions_opened: rows.inserted,
        versions_closed: ended.closed,
        versions_split: ended.split,
        versions_changed: rows.updated - ended.closed - ended.split,
        versions_removed: rows.deleted,
    })
}

/// Counts the versions that got an end, by comparing the snapshots before and after.
async fn ended(
    target: Target<'_>,
    refresh: &Refresh,
    rows: RowChanges,
    statements: &[Committed],
) -> Result<Ended> {
    let history = target.history();
    let found = Compared::Ends.count(target, refresh, statements).await?;
    if (found.inserted, found.deleted) != (rows.inserted, rows.deleted)
        || found.updated > rows.updated
    {
        let detail = format!(
            "{} versions came, {} changed and {} went by what Trino answered, but {}, at least {} and {} by its snapshots",
            rows.inserted, rows.updated, rows.deleted, found.inserted, found.updated, found.deleted,
        );
        return Err(unbalanced(target, &history, &detail));
    }

    Ok(found.ended.unwrap_or_default())
}

fn unbalanced(target: Target<'_>, table: &TableName, fault: &str) -> Error {
    Error::Unbalanced {
        detail: format!(
            "table `{}`: {fault}. The cursor of `{}` stays where it was. Does something else write to it or to `{}`? `POST /v1/tables/{}/rebuild` remakes it",
            target.table.id.name,
            table,
            target.staging(),
            target.table.id,
        ),
    }
}

/// Counts the rows that truncates of the batches deleted, by comparing the table before and after.
async fn truncated(target: Target<'_>, refresh: &Refresh, statements: &[Committed]) -> Result<i64> {
    if refresh.landed.summary.truncates == 0 || refresh.window.after_batch == 0 {
        return Ok(0);
    }
    let Some(snapshots) = Snapshots::around(statements)? else {
        return Ok(0);
    };
    let context = |slice| TruncatedContext {
        refresh: refresh.context(target).sliced(slice),
        snapshots,
    };
    let row: TruncatedRow =
        slices::count(target, refresh.events(), "marts/truncated.sql", context).await?;

    Ok(row.truncated)
}
