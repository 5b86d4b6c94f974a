//! Forgets a table: drops its Iceberg tables, and deletes its events and rejects from the tables that it shares with others.

use serde::Serialize;
use serde_json::json;

use super::schema::{Kind, kind_of};
use crate::error::Result;
use crate::landing;
use crate::pipeline::{Marts, Names, SourceTable, Table};
use crate::publish::Publisher;
use crate::sql::{TableName, render};

/// The context of `landing/forget.sql`.
#[derive(Serialize)]
struct ForgetContext<'a> {
    table: &'a TableName,
    from: &'a SourceTable,
}

/// What was held of a table.
#[derive(Debug, Clone, Copy, Default)]
pub struct Forgotten {
    /// The Iceberg tables and views that were dropped.
    pub tables: i64,
    /// The events that were deleted from the landing table.
    pub landed: i64,
    /// The rejects that were deleted.
    pub rejects: i64,
}

/// The Iceberg tables and views that belong to one table with these marts, the ones that readers see first.
#[must_use]
pub fn tables_of(names: &Names<'_>, table: &str, marts: Marts) -> Vec<TableName> {
    let mut layers = vec![names.current(table)];
    if marts.has_history() {
        layers.push(names.history(table));
    }
    layers.push(names.staging(table));
    let builds: Vec<TableName> = layers.iter().map(Names::build).collect();
    layers.extend(builds);
    layers.push(names.sliced_log(table));

    layers
}

/// Deletes everything that Trino holds of a table. Doing it twice changes nothing.
pub async fn forget(
    names: &Names<'_>,
    table: &Table,
    marts: Marts,
    publisher: Publisher<'_>,
) -> Result<Forgotten> {
    let mut forgotten = Forgotten::default();
    for dropped in tables_of(names, &table.id.name, marts) {
        publisher.resolve(&dropped).await?;
        match kind_of(publisher, &dropped).await? {
            None => continue,
            Some(Kind::Table) => landing::drop_table(publisher, &dropped).await?,
            Some(Kind::View) => drop_view(publisher, &dropped).await?,
        }
        forgotten.tables += 1;
    }
    forgotten.rejects = delete(&names.rejects(), table, publisher).await?;
    forgotten.landed = delete(&names.landing(), table, publisher).await?;

    Ok(forgotten)
}

/// Drops a view if it exists.
pub async fn drop_view(publisher: Publisher<'_>, view: &TableName) -> Result<()> {
    let drop = render("marts/drop_view.sql", json!({"table": view}))?;
    publisher.run(view, &drop).await?;

    Ok(())
}

/// Deletes the events of a table from one that it shares with others, and gives their number.
async fn delete(shared: &TableName, table: &Table, publisher: Publisher<'_>) -> Result<i64> {
    publisher.resolve(shared).await?;
    if kind_of(publisher, shared).await?.is_none() {
        return Ok(0);
    }
    let context = ForgetContext {
        table: shared,
        from: &table.source,
    };
    let delete = render("landing/forget.sql", context)?;
    let deleted = publisher.merge(shared, &delete).await?;

    Ok(deleted.rows.unwrap_or_default())
}
