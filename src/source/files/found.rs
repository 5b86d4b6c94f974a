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
    /// Why it is not to be read, and what that makes of it.
    pub(super) refused: Option<(FileState, String)>,
    /// Whether we were not allowed to read it before, which the ledger has.
    pub(super) was_forbidden: bool,
}
