//! Counts the snapshots of a table that may expire.

use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::publish::Publisher;
use crate::sql::TableName;

/// The context of `maintenance/old_snapshots.sql`.
#[derive(Serialize)]
struct OldContext {
    snapshots: TableName,
    refs: TableName,
    kept_seconds: i64,
}

/// The row of `maintenance/old_snapshots.sql`.
#[derive(Deserialize)]
struct OldRow {
    snapshots: i64,
}

/// Counts the snapshots that are older than so many seconds. The newest never counts.
pub(super) async fn count_old_snapshots(
    publisher: Publisher<'_>,
    table: &TableName,
    kept_seconds: i64,
) -> Result<i64> {
    let context = OldContext {
        snapshots: table.metadata("snapshots"),
        refs: table.metadata("refs"),
        kept_seconds,
    };
    let old: OldRow = publisher
        .row("maintenance/old_snapshots.sql", context)
        .await?;

    Ok(old.snapshots)
}
