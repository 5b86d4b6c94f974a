//! The size of an Iceberg table, from its metadata.

use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::error::{Error, Result};
use crate::sql::TableName;

/// An Iceberg table.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct StoredTable {
    /// The table's name in Trino.
    #[schema(example = "lake.marts.orders")]
    pub trino_table: String,
    /// The current snapshot, as text because it is too long for JavaScript's numbers.
    pub snapshot_id: Option<String>,
    /// The number of rows.
    pub rows: i64,
    /// The number of data files.
    pub data_files: i64,
    /// The number of delete files.
    pub delete_files: i64,
    /// The size of all files, in bytes.
    pub bytes: i64,
}

/// The context of `report/size.sql`.
#[derive(Serialize)]
struct SizeContext {
    files: TableName,
    snapshots: TableName,
}

/// The row of `report/size.sql`.
#[derive(Deserialize)]
struct SizeRow {
    snapshot_id: Option<String>,
    row_count: i64,
    data_files: i64,
    delete_files: i64,
    bytes: i64,
}

/// How large an Iceberg table is; `None` if there is none of this name.
pub async fn stored(app: &App, table: &TableName) -> Result<Option<StoredTable>> {
    let context = SizeContext {
        files: table.metadata("files"),
        snapshots: table.metadata("snapshots"),
    };
    let row: Result<SizeRow> = app
        .trino
        .row("icefront/api", "report/size.sql", context)
        .await;
    let row = match row {
        Err(Error::Trino(failure)) if failure.name.ends_with("_NOT_FOUND") => return Ok(None),
        row => row?,
    };

    Ok(Some(StoredTable {
        trino_table: table.to_string(),
        snapshot_id: row.snapshot_id,
        rows: row.row_count,
        data_files: row.data_files,
        delete_files: row.delete_files,
        bytes: row.bytes,
    }))
}
