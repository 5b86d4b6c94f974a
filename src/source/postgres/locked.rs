//! Who keeps tables locked, so that somebody can end it.

use std::fmt;

use jiff::Timestamp;

use super::row::value;
use crate::error::{Error, Result};
use crate::pipeline::SourceTable;
use crate::postgres::Client;
use crate::sql::statement;

/// Who has a table locked, or waits to lock it.
pub(super) struct LockHolder {
    table: String,
    /// A prepared transaction has none.
    pid: Option<i32>,
    /// Whether it has the lock; otherwise it waits for it.
    is_granted: bool,
    user: Option<String>,
    application: Option<String>,
    since: Option<Timestamp>,
}

impl LockHolder {
    /// Asks for the holder of a lock on one of the tables; none if it is gone by now.
    pub(super) async fn of(client: &Client, tables: &[&SourceTable]) -> Result<Option<Self>> {
        let schemas: Vec<&str> = tables.iter().map(|table| table.schema.as_str()).collect();
        let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
        let row = client
            .query_opt(statement!("source/holders.sql"), &[&schemas, &names])
            .await
            .map_err(Error::internal)?;

        row.map(|row| {
            Ok(Self {
                table: value(&row, "table_name")?,
                pid: value(&row, "pid")?,
                is_granted: value(&row, "is_granted")?,
                user: value(&row, "user_name")?,
                application: value(&row, "application")?,
                since: value(&row, "since")?,
            })
        })
        .transpose()
    }
}

impl fmt::Display for LockHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            table,
            user,
            application,
            ..
        } = self;
        let Some(pid) = self.pid else {
            return write!(
                f,
                "a prepared transaction, which `pg_prepared_xacts` shows, has locked `{table}`"
            );
        };
        let user = user.as_deref().unwrap_or_default();
        let application = application.as_deref().unwrap_or_default();
        write!(
            f,
            "process {pid} (user `{user}`, application `{application}`"
        )?;
        if let Some(since) = self.since {
            write!(f, ", in a transaction since {since}")?;
        }
        let does = if self.is_granted {
            "has locked"
        } else {
            "waits, behind others, to lock"
        };

        write!(f, ") {does} `{table}`, as `alter table` and `truncate` do")
    }
}
