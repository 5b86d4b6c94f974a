//! The column by which a table that is read itself tells its changes: what it may be, and how far its values can be trusted.

use std::time::Duration;

use super::polled_table::PolledTable;
use crate::error::{Error, Result};

/// A transaction is listed a moment after it took its time, and clocks are set back a little.
const LISTED_LATE: Duration = Duration::from_secs(10);

impl PolledTable<'_> {
    /// Refuses a cursor of which nobody could say that it rises.
    pub(super) fn check_rises(&self) -> Result<()> {
        let kind = self.catalogue.columns.get(self.cursor);
        let kind = kind.map_or("", String::as_str);
        if self.is_time()
            || matches!(
                kind,
                "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision"
            )
        {
            return Ok(());
        }

        Err(Error::SourceUnreadable {
            detail: format!(
                "`{}` of `{}` is of type {kind}; `tables.{}.cursor` names a column of times, or of numbers that rise with every change of a row",
                self.cursor, self.table.from, self.name
            ),
        })
    }

    /// Whether the cursor is a time, not a number.
    pub(super) fn is_time(&self) -> bool {
        let kind = self
            .catalogue
            .columns
            .get(self.cursor)
            .map_or("", String::as_str);

        kind.starts_with("timestamp") || kind == "date"
    }

    /// How far below the bound a value may be that is written after it, by the column's type: another place's hours, where no zone says which;
    /// midnight. Rows are told by their transactions besides, so that more than is needed only costs a look.
    pub(super) fn slack(&self) -> Duration {
        let kind = self.catalogue.columns.get(self.cursor);
        match kind.map(String::as_str) {
            Some("timestamp with time zone") => LISTED_LATE,
            Some("date") => Duration::from_hours(48),
            _ => Duration::from_hours(24),
        }
    }
}
