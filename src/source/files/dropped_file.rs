//! A dropped file, as the listing of the folder has it.

use jiff::Timestamp;
use object_store::ObjectMeta;

use crate::state::{FileState, ListedFile, SourceFile};

/// A dropped file that a table names. Older files come first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DroppedFile {
    pub(super) modified_at: Timestamp,
    pub(super) path: String,
    pub(super) etag: String,
    /// Whether the store gave the etag. Otherwise the file's time stands for it.
    pub(super) has_etag: bool,
    pub(super) size: u64,
    pub(super) table: String,
    /// Why the file must not be read.
    pub(super) refusal: Option<Refusal>,
    /// Whether the ledger says that access to the file was denied before.
    pub(super) was_forbidden: bool,
}

/// Why a file must not be read, and the state that it gets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Refusal {
    pub(super) state: FileState,
    pub(super) reason: String,
}

impl DroppedFile {
    /// A listed file of a table; `None` if its time cannot be represented.
    pub(super) fn of(meta: &ObjectMeta, table: &str) -> Option<Self> {
        let modified_at =
            Timestamp::from_microsecond(meta.last_modified.timestamp_micros()).ok()?;

        Some(Self {
            modified_at,
            path: meta.location.to_string(),
            etag: meta
                .e_tag
                .clone()
                .unwrap_or_else(|| modified_at.to_string()),
            has_etag: meta.e_tag.is_some(),
            size: meta.size,
            table: table.to_owned(),
            refusal: None,
            was_forbidden: false,
        })
    }

    /// What a look-up in the ledger asks for.
    pub(super) fn listed(&self) -> ListedFile<'_> {
        ListedFile {
            path: &self.path,
            etag: &self.etag,
            size: self.ledger_size(),
        }
    }

    /// The entry of the ledger for a file that landed with this number of rows.
    pub(super) fn landed(&self, rows: i64, definition_fingerprint: &str) -> SourceFile {
        SourceFile {
            rows,
            ..self.ledger_entry(FileState::Landed, definition_fingerprint)
        }
    }

    /// The entry of the ledger for a file of which no row landed.
    pub(super) fn not_landed(
        &self,
        state: FileState,
        reason: String,
        definition_fingerprint: &str,
    ) -> SourceFile {
        SourceFile {
            reason: Some(reason),
            ..self.ledger_entry(state, definition_fingerprint)
        }
    }

    fn ledger_entry(&self, state: FileState, definition_fingerprint: &str) -> SourceFile {
        SourceFile {
            path: self.path.clone(),
            etag: self.etag.clone(),
            size: self.ledger_size(),
            table: self.table.clone(),
            modified_at: self.modified_at,
            state,
            rows: 0,
            reason: None,
            definition_fingerprint: definition_fingerprint.to_owned(),
        }
    }

    fn ledger_size(&self) -> i64 {
        i64::try_from(self.size).unwrap_or(i64::MAX)
    }
}
