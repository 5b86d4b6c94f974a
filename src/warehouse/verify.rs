//! Compares current rows and history with what the typed log says they must be.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::{Refresh, Scope, Target, slices};
use crate::error::{Error, Result};

/// How far tables are from what the typed log says; all zero if they are exact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    pub rows_missing: i64,
    pub rows_different: i64,
    pub rows_unexpected: i64,
    pub versions_missing: i64,
    /// Those with other values or another end.
    pub versions_different: i64,
    pub versions_unexpected: i64,
    /// Versions that are empty, overlap another, or leave a gap without a delete.
    pub versions_impossible: i64,
    /// Current rows that are not the open version of their key.
    pub rows_without_version: i64,
}

/// The row of `marts/verify_current.sql` and of `marts/verify_history.sql`.
#[derive(Deserialize)]
struct DifferencesRow {
    missing: i64,
    different: i64,
    unexpected: i64,
}

/// The row of `marts/verify_between.sql`.
#[derive(Default, Deserialize)]
struct BetweenRow {
    versions_impossible: i64,
    rows_without_version: i64,
}

/// Computes both marts again in a query, each up to its last merged batch, and counts the differences. Compares the
/// marts with each other only if both have the same batches.
pub async fn verify(target: Target<'_>, current: &Refresh, history: &Refresh) -> Result<Verified> {
    let rows: DifferencesRow = count(target, current, "marts/verify_current.sql").await?;
    if !target.marts.has_history() {
        return judge(target, current, Verified::of_rows(&rows));
    }
    let versions: DifferencesRow = count(target, history, "marts/verify_history.sql").await?;
    let between = if current.window == history.window {
        count(target, current, "marts/verify_between.sql").await?
    } else {
        BetweenRow::default()
    };
    let found = Verified {
        versions_missing: versions.missing,
        versions_different: versions.different,
        versions_unexpected: versions.unexpected,
        versions_impossible: between.versions_impossible,
        rows_without_version: between.rows_without_version,
        ..Verified::of_rows(&rows)
    };

    judge(target, current, found)
}

impl Verified {
    fn of_rows(rows: &DifferencesRow) -> Self {
        Self {
            rows_missing: rows.missing,
            rows_different: rows.different,
            rows_unexpected: rows.unexpected,
            ..Self::default()
        }
    }
}

/// Fails with [`Error::VerifyFailed`] if there is a difference.
fn judge(target: Target<'_>, refresh: &Refresh, found: Verified) -> Result<Verified> {
    if found == Verified::default() {
        return Ok(found);
    }
    let scope = match refresh.scope {
        Scope::Sample(one_in) if one_in > 1 => format!("one key in {one_in}"),
        _ => "all keys".into(),
    };

    let table = target.table.id.to_string();

    Err(Error::VerifyFailed {
        kind: "table",
        origin: "typed log",
        remedy: format!("`POST /v1/tables/{table}/rebuild` remakes it from the log"),
        table,
        detail: format!(
            "of {scope}, up to batch {}: rows missing {}, different {}, unexpected {}; versions missing {}, different {}, unexpected {}, impossible {}; rows without their version {}",
            refresh.window.upto_batch,
            found.rows_missing,
            found.rows_different,
            found.rows_unexpected,
            found.versions_missing,
            found.versions_different,
            found.versions_unexpected,
            found.versions_impossible,
            found.rows_without_version
        ),
    })
}

async fn count<T: DeserializeOwned>(
    target: Target<'_>,
    refresh: &Refresh,
    statement: &str,
) -> Result<T> {
    let context = |slice| refresh.context(target).sliced(slice);

    slices::count(target, refresh.events(), statement, context).await
}
