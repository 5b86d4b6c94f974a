//! The outcome of a reading: an entry of the ledger for each file, and the columns of the files that landed.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::dropped_file::DroppedFile;
use super::rows::FileColumns;
use crate::pipeline::CatalogueColumn;
use crate::state::SourceFile;

/// The outcome of a reading.
#[derive(Default)]
pub(super) struct ReadingOutcome {
    /// The entries that the ledger gets.
    pub(super) files: Vec<SourceFile>,
    /// The time of the oldest file that was not read.
    pub(super) unread: Option<Timestamp>,
    /// Whether the store went away before all taken files were read.
    pub(super) is_interrupted: bool,
    /// The columns of the files that landed, by table.
    columns: BTreeMap<String, FileColumns>,
}

impl ReadingOutcome {
    /// Notes that a file was not read, so freshness ends before it.
    pub(super) fn note_unread(&mut self, file: &DroppedFile) {
        let time = file.modified_at;
        self.unread = Some(self.unread.map_or(time, |unread| unread.min(time)));
    }

    /// Notes the columns of a file that landed.
    pub(super) fn note_columns(&mut self, table: &str, columns: &FileColumns) {
        let known = self.columns.entry(table.to_owned()).or_default();
        for column in &columns.found {
            known.note(&column.name, &column.data_type);
        }
    }

    pub(super) fn columns_of(&self, table: &str) -> Vec<CatalogueColumn> {
        let columns = self.columns.get(table);

        columns.map_or_else(Vec::new, |columns| columns.found.clone())
    }
}
