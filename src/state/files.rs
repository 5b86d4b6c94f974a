//! The ledger of files: what was read of a folder, and what could not be.

use std::collections::{HashMap, HashSet};

use deadpool_postgres::Transaction;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Store, fault, statement};
use crate::error::Result;
use crate::pipeline::TableId;

/// A file that was looked at.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Where it is, below its store.
    pub path: String,
    /// What its store calls this version of it.
    pub etag: String,
    /// Its size in bytes.
    pub size: i64,
    /// The table that it belongs to.
    pub table: String,
    /// When it was written.
    pub modified_at: Timestamp,
    /// What became of it.
    pub state: FileState,
    /// The rows that it has; 0 where it was not read.
    pub rows: i64,
    /// Why it was not read.
    pub reason: Option<String>,
    /// The definition that it was read by, as a short text.
    pub read_by: String,
}

/// A file as a listing has it.
#[derive(Debug, Clone, Copy)]
pub struct ListedFile<'a> {
    /// Where it is, below its store.
    pub path: &'a str,
    /// What its store calls this version of it.
    pub etag: &'a str,
    /// Its size in bytes.
    pub size: i64,
}

/// What the ledger knows of a listed file.
#[derive(Debug, Clone)]
pub struct KnownFile {
    /// What became of it when it was seen last.
    pub state: FileState,
    /// Whether it is that file still.
    pub is_same: bool,
    /// The definition that it was read by.
    pub read_by: String,
    /// Whether it, or another in its place before, has landed.
    pub has_landed: bool,
}

/// What became of a file.
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

/// A file of the ledger.
#[derive(Debug, Clone)]
pub struct LedgerFile {
    /// Its number in the ledger, which rises.
    pub id: i64,
    /// The batch that it was looked at for.
    pub batch: i64,
    /// When that was.
    pub seen_at: Timestamp,
    /// The file.
    pub file: SourceFile,
}

impl FileState {
    fn name(self) -> &'static str {
        match self {
            Self::Landed => "landed",
            Self::Unreadable => "unreadable",
            Self::Changed => "changed",
        }
    }

    fn of(name: &str) -> Self {
        match name {
            "landed" => Self::Landed,
            "changed" => Self::Changed,
            _ => Self::Unreadable,
        }
    }
}

impl Store {
    /// What the ledger knows of listed files, by their paths.
    pub async fn known_files(
        &self,
        pipeline: &str,
        files: &[ListedFile<'_>],
    ) -> Result<HashMap<String, KnownFile>> {
        let (paths, etags, sizes) = columns(files);
        let rows = self
            .client()
            .await?
            .query(
                statement!("state/known_files.sql"),
                &[&pipeline, &paths, &etags, &sizes],
            )
            .await
            .map_err(fault)?;

        Ok(rows
            .iter()
            .map(|row| {
                let known = KnownFile {
                    state: FileState::of(row.get(1)),
                    is_same: row.get(2),
                    read_by: row.get(3),
                    has_landed: row.get(4),
                };
                (row.get(0), known)
            })
            .collect())
    }

    /// The paths of those of listed files that have landed as they are.
    pub async fn landed_files(
        &self,
        pipeline: &str,
        files: &[ListedFile<'_>],
    ) -> Result<HashSet<String>> {
        let (paths, etags, sizes) = columns(files);
        let rows = self
            .client()
            .await?
            .query(
                statement!("state/landed_files.sql"),
                &[&pipeline, &paths, &etags, &sizes],
            )
            .await
            .map_err(fault)?;

        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// The paths of files that could not be read, whatever stands there now.
    pub(crate) async fn unread_files(&self, pipeline: &str) -> Result<HashSet<String>> {
        let rows = self
            .client()
            .await?
            .query(statement!("state/unread_files.sql"), &[&pipeline])
            .await
            .map_err(fault)?;

        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Forgets that files could not be read, which are gone.
    pub(crate) async fn forget_files(&self, pipeline: &str, gone: &HashSet<String>) -> Result<()> {
        let paths: Vec<&String> = gone.iter().collect();
        self.client()
            .await?
            .execute(statement!("state/forget_files.sql"), &[&pipeline, &paths])
            .await
            .map_err(fault)?;

        Ok(())
    }

    /// A table's files that are not read and hold it back: how many, and where the oldest are; and whether it ever had a file.
    pub(crate) async fn holding_files(
        &self,
        TableId { pipeline, name }: &TableId,
    ) -> Result<(i64, Vec<String>, bool)> {
        let row = self
            .client()
            .await?
            .query_one(statement!("state/holding_files.sql"), &[&pipeline, &name])
            .await
            .map_err(fault)?;

        Ok((row.get(0), row.get(1), row.get(2)))
    }

    /// Lists the ledger's files, the newest first: of a state, of a table, before a number.
    pub async fn files(
        &self,
        pipeline: &str,
        (state, table): (Option<FileState>, Option<&str>),
        before: Option<i64>,
        limit: i64,
    ) -> Result<Vec<LedgerFile>> {
        let state = state.map(FileState::name);
        let rows = self
            .client()
            .await?
            .query(
                statement!("state/list_files.sql"),
                &[&pipeline, &state, &table, &before, &limit],
            )
            .await
            .map_err(fault)?;

        Ok(rows
            .iter()
            .map(|row| LedgerFile {
                id: row.get(0),
                batch: row.get(5),
                seen_at: row.get(10),
                file: SourceFile {
                    path: row.get(1),
                    etag: row.get(2),
                    size: row.get(3),
                    table: row.get(4),
                    modified_at: row.get(9),
                    state: FileState::of(row.get(6)),
                    rows: row.get(7),
                    reason: row.get(8),
                    read_by: row.get(11),
                },
            })
            .collect())
    }
}

/// Notes what became of a batch's files.
pub(super) async fn record(
    transaction: &Transaction<'_>,
    (pipeline, batch): (&str, i64),
    files: &[SourceFile],
) -> Result<()> {
    if files.is_empty() {
        return Ok(());
    }
    let texts = |text: fn(&SourceFile) -> &str| files.iter().map(text).collect::<Vec<_>>();
    let sizes: Vec<i64> = files.iter().map(|file| file.size).collect();
    let rows: Vec<i64> = files.iter().map(|file| file.rows).collect();
    let reasons: Vec<Option<&str>> = files.iter().map(|file| file.reason.as_deref()).collect();
    let times: Vec<Timestamp> = files.iter().map(|file| file.modified_at).collect();
    transaction
        .execute(
            statement!("state/record_files.sql"),
            &[
                &pipeline,
                &batch,
                &texts(|file| &file.path),
                &texts(|file| &file.etag),
                &sizes,
                &texts(|file| &file.table),
                &texts(|file| file.state.name()),
                &rows,
                &reasons,
                &times,
                &texts(|file| &file.read_by),
            ],
        )
        .await
        .map_err(fault)?;

    Ok(())
}

fn columns<'a>(files: &[ListedFile<'a>]) -> (Vec<&'a str>, Vec<&'a str>, Vec<i64>) {
    (
        files.iter().map(|file| file.path).collect(),
        files.iter().map(|file| file.etag).collect(),
        files.iter().map(|file| file.size).collect(),
    )
}
