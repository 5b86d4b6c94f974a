//! What the catalogue of the server says of a polled table.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::pipeline::SourceTable;
use crate::source::postgres::{Session, quoted, value};
use crate::sql::statement;

/// What a polled table is like.
#[derive(Debug, Clone)]
pub(super) struct PolledCatalogue {
    pub(super) oid: u32,
    /// Its columns with their types; a domain counts as its base type.
    pub(super) columns: BTreeMap<String, String>,
    /// Whether no two rows can have the same key.
    pub(super) is_unique: bool,
    /// Columns of the key, never null, that an index keeps unique, in the index's order.
    pub(super) range_key: Option<Vec<String>>,
    /// Whether it is a table, so that its rows have the transactions that wrote them.
    pub(super) is_table: bool,
}

impl PolledCatalogue {
    /// Asks the catalogue; `None` if there is no such table.
    pub(super) async fn of(
        session: &Session<'_>,
        table: &SourceTable,
        key: &[String],
    ) -> Result<Option<Self>> {
        let rows = session
            .query(
                statement!("source/polled_table.sql"),
                &[&quoted(table), &key],
            )
            .await?;
        let Some(first) = rows.first() else {
            return Ok(None);
        };
        let mut columns = BTreeMap::new();
        for row in &rows {
            columns.insert(value(row, "name")?, value(row, "data_type")?);
        }

        Ok(Some(Self {
            oid: value(first, "oid")?,
            columns,
            is_unique: value(first, "is_unique")?,
            range_key: value(first, "range_key")?,
            is_table: value(first, "is_table")?,
        }))
    }
}
