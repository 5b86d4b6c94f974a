//! The reader of one dropped file: opens it and gives its bytes to the parser of its format.

use std::io;
use std::ops::ControlFlow;

use super::columns::FileColumns;
use super::row::FileRow;
use super::rules::RowRules;
use super::sink::RowSink;
use super::text_file::TextFile;
use super::{csv, json, parquet};
use crate::pipeline::Format;
use crate::source::files::stored_file::StoredFile;

/// Reads one dropped file. Owns all it needs, so that a thread of its own can read.
pub(in crate::source::files) struct FileReader {
    pub(in crate::source::files) file: StoredFile,
    pub(in crate::source::files) format: Format,
    pub(in crate::source::files) rules: RowRules,
}

impl FileReader {
    /// Gives every row to `take` until it breaks, and notes the file's columns. Call it outside the runtime's threads.
    ///
    /// # Errors
    ///
    /// What cannot be read, and in which line or row. A fault of the store is kept in `file.fault`.
    pub(in crate::source::files) fn read(
        &self,
        columns: &mut FileColumns,
        take: &mut dyn FnMut(FileRow) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let mut rows = RowSink {
            rules: &self.rules,
            columns,
            take,
        };

        match self.format {
            Format::Csv => self.read_text(csv::read, &mut rows),
            Format::JsonLines => self.read_text(json::read_lines, &mut rows),
            Format::Json => self.read_text(json::read_array, &mut rows),
            Format::Parquet => self.read_parquet(&mut rows),
        }
    }

    /// An empty file of text has no rows.
    fn read_text(
        &self,
        parse: impl FnOnce(TextFile, &mut RowSink<'_>) -> io::Result<()>,
        rows: &mut RowSink<'_>,
    ) -> io::Result<()> {
        match TextFile::open(self.file.text()?)? {
            Some(text) => parse(text, rows),
            None => Ok(()),
        }
    }

    fn read_parquet(&self, rows: &mut RowSink<'_>) -> io::Result<()> {
        match self.file.unpacked()? {
            Some(unpacked) => parquet::read(unpacked, rows),
            None => parquet::read(self.file.clone(), rows),
        }
    }
}
