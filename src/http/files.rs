//! `/v1/sources/{source}/files`: the ledger of files.

use std::collections::HashMap;

use axum::Json;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::access::Granted;
use super::page::{Page, Paging};
use super::read::{AnyOf, Path, Query, any, number_of_id};
use super::sources::SourcePath;
use crate::error::{Error, Problem, Result};
use crate::report::{self, BatchFile};
use crate::state::{FileQuery, FileState, LedgerFile};

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct FilesQuery {
    /// Only files in one of these states. A file that was not read appears only in its last state.
    #[param(value_type = Option<Vec<FileState>>, style = Form, explode = false, min_items = 1, required = false)]
    state: Option<AnyOf<FileState>>,
    /// Only files of this table.
    #[param(example = "drops.orders", required = false)]
    table: Option<String>,
    /// Only files of this batch.
    #[param(example = "3", required = false)]
    batch_id: Option<String>,
}

type FilePage = Page<File>;

/// A file in the ledger.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SourceFile, example = json!({
    "id": "17", "path": "data/drops/orders/0017.csv.gz", "etag": "1c4f-62f0a9-2d1", "bytes": 721, "table": "drops.orders", "state": "unreadable",
    "rows": 0, "rejects": 0, "detail": "line 17 has 4 values, not 5", "batch_id": "3",
    "modified_at": "2026-03-01T12:00:00.000000Z", "seen_at": "2026-03-01T12:00:07.000000Z",
}))]
pub(super) struct File {
    /// The file's number in the ledger.
    id: String,
    /// The file's path in its store.
    path: String,
    /// The store's name for this version of the file.
    etag: String,
    /// The size of the file.
    bytes: i64,
    /// The table of the file's rows.
    table: String,
    /// The file's outcome.
    state: FileState,
    /// The number of rows; 0 if the file was not read.
    rows: i64,
    /// How many of the rows are rejects now; `null` while Trino does not answer.
    rejects: Option<i64>,
    /// Why the file was not read, with the line.
    detail: Option<String>,
    /// The batch that read or refused the file.
    batch_id: String,
    /// When the file was written last.
    #[serde(serialize_with = "crate::time::exact")]
    modified_at: Timestamp,
    /// When the batch looked at the file.
    #[serde(serialize_with = "crate::time::exact")]
    seen_at: Timestamp,
}

/// List the files of a source, read and refused, newest first.
#[utoipa::path(
    get, path = "/v1/sources/{source}/files", tag = "sources",
    params(SourcePath, FilesQuery, Paging),
    responses((status = OK, description = "A page of the ledger; empty for a source that is a server", body = FilePage), Problem),
)]
pub(super) async fn list_files(
    Granted(app): Granted,
    Path(SourcePath { source }): Path<SourcePath>,
    Query(query): Query<FilesQuery>,
    paging: Paging,
) -> Result<Json<FilePage>> {
    let definition = app.pipelines.get(&source)?;
    let table = match &query.table {
        None => None,
        Some(name) => {
            let found = app.pipelines.table(name);
            let owner = found
                .map_err(|error| error.at_field("table".into()))?
                .definition;
            if owner.name != definition.name {
                return Err(
                    Error::not_found("table of that source", name, []).at_field("table".into())
                );
            }
            name.strip_prefix(&format!("{source}."))
        }
    };
    let which = FileQuery {
        states: any(query.state),
        table,
        batch: query.batch_id.as_deref().map(number_of_id),
        before: paging.after()?,
        limit: paging.asked_rows(),
    };
    let files = app.store.files(&definition.name, &which).await?;
    let page = paging.page(files, |last| last.id)?;
    let rejects = report::rejects_by_file(&app, definition, page.rows())
        .await
        .ok();

    Ok(Json(page.map(|file| {
        view(&definition.name, rejects.as_ref(), file)
    })))
}

fn view(
    pipeline: &str,
    rejects: Option<&HashMap<BatchFile, i64>>,
    LedgerFile {
        id,
        batch,
        seen_at,
        file,
    }: LedgerFile,
) -> File {
    let batch_file = BatchFile {
        path: file.path,
        batch,
    };
    let rejects = rejects.map(|rejects| rejects.get(&batch_file).copied().unwrap_or(0));

    File {
        id: id.to_string(),
        rejects,
        path: batch_file.path,
        etag: file.etag,
        bytes: file.size,
        table: format!("{pipeline}.{}", file.table),
        state: file.state,
        rows: file.rows,
        detail: file.reason,
        batch_id: batch.to_string(),
        modified_at: file.modified_at,
        seen_at,
    }
}
