//! Deletes files of batches that the landing table no longer needs, because their rows were written anew.
//!
//! Trino 483 was seen to leave such files, because they lie in another folder than the table's own, when all snapshots with them expired.

use serde::{Deserialize, Serialize};

use super::Landing;
use crate::error::Result;
use crate::sql::TableName;

/// The context of `landing/replaced_files.sql`.
#[derive(Serialize)]
struct ReplacedContext {
    all_entries: TableName,
    files: TableName,
}

/// A row of `landing/replaced_files.sql`.
#[derive(Deserialize)]
struct ReplacedRow {
    path: String,
}

/// Deletes the files that only older snapshots need, and gives their number. The caller then lets those snapshots expire.
pub async fn remove_replaced(landing: Landing<'_>) -> Result<i64> {
    let Landing {
        folder,
        table,
        publisher,
    } = landing;
    let context = ReplacedContext {
        all_entries: table.metadata("all_entries"),
        files: table.metadata("files"),
    };
    let rows: Vec<ReplacedRow> = publisher
        .rows("landing/replaced_files.sql", context)
        .await?;
    let files: Vec<String> = rows.into_iter().map(|row| row.path).collect();

    folder.remove_files(publisher.pipeline, &files).await
}
