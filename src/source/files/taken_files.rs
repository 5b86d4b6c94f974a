//! The files that one reading takes. The others wait for the next reading.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::dropped_file::DroppedFile;

/// The most files of one reading, and the most bytes.
const MOST_FILES: usize = 20_000;
const MOST_BYTES: u64 = 8 << 30;

/// The files that one reading takes, the oldest first.
#[derive(Default)]
pub(super) struct TakenFiles {
    pub(super) files: BTreeSet<DroppedFile>,
    bytes: u64,
    /// Whether more files wait than one reading may take.
    pub(super) is_cut: bool,
    /// The time of the oldest file that is not taken.
    pub(super) waiting: Option<Timestamp>,
}

impl TakenFiles {
    /// Adds a file. If there are too many, the newest ones wait.
    pub(super) fn take(&mut self, file: DroppedFile) {
        let size = file.size;
        // A file may be listed twice: in its turn, and because its name is new.
        if self.files.insert(file) {
            self.bytes += size;
        }
        while self.files.len() > 1
            && (self.files.len() > MOST_FILES || self.bytes > MOST_BYTES)
            && let Some(newest) = self.files.pop_last()
        {
            self.bytes -= newest.size;
            self.is_cut = true;
            self.note_waiting(newest.modified_at);
        }
    }

    /// Notes that a file of this time waits.
    pub(super) fn note_waiting(&mut self, time: Timestamp) {
        self.waiting = Some(self.waiting.map_or(time, |waiting| waiting.min(time)));
    }
}
