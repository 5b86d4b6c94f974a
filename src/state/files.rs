//! The ledger of files: which files of a drop folder were read, and which could not be.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Store;
use super::queries::{Queries, Transaction};
use super::rows::{from_row, text_column};
use super::sql::sql;
use crate::error::Result;
use crate::pipeline::TableId;

/// A file that was read, or could not be.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Its path in the object store.
    pub path: String,
    /// The store's name of this version of it.
    pub etag: String,
    /// In bytes.
    pub size: i64,
    /// The table that it belongs to.
    pub table: String,
    pub modified_at: Timestamp,
    pub state: FileState,
    /// Its rows; 0 if it was not read.
    pub rows: i64,
    /// Why it was not read.
    pub reason: Option<String>,
    /// A short text that identifies the table's definition at that time. A changed definition retries unreadable files.
    pub definition_fingerprint: String,
}

from_row!(SourceFile {
    path,
    etag,
    size,
    table,
    modified_at,
    state,
    rows,
    reason,
    definition_fingerprint,
});

/// A file in a listing of the folder.
#[derive(Debug, Clone, Copy)]
pub struct ListedFile<'a> {
    /// Its path in the object store.
    pub path: &'a str,
    /// The store's name of this version of it.
    pub etag: &'a str,
    /// In bytes.
    pub size: i64,
}

/// What the ledger knows of a listed file.
#[derive(Debug, Clone)]
pub struct KnownFile {
    /// Its last state.
    pub state: FileState,
    /// Whether etag and size are still the same.
    pub is_same: bool,
    /// The definition that it was read by.
    pub definition_fingerprint: String,
    /// Whether any version of it has landed.
    pub has_landed: bool,
}

from_row!(KnownFile {
    state,
    is_same,
    definition_fingerprint,
    has_landed
});

struct FileAtPath {
    path: String,
    file: KnownFile,
}

from_row!(FileAtPath { path, file: row });

/// The state of a file in the ledger.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FileState {
    /// All its rows have landed.
    Landed,
    /// It cannot be read; none of its rows landed. Another file in its place is read.
    Unreadable,
    /// It was read before and is another now, which `source.changed: reject` refuses.
    Changed,
}

text_column!(FileState {
    Landed = "landed",
    Unreadable = "unreadable",
    Changed = "changed",
});

/// A file of the ledger.
#[derive(Debug, Clone)]
pub struct LedgerFile {
    /// Its number in the ledger, which rises.
    pub id: i64,
    /// The batch that it was read for.
    pub batch: i64,
    pub seen_at: Timestamp,
    pub file: SourceFile,
}

from_row!(LedgerFile {
    id,
    batch,
    seen_at,
    file: row
});

/// Which files of the ledger to list.
#[derive(Debug, Default)]
pub struct FileQuery<'a> {
    pub states: Option<Vec<FileState>>,
    pub table: Option<&'a str>,
    pub batch: Option<i64>,
    /// Only files older than this one.
    pub before: Option<i64>,
    pub limit: i64,
}

/// Which paths of unread files to list.
#[derive(Debug)]
pub(crate) struct UnreadPaths<'a> {
    pub(crate) after: Option<&'a str>,
    pub(crate) upto: Option<&'a str>,
    pub(crate) most: i64,
}

/// Unread files of a table: they hold its freshness back.
#[derive(Debug)]
pub struct HoldingFiles {
    pub count: i64,
    /// The paths of the oldest, at most three.
    pub oldest: Vec<String>,
    /// Whether the table ever had a file, read or not.
    pub has_files: bool,
}

from_row!(HoldingFiles {
    count,
    oldest,
    has_files
});

struct FilesOfTable {
    pipeline: String,
    name: String,
    files: HoldingFiles,
}

from_row!(FilesOfTable {
    pipeline,
    name,
    files: row
});

