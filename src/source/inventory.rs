//! What a Postgres server has that could be followed: its tables with their sizes, keys and columns. Reads only the catalogue.

use super::postgres::{Connections, LookupColumn, PipelineConnection, Session, columns, value};
use crate::error::Result;
use crate::pipeline::{CatalogueColumn, SourceTable};
use crate::sql::statement;

/// The server of a connection, for somebody who looks for tables.
pub struct Inventory<'a>(Session<'a>);

/// Some tables of a server, the largest first.
pub struct FoundTables {
    pub tables: Vec<FoundTable>,
    /// How many there are.
    pub total: u64,
}

/// A table or view of a server.
#[derive(Debug, Clone)]
pub struct FoundTable {
    oid: u32,
    pub name: SourceTable,
    pub kind: FoundKind,
    /// As the last `analyze` counted; `None` if there was none.
    pub rows: Option<i64>,
    pub bytes: i64,
    /// The columns of its primary key, or of another unique key that is never null.
    pub key: Option<Vec<String>>,
    pub may_read: bool,
    /// Whether policies of row-level security decide what the user sees.
    pub is_hidden: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundKind {
    Table,
    /// A part of a table. Its rows are logged under that.
    Partition,
    /// A view or a foreign table.
    View,
}

impl<'a> Inventory<'a> {
    /// Connects. The session cannot write, and all its waits have limits.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::SourceUnavailable`], [`crate::error::Error::SourceUnreadable`], and [`crate::error::Error::Settings`]
    /// if there is no such connection.
    pub async fn open(connections: &'a Connections, connection: &'a str) -> Result<Self> {
        let connection = PipelineConnection {
            connections,
            name: connection,
            pipeline: "init",
        };

        Session::open(connection).await.map(Self)
    }

    /// The user of the connection.
    pub async fn user(&self) -> Result<String> {
        let row = self.0.query_one(statement!("source/user.sql"), &[]).await?;

        value(&row, "name")
    }

    /// Whether the user may see when other sessions began their transactions.
    #[must_use]
    pub fn sees_transactions(&self) -> bool {
        self.0.server.sees_all
    }

    /// At most `most` tables of some schemas, or of all.
    pub async fn tables(&self, schemas: Option<&[String]>, most: u32) -> Result<FoundTables> {
        self.list(schemas, None, most).await
    }

    /// Whatever has one of these names, in upper or lower case.
    pub async fn named(&self, names: &[SourceTable], most: u32) -> Result<FoundTables> {
        self.list(None, Some(names), most).await
    }

    async fn list(
        &self,
        schemas: Option<&[String]>,
        names: Option<&[SourceTable]>,
        most: u32,
    ) -> Result<FoundTables> {
        let parts = |part: fn(&SourceTable) -> &str| -> Option<Vec<&str>> {
            names.map(|names| names.iter().map(part).collect())
        };
        let of_schemas = parts(|name| &name.schema);
        let of_tables = parts(|name| &name.name);
        let rows = self
            .0
            .query(
                statement!("source/tables.sql"),
                &[&schemas, &of_schemas, &of_tables, &i64::from(most)],
            )
            .await?;
        let total = rows.first().map(|row| value::<i64>(row, "total"));
        let tables = rows.iter().map(|row| {
            Ok(FoundTable {
                oid: value(row, "oid")?,
                name: SourceTable::new(value(row, "schema")?, value(row, "name")?),
                kind: match (value(row, "is_table")?, value(row, "is_partition")?) {
                    (false, _) => FoundKind::View,
                    (true, true) => FoundKind::Partition,
                    (true, false) => FoundKind::Table,
                },
                rows: value(row, "rows")?,
                bytes: value(row, "bytes")?,
                key: value(row, "key")?,
                may_read: value(row, "may_read")?,
                is_hidden: value(row, "is_hidden")?,
            })
        });

        Ok(FoundTables {
            tables: tables.collect::<Result<_>>()?,
            total: total.transpose()?.unwrap_or_default().unsigned_abs(),
        })
    }

    /// The columns of a table, in their order; empty if there is no such table.
    pub async fn columns(&self, table: &SourceTable) -> Result<Vec<CatalogueColumn>> {
        columns(&self.0, table).await
    }

    /// Whether rows of the table can be looked up by a column.
    pub async fn has_index(&self, table: &FoundTable, column: &str) -> Result<bool> {
        let lookup = LookupColumn::of(&self.0, table.oid, column).await?;

        Ok(lookup.has_index)
    }
}
