//! The cursor column of a polled table: what it may be, and how far its values can be trusted.

use std::time::Duration;

use super::catalogue::PolledCatalogue;
use crate::error::{Error, Result};
use crate::pipeline::Table;
use crate::source::postgres::missing_column;

/// Covers the moment between a transaction's `now()` and its entry in the list, and small steps back of the clock.
const LISTED_LATE: Duration = Duration::from_secs(10);

/// A column that rises with every change of a row.
pub(super) struct CursorColumn<'a> {
    pub(super) name: &'a str,
    data_type: String,
}

impl<'a> CursorColumn<'a> {
    /// The cursor column that the definition of a table names.
    ///
    /// # Errors
    ///
    /// [`Error::SourceUnreadable`] if the table does not have it, or if its type does not rise.
    pub(super) fn of(table: &'a Table, catalogue: &PolledCatalogue) -> Result<Self> {
        let name = table.cursor.as_deref().unwrap_or_default();
        let Some(data_type) = catalogue.columns.get(name) else {
            return Err(missing_column(
                &table.from,
                name,
                &format!("tables.{}.cursor", table.id.name),
                catalogue.columns.keys(),
            ));
        };
        let cursor = Self {
            name,
            data_type: data_type.clone(),
        };
        if can_be_cursor(&cursor.data_type) {
            return Ok(cursor);
        }

        Err(Error::SourceUnreadable {
            detail: format!(
                "`{name}` of `{}` is of type {data_type}; `tables.{}.cursor` must name a column of times, or of numbers that rise with every change of a row",
                table.from, table.id.name
            ),
        })
    }

    pub(super) fn is_time(&self) -> bool {
        is_time(&self.data_type)
    }

    pub(super) fn has_zone(&self) -> bool {
        self.data_type == "timestamp with time zone"
    }

    /// How far a value that is written later may be below the bound, by the column's type.
    ///
    /// A time without a zone may be another place's hours. A date means midnight. Too much slack only costs time,
    /// because the transactions of rows are checked, too.
    pub(super) fn slack(&self) -> Duration {
        match self.data_type.as_str() {
            "timestamp with time zone" => LISTED_LATE,
            "date" => Duration::from_hours(48),
            _ => Duration::from_hours(24),
        }
    }
}

/// Whether values of a Postgres type can rise with every change of a row: times and numbers.
#[must_use]
pub fn can_be_cursor(data_type: &str) -> bool {
    let is_number = matches!(
        data_type,
        "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision"
    );

    is_number || is_time(data_type) || (data_type.starts_with("numeric(") && !is_array(data_type))
}

/// Whether a Postgres type is one of times.
#[must_use]
pub fn is_time(data_type: &str) -> bool {
    (data_type.starts_with("timestamp") && !is_array(data_type)) || data_type == "date"
}

fn is_array(data_type: &str) -> bool {
    data_type.ends_with("[]")
}
