//! `/v1/sources/{source}/files`: the ledger of files.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::read::{Path, Query, limited};
use super::sources::SourcePath;
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::report;
use crate::state::{FileQuery, FileState, LedgerFile};

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct FilesQuery {
    /// Only files of which this became.
    #[param(example = "unreadable", required = false)]
    state: Option<FileState>,
    /// Only files of this table, such as `drops.orders`.
    #[param(example = "drops.orders", required = false)]
    table: Option<String>,
    /// Only after this one: the `next` of the page before.
    #[param(example = "17", pattern = "^[0-9]{1,18}$", required = false)]
    before: Option<String>,
    /// At most so many.
    #[param(example = 100, minimum = 1, maximum = 1000, required = false)]
    limit: Option<i64>,
}

/// A page of the ledger.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FilePage {
    /// Newest first.
    files: Vec<File>,
    /// What to give as `before` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A file that was looked at.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "17", "path": "data/drops/orders/0017.csv.gz", "etag": "1c4f-62f0a9-2d1", "size": 721, "table": "drops.orders", "state": "unreadable",
    "rows": 0, "rejects": 0, "reason": "line 17 has 4 values, not 5", "batch": 3,
    "modified_at": "2026-03-01T12:00:00Z", "seen_at": "2026-03-01T12:00:07Z",
}))]
pub(super) struct File {
    /// Its number in the ledger.
    id: String,
    /// Where it is in its store.
    path: String,
    /// What the store calls this version of it.
    etag: String,
    /// Its size in bytes.
    size: i64,
    /// The table that its rows belong to.
    table: String,
    /// What became of it.
    state: FileState,
    /// The rows that it has; 0 where it was not read.
    rows: i64,
    /// Those of its rows that are rejects now; absent where Trino cannot be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    rejects: Option<i64>,
    /// Why it was not read, and in which line.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The batch that it was looked at for.
    batch: i64,
    /// When it was written.
    modified_at: Timestamp,
    /// When it was looked at.
    seen_at: Timestamp,
}

/// List the files of a source: what was read, and what could not be.
#[utoipa::path(
    get, path = "/v1/sources/{source}/files", tag = "sources",
    params(SourcePath, FilesQuery),
    responses((status = OK, description = "A page of the ledger; none where the source is a server", body = FilePage), Problem),
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
            let (owner, _) = app.pipelines.table(name)?;
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
                "`{before}` is no number of the ledger; give the `next` of the page before"
            ),
        })?),
    };
    let which = FileQuery {
        state: query.state,
        table,
        before,
        limit: limit + 1,
    };
    let mut files = app.store.files(&definition.name, &which).await?;
    let more = i64::try_from(files.len()).is_ok_and(|count| count > limit);
    files.truncate(usize::try_from(limit).map_err(Error::internal)?);
    let rejects = report::rejects_by_file(&app, definition, &files).await.ok();

    Ok(Json(FilePage {
        next: files
            .last()
            .filter(|_| more)
            .map(|last| last.id.to_string()),
        files: files
            .into_iter()
            .map(|file| view(&definition.name, rejects.as_ref(), file))
            .collect(),
    }))
}

fn view(
    pipeline: &str,
    rejects: Option<&HashMap<(String, i64), i64>>,
    LedgerFile {
        id,
        batch,
        seen_at,
        file,
    }: LedgerFile,
) -> File {
    let of_file = (file.path, batch);
    let rejects = rejects.map(|rejects| rejects.get(&of_file).copied().unwrap_or(0));

    File {
        id: id.to_string(),
        rejects,
        path: of_file.0,
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
