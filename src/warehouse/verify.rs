//! Compares current rows and history with what the log says they must be.

use serde::Serialize;

use super::{Refresh, Scope, Target};
use crate::error::{Error, Result};
use crate::sql::render;

/// How far tables are from what the log says; all zero where they are exact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Current rows that are missing.
    pub rows_missing: i64,
    /// Current rows with other values.
    pub rows_different: i64,
    /// Current rows that should not be.
    pub rows_unexpected: i64,
    /// Versions that are missing.
    pub versions_missing: i64,
    /// Versions with other values or another end.
    pub versions_different: i64,
    /// Versions that should not be.
    pub versions_unexpected: i64,
    /// Versions that are empty, overlap another, or leave a gap without a delete.
    pub versions_impossible: i64,
    /// Current rows that are not the open version of their key.
    pub rows_without_version: i64,
}

/// Makes both tables again in a query, each up to its last published batch, and counts what differs; what must hold between them
/// is looked at where both are published up to the same.
///
/// # Errors
///
/// [`Error::VerifyFailed`] with the numbers, [`Error::TrinoUnavailable`], [`Error::Trino`].
pub async fn verify(
    target: Target<'_>,
    (current, history): (&Refresh, &Refresh),
) -> Result<Verified> {
    let context = current.context(target);
    let rows = counts(target, "marts/verify_current.sql", &context).await?;
    let versions = counts(target, "marts/verify_history.sql", &history.context(target)).await?;
    let between = if current.window == history.window {
        counts(target, "marts/verify_between.sql", &context).await?
    } else {
        vec![0, 0]
    };
    let found = Verified {
        rows_missing: rows[0],
        rows_different: rows[1],
        rows_unexpected: rows[2],
        versions_missing: versions[0],
        versions_different: versions[1],
        versions_unexpected: versions[2],
        versions_impossible: between[0],
        rows_without_version: between[1],
    };
    if found == Verified::default() {
        return Ok(found);
    }
    let scope = match current.scope {
        Scope::Sample(one_in) if one_in > 1 => format!("one key in {one_in}"),
        _ => "all keys".into(),
    };

    Err(Error::VerifyFailed {
        table: target.table.id.to_string(),
        detail: format!(
            "of {scope}, up to batch {}: rows missing {}, different {}, unexpected {}; versions missing {}, different {}, unexpected {}, impossible {}; rows without their version {}",
            current.window.upto_batch,
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

async fn counts(
    target: Target<'_>,
    statement: &str,
    context: &serde_json::Value,
) -> Result<Vec<i64>> {
    let rows = target.publisher.read(&render(statement, context)?).await?;
    let Some(row) = rows.first() else {
        return Err(Error::internal("a comparison gave no row"));
    };

    Ok(row
        .iter()
        .map(|count| count.as_i64().unwrap_or(0))
        .collect())
}
