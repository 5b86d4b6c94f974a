//! A file of a drop folder, as it was listed.

use jiff::Timestamp;

use crate::state::FileState;

/// A file that is to be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FoundFile {
    pub(super) modified_at: Timestamp,
    pub(super) path: String,
    pub(super) etag: String,
    pub(super) has_etag: bool,
    pub(super) size: u64,
    pub(super) table: String,
    /// The state of a file that must not be read, and why.
    pub(super) refused: Option<(FileState, String)>,
    /// Whether the ledger says that access to the file was denied before.
    pub(super) was_forbidden: bool,
}
