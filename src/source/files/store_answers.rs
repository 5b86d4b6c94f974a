//! How the store answered during a reading: a store that is away ends the reading early.

use crate::error::{Error, Result};

/// After this many files in a row without an answer, the store is away.
const MOST_SILENT: usize = 8;

/// How the store answered during a reading.
#[derive(Default)]
pub(super) struct StoreAnswers {
    first_fault: Option<Error>,
    is_any_read: bool,
    /// How many files in a row got no answer.
    silent: usize,
}

impl StoreAnswers {
    /// Notes that the store gave a file, readable or not.
    pub(super) fn note_answer(&mut self) {
        self.is_any_read = true;
        self.silent = 0;
    }

    pub(super) fn note_fault(&mut self, error: Error, is_silent: bool) {
        self.first_fault.get_or_insert(error);
        self.silent = if is_silent { self.silent + 1 } else { 0 };
    }

    /// Whether each further file would wait as long for an answer.
    pub(super) fn is_away(&self) -> bool {
        self.silent == MOST_SILENT
    }

    /// The first fault of the store, unless a file was read.
    pub(super) fn into_result(self) -> Result<()> {
        match self.first_fault {
            Some(error) if !self.is_any_read => Err(error),
            _ => Ok(()),
        }
    }
}
