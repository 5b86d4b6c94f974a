//! What a Postgres catalogue says of tables.

use std::collections::BTreeMap;

use tokio_postgres::Client;

use crate::pipeline::{AuditColumns, CatalogueColumn, SourceTable};
use crate::sql::identifier;
use crate::state::statement;

/// What an audit table is like.
#[derive(Debug, Clone)]
pub(super) struct AuditTable {
    pub(super) oid: u32,
    pub(super) columns: Vec<String>,
    /// The column with the writer's transaction id, where there is one.
    pub(super) transaction: Option<String>,
    /// How many ids a session takes from its sequence at once; `None` where it has none.
    pub(super) sequence_cache: Option<i64>,
    /// The last id that its sequence gave; `None` where we may not see it.
    pub(super) sequence_value: Option<i64>,
    /// Whether the rows in it are known to be JSON.
    pub(super) is_json: bool,
}

/// Reads an audit table's catalogue; `None` where there is no such table.
pub(super) async fn audit_table(
    client: &Client,
    table: &SourceTable,
    columns: &AuditColumns,
) -> Result<Option<AuditTable>, tokio_postgres::Error> {
    let rows = client
        .query(statement!("source/audit_table.sql"), &[&quoted(table)])
        .await?;
    let Some(first) = rows.first() else {
        return Ok(None);
    };
    let mut found = AuditTable {
        oid: first.get(0),
        columns: Vec::new(),
        transaction: None,
        sequence_cache: None,
        sequence_value: None,
        is_json: false,
    };
    for row in &rows {
        let name: String = row.get(1);
        let default: Option<&str> = row.get(3);
        if row.get::<_, &str>(2) == "xid8" && default == Some("pg_current_xact_id()") {
            found.transaction = Some(name.clone());
        }
        if name == columns.event_id {
            found.sequence_cache = row.get(4);
            found.sequence_value = row.get(5);
        }
        found.is_json |= name == columns.data && row.get::<_, &str>(2).starts_with("json");
        found.columns.push(name);
    }

    Ok(Some(found))
}

/// What a table is like whose rows tell when they were changed.
#[derive(Debug, Clone)]
pub(super) struct PolledCatalogue {
    pub(super) oid: u32,
    /// Its columns with their types; a domain counts as what it is made of.
    pub(super) columns: BTreeMap<String, String>,
    /// Whether no two rows can have the same key.
    pub(super) is_unique: bool,
    /// Columns of the key, never null, that an index keeps unique, in the index's order.
    pub(super) range_key: Option<Vec<String>>,
    /// Whether it is a table, whose rows tell by which transaction they were written.
    pub(super) is_table: bool,
}

/// Reads such a table's catalogue; `None` where there is no such table.
pub(super) async fn polled_table(
    client: &Client,
    table: &SourceTable,
    key: &[String],
) -> Result<Option<PolledCatalogue>, tokio_postgres::Error> {
    let rows = client
        .query(
            statement!("source/polled_table.sql"),
            &[&quoted(table), &key],
        )
        .await?;

    Ok(rows.first().map(|first| PolledCatalogue {
        oid: first.get(0),
        columns: rows.iter().map(|row| (row.get(1), row.get(2))).collect(),
        is_unique: first.get(3),
        range_key: first.get(4),
        is_table: first.get(5),
    }))
}

/// Lists a source table's columns: name and type; empty where there is no such table.
pub(super) async fn columns(
    client: &Client,
    table: &SourceTable,
) -> Result<Vec<CatalogueColumn>, tokio_postgres::Error> {
    let rows = client
        .query(statement!("source/columns.sql"), &[&quoted(table)])
        .await?;

    Ok(rows
        .iter()
        .map(|row| CatalogueColumn {
            name: row.get(0),
            data_type: row.get(1),
        })
        .collect())
}

/// A table's name as Postgres' `to_regclass` takes it.
pub(super) fn quoted(table: &SourceTable) -> String {
    format!("{}.{}", identifier(&table.schema), identifier(&table.name))
}
