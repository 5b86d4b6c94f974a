//! Rows that stand in a statement as a list.

use serde::Serialize;

use crate::error::Result;
use crate::sql::render;
use crate::state::ModelColumn;

/// The context of `models/given_rows.sql`.
#[derive(Debug, Serialize)]
pub(super) struct GivenRows<'a> {
    pub(super) columns: &'a [ModelColumn],
    /// Values as texts, in the order of the columns; `None` for null.
    pub(super) rows: Vec<Vec<Option<String>>>,
}

impl GivenRows<'_> {
    /// The rows as they stand in FROM.
    pub(super) fn text(&self) -> Result<String> {
        render("models/given_rows.sql", self)
    }
}