impl Store {
    /// What the ledger knows of listed files, by their paths.
    pub async fn known_files(
        &self,
        pipeline: &str,
        files: &[ListedFile<'_>],
    ) -> Result<HashMap<String, KnownFile>> {
        let listed = ListedColumns::of(files);
        let known: Vec<FileAtPath> = self
            .rows(
                sql!(files::known_files),
                &[&pipeline, &listed.paths, &listed.etags, &listed.sizes],
            )
            .await?;

        Ok(known
            .into_iter()
            .map(|known| (known.path, known.file))
            .collect())
    }

    /// The paths of those listed files that have landed as they are.
    pub async fn landed_files(
        &self,
        pipeline: &str,
        files: &[ListedFile<'_>],
    ) -> Result<HashSet<String>> {
        let listed = ListedColumns::of(files);

        self.values(
            sql!(files::landed_files),
            &[&pipeline, &listed.paths, &listed.etags, &listed.sizes],
        )
        .await
    }

    /// The paths of files that could not be read, even if another file has that path now: those after one path and up to
    /// another, in their order, at most `most`.
    pub(crate) async fn unread_files(
        &self,
        pipeline: &str,
        UnreadPaths { after, upto, most }: UnreadPaths<'_>,
    ) -> Result<HashSet<String>> {
        self.values(
            sql!(files::unread_files),
            &[&pipeline, &after, &upto, &most],
        )
        .await
    }

    /// Removes unread files from the ledger that are gone from the folder.
    pub(crate) async fn forget_files(&self, pipeline: &str, gone: &HashSet<String>) -> Result<()> {
        let paths: Vec<&String> = gone.iter().collect();
        self.execute(sql!(files::forget_files), &[&pipeline, &paths])
            .await?;

        Ok(())
    }

    /// The unread files of some tables.
    pub(crate) async fn holding_files(
        &self,
        tables: &[&TableId],
    ) -> Result<HashMap<TableId, HoldingFiles>> {
        let (pipelines, names) = TableId::columns(tables);
        let rows: Vec<FilesOfTable> = self
            .rows(sql!(files::holding_files), &[&pipelines, &names])
            .await?;

        Ok(rows
            .into_iter()
            .map(|row| (TableId::new(&row.pipeline, &row.name), row.files))
            .collect())
    }

    /// Lists the ledger's files, newest first.
    pub async fn files(&self, pipeline: &str, which: &FileQuery<'_>) -> Result<Vec<LedgerFile>> {
        let FileQuery {
            states,
            table,
            batch,
            before,
            limit,
        } = which;

        self.rows(
            sql!(files::list_files),
            &[&pipeline, states, table, before, limit, batch],
        )
        .await
    }
}

impl SourceFile {
    /// Notes the files of a batch.
    pub(super) async fn record(
        files: &[Self],
        transaction: &Transaction<'_>,
        pipeline: &str,
        batch: i64,
    ) -> Result<()> {
        if files.is_empty() {
            return Ok(());
        }
        let texts = |text: fn(&Self) -> &str| files.iter().map(text).collect::<Vec<_>>();
        let states: Vec<FileState> = files.iter().map(|file| file.state).collect();
        let sizes: Vec<i64> = files.iter().map(|file| file.size).collect();
        let rows: Vec<i64> = files.iter().map(|file| file.rows).collect();
        let reasons: Vec<Option<&str>> = files.iter().map(|file| file.reason.as_deref()).collect();
        let times: Vec<Timestamp> = files.iter().map(|file| file.modified_at).collect();
        transaction
            .execute(
                sql!(files::record_files),
                &[
                    &pipeline,
                    &batch,
                    &texts(|file| &file.path),
                    &texts(|file| &file.etag),
                    &sizes,
                    &texts(|file| &file.table),
                    &states,
                    &rows,
                    &reasons,
                    &times,
                    &texts(|file| &file.definition_fingerprint),
                ],
            )
            .await?;

        Ok(())
    }
}

/// Listed files as the arrays that a statement takes.
struct ListedColumns<'a> {
    paths: Vec<&'a str>,
    etags: Vec<&'a str>,
    sizes: Vec<i64>,
}

impl<'a> ListedColumns<'a> {
    fn of(files: &[ListedFile<'a>]) -> Self {
        Self {
            paths: files.iter().map(|file| file.path).collect(),
            etags: files.iter().map(|file| file.etag).collect(),
            sizes: files.iter().map(|file| file.size).collect(),
        }
    }
}
