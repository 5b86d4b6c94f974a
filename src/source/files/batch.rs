//! The waiting files that one batch takes.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::found::FoundFile;

/// The most files of one batch, and the most bytes. Further files wait for the next batch.
const MOST_FILES: usize = 20_000;
const MOST_BYTES: u64 = 8 << 30;

/// The files of one batch, the oldest first, and the time of the oldest file that is not among them.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) files: BTreeSet<FoundFile>,
    bytes: u64,
    /// Whether more files wait than it takes.
    pub(super) is_cut: bool,
    pub(super) waiting: Option<Timestamp>,
}

impl Batch {
    pub(super) fn take(&mut self, file: FoundFile) {
        self.bytes += file.size;
        self.files.insert(file);
        while self.files.len() > 1
            && (self.files.len() > MOST_FILES || self.bytes > MOST_BYTES)
            && let Some(last) = self.files.pop_last()
        {
            self.bytes -= last.size;
            self.is_cut = true;
            self.wait(last.modified_at);
        }
    }

    pub(super) fn wait(&mut self, time: Timestamp) {
        self.waiting = Some(self.waiting.map_or(time, |waiting| waiting.min(time)));
    }
}
