//! A row of an answer, decoded by the names of its columns.

use tokio_postgres::Row;
use tokio_postgres::types::FromSql;

use crate::error::{Error, Result};

/// The value of a row's column.
///
/// # Errors
///
/// [`Error::Internal`] if the row has no such column, or a value of another type: null, too, unless `T` is an option.
pub(in crate::source) fn value<'r, T: FromSql<'r>>(row: &'r Row, column: &str) -> Result<T> {
    row.try_get(column).map_err(Error::internal)
}
