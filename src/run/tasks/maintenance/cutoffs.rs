//! What the parts of one maintenance share: the times before which things are old.

use std::time::Duration;

use jiff::Timestamp;

use crate::run::attempt::Attempt;

pub(super) struct Maintenance<'a> {
    pub(super) attempt: &'a Attempt<'a>,
    /// Whether it only counts.
    pub(super) dry_run: bool,
    /// When it began, by the state database.
    pub(super) now: Timestamp,
}

impl Maintenance<'_> {
    /// The time before which everything is old that is kept for so long.
    pub(super) fn before(&self, kept: Duration) -> Timestamp {
        self.now.checked_sub(kept).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}
