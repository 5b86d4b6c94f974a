//! The errors if a source server lacks a table or a column that the definition names.

use std::fmt::Display;

use crate::error::{Error, did_you_mean};

/// A connection has no such table, or its user may not see it. `remedy` says what to do.
pub(in crate::source) fn missing_table(
    connection: &str,
    table: impl Display,
    remedy: &str,
) -> Error {
    Error::SourceUnreadable {
        detail: format!(
            "connection `{connection}` has no table `{table}` that its user may see; {remedy}"
        ),
    }
}

/// A table has `columns`, but not the one that `setting` names.
pub(in crate::source) fn missing_column<'c>(
    table: impl Display,
    column: &str,
    setting: &str,
    columns: impl IntoIterator<Item = &'c String>,
) -> Error {
    let near = did_you_mean(column, columns.into_iter().map(String::as_str));

    Error::SourceUnreadable {
        detail: format!("table `{table}` has no column `{column}`, which `{setting}` names{near}"),
    }
}
