//! What a statement committed to a table, as its snapshot and Trino's answer tell it.

use serde_json::Value;

use crate::state::StatementEnd;
use crate::trino::Outcome;

/// What a statement committed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Committed {
    /// The statement's number in the state database.
    pub statement: i64,
    /// The snapshot that it made; none where nothing was to change.
    pub snapshot: Option<String>,
    pub parent: Option<String>,
    /// Rows acted on, as Trino answered; unknown where the answer was lost.
    pub rows: Option<i64>,
    pub added: i64,
    /// Rows hidden by delete files.
    pub hidden: i64,
    /// Rows that the table had before, deleted ones among them.
    pub rows_before: i64,
    pub progress: Option<Value>,
    /// What the table's files are by then.
    pub files: Files,
    /// Whether rows may have changed, and were not only written to other files.
    pub(super) has_changed: bool,
}

/// The files of a table: data files and delete files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Files {
    pub count: i64,
    /// Their size in bytes.
    pub bytes: i64,
}

impl Committed {
    /// Adds what Trino answered to the statement.
    pub(super) fn answered(mut self, statement: i64, outcome: &Outcome) -> Self {
        self.statement = statement;
        self.rows = outcome.update_count.and_then(|n| i64::try_from(n).ok());
        self.progress = serde_json::to_value(&outcome.progress).ok();
        self
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
