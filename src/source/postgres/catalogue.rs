//! The columns of tables, as the catalogue of a Postgres server has them.

use super::names::quoted;
use super::row::value;
use super::session::Session;
use crate::error::Result;
use crate::pipeline::{CatalogueColumn, SourceTable};
use crate::sql::statement;

/// Lists the columns of a table: name and type; empty if there is no such table.
pub(in crate::source) async fn columns(
    session: &Session<'_>,
    table: &SourceTable,
) -> Result<Vec<CatalogueColumn>> {
    let rows = session
        .query(statement!("source/columns.sql"), &[&quoted(table)])
        .await?;

    rows.iter()
        .map(|row| {
            Ok(CatalogueColumn {
                name: value(row, "name")?,
                data_type: value(row, "data_type")?,
            })
        })
        .collect()
}
