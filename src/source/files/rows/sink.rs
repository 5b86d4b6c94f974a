//! Where the parsers put the columns and the rows that they find.

use std::io;
use std::ops::ControlFlow;

use super::columns::FileColumns;
use super::row::FileRow;
use super::rules::RowRules;
use crate::source::files::file_limits::FileLimits;

/// Takes the columns and rows of one file.
pub(super) struct RowSink<'a> {
    pub(super) rules: &'a RowRules,
    pub(super) limits: &'a FileLimits,
    pub(super) columns: &'a mut FileColumns,
    /// Takes a row; a break ends the reading.
    pub(super) take: &'a mut dyn FnMut(FileRow) -> ControlFlow<()>,
}

impl RowSink<'_> {
    /// Takes the row that `data`, a JSON object, is. `value` gives the text of a column; `None` is null. Fails if the row is larger
    /// than the limit.
    pub(super) fn push<'v>(
        &mut self,
        data: String,
        value: impl Fn(&str) -> Option<&'v str>,
    ) -> io::Result<ControlFlow<()>> {
        self.limits.check_row(data.len() as u64)?;

        Ok((self.take)(self.rules.row(data, value)))
    }
}
