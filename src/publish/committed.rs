//! What a statement committed to a table, by its snapshot and Trino's answer.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::sql::TableName;
use crate::state::StatementEnd;
use crate::trino::Outcome;

/// What a statement committed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Committed {
    /// The statement's number in the state database; `None` if its end is recorded already.
    pub statement: Option<i64>,
    /// The snapshot that it made; `None` if nothing was to change.
    pub snapshot: Option<String>,
    pub parent: Option<String>,
    /// Whether it made all rows of the table.
    pub(super) is_whole: bool,
    /// Rows acted on, as Trino answered; unknown if the answer was lost.
    pub rows: Option<i64>,
    pub added: i64,
    /// Rows hidden by delete files.
    pub hidden: i64,
    /// Rows that the table had before, including deleted ones.
    pub rows_before: i64,
    pub progress: Option<Value>,
    /// The most memory that it held, in bytes.
    pub peak_memory: u64,
    /// How long it took, by Trino's clock.
    pub elapsed: Duration,
    /// The table's files after it.
    pub files: Files,
    /// Whether rows may have changed, and were not only written to other files.
    pub(super) has_changed: bool,
}

/// The files of a table: data files and delete files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Files {
    pub count: i64,
    pub bytes: i64,
}

/// The context of `marts/committed.sql`.
#[derive(Serialize)]
pub(super) struct CommittedContext<'a> {
    pub(super) snapshots: TableName,
    /// `None` for the last commit.
    pub(super) query_id: Option<&'a str>,
}

/// A row of `marts/committed.sql`.
#[derive(Deserialize)]
pub(super) struct CommittedRow {
    snapshot: String,
    parent: Option<String>,
    is_whole: bool,
    added: i64,
    hidden: i64,
    rows_before: i64,
    file_count: i64,
    file_bytes: i64,
    operation: String,
}

impl From<CommittedRow> for Committed {
    fn from(row: CommittedRow) -> Self {
        Self {
            snapshot: Some(row.snapshot),
            parent: row.parent,
            is_whole: row.is_whole,
            added: row.added,
            hidden: row.hidden,
            rows_before: row.rows_before,
            files: Files {
                count: row.file_count,
                bytes: row.file_bytes,
            },
            // Iceberg's name for a commit that only wrote the same rows to other files.
            has_changed: row.operation != "replace",
            ..Self::default()
        }
    }
}

impl Committed {
    /// Adds what Trino answered to the statement.
    pub(super) fn answered(mut self, statement: i64, outcome: &Outcome) -> Self {
        self.statement = Some(statement);
        self.rows = outcome.update_count.and_then(|n| i64::try_from(n).ok());
        self.elapsed = Duration::from_millis(outcome.progress.elapsed_ms);
        self.peak_memory = outcome.progress.peak_memory_bytes;
        self.progress = serde_json::to_value(&outcome.progress).ok();
        self
    }

    /// The last commit to a table that took the place of an empty one, as the commit of all its rows.
    #[must_use]
    pub fn of_whole_table(self, rows: i64) -> Self {
        Self {
            rows: Some(rows),
            added: rows,
            hidden: 0,
            rows_before: 0,
            parent: None,
            ..self
        }
    }

    /// The end of the statement, as it is recorded.
    #[must_use]
    pub fn end(&self) -> StatementEnd {
        StatementEnd {
            update_count: self.rows,
            snapshot_before: self.parent.clone(),
            snapshot_after: self.snapshot.clone(),
            progress: self.progress.clone(),
        }
    }
}

/// A table before and after some statements, as statements name it: `for version as of {{ parent }}`.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Snapshots {
    pub parent: i64,
    pub snapshot: i64,
}

impl Snapshots {
    /// From before the first statement to after the last; `None` if none of them changed an existing table.
    pub fn around(statements: &[Committed]) -> Result<Option<Self>> {
        let parent = statements.iter().find_map(|made| made.parent.as_deref());
        let snapshot = statements
            .iter()
            .rev()
            .find_map(|made| made.snapshot.as_deref());
        let number = |id: &str| {
            id.parse()
                .map_err(|_| Error::internal(format!("`{id}` is no id of a snapshot")))
        };

        parent
            .zip(snapshot)
            .map(|(parent, snapshot)| {
                Ok(Self {
                    parent: number(parent)?,
                    snapshot: number(snapshot)?,
                })
            })
            .transpose()
    }
}
