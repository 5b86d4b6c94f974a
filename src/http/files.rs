//! `/v1/sources/{source}/files`: the ledger of files.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::page::Page;
use super::read::{Path, Query, limited};
use super::sources::SourcePath;
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::report::{self, BatchFile};
use crate::state::{FileQuery, FileState, LedgerFile};

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct FilesQuery {
    /// Only files in this state.
    #[param(example = "unreadable", required = false)]
    state: Option<FileState>,
    /// Only files of this table, such as `drops.orders`.
    #[param(example = "drops.orders", required = false)]
    table: Option<String>,
    /// The `next` of the page before.
    #[param(example = "17", pattern = "^[0-9]{1,18}$", required = false)]
    before: Option<String>,
    /// The most files of a page.
    #[param(example = 100, minimum = 1, maximum = 1000, required = false)]
    limit: Option<i64>,
}

/// A page of the ledger.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FilePage {
    /// Newest first.
    files: Vec<File>,
    /// The `before` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A file in the ledger.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "17", "path": "data/drops/orders/0017.csv.gz", "etag": "1c4f-62f0a9-2d1", "size": 721, "table": "drops.orders", "state": "unreadable",
    "rows": 0, "rejects": 0, "reason": "line 17 has 4 values, not 5", "batch": 3,
    "modified_at": "2026-03-01T12:00:00Z", "seen_at": "2026-03-01T12:00:07Z",
}))]
pub(super) struct File {
    /// The file's number in the ledger.
    id: String,
    /// The file's path in its store.
    path: String,
    /// The store's name for this version of the file.
    etag: String,
    /// In bytes.
    size: i64,
    /// The table of the file's rows.
    table: String,
    /// The file's outcome.
    state: FileState,
    /// The number of rows; 0 if the file was not read.
    rows: i64,
    /// How many of the rows are rejects now; absent while Trino does not answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    rejects: Option<i64>,
    /// Why the file was not read, with the line.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The batch that read or refused the file.
    batch: i64,
    /// When the file was written last.
    modified_at: Timestamp,
    /// When the batch looked at the file.
    seen_at: Timestamp,
}

/// List the files of a source, read and refused.
#[utoipa::path(
    get, path = "/v1/sources/{source}/files", tag = "sources",
    params(SourcePath, FilesQuery),
    responses((status = OK, description = "A page of the ledger; empty for a source that is a server", body = FilePage), Problem),
)]
pub(super) async fn list_files(
    State(app): State<App>,
    Path(SourcePath { source }): Path<SourcePath>,
    Query(query): Query<FilesQuery>,
) -> Result<Json<FilePage>> {
    let limit = limited(query.limit, 100, 1_000)?;
    let definition = app.pipelines.get(&source)?;
    let table = match &query.table {
        None => None,
        Some(name) => {
            let owner = app.pipelines.table(name)?.definition;
            if owner.name != definition.name {
                return Err(
                    Error::not_found("table of that source", name, []).at_field("table".into())
                );
            }
            name.strip_prefix(&format!("{source}."))
        }
    };
    let before = match &query.before {
        None => None,
        Some(before) => Some(before.parse().map_err(|_| Error::Invalid {
            field: "before".into(),
            detail: format!(
                "`{before}` is not a number of the ledger; use the `next` of the page before"
            ),
        })?),
    };
    let which = FileQuery {
        state: query.state,
        table,
        before,
        limit: limit + 1,
    };
    let page = Page::of(
        app.store.files(&definition.name, &which).await?,
        usize::try_from(limit).map_err(Error::internal)?,
    );
    let rejects = report::rejects_by_file(&app, definition, &page.rows)
        .await
        .ok();

    Ok(Json(FilePage {
        next: page.next(|last| last.id.to_string()),
        files: page
            .rows
            .into_iter()
            .map(|file| view(&definition.name, rejects.as_ref(), file))
            .collect(),
    }))
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
        size: file.size,
        table: format!("{pipeline}.{}", file.table),
        state: file.state,
        rows: file.rows,
        reason: file.reason,
        batch,
        modified_at: file.modified_at,
        seen_at,
    }
}
