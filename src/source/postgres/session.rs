//! A session on a source server: what the server said when it was opened, and the one snapshot that a batch is read in.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::Row;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;

use super::connections::{OpenConnection, PipelineConnection, milliseconds};
use super::fault::{is_cut, unreadable};
use super::locked::LockHolder;
use super::names::dotted;
use super::row::value;
use super::server::SourceServer;
use crate::error::{Error, Result};
use crate::pipeline::SourceTable;
use crate::postgres::Client;
use crate::sql::render;
use crate::sql::statement;

/// An open session on a source server.
pub(in crate::source) struct Session<'a> {
    pub(in crate::source) connection: PipelineConnection<'a>,
    pub(super) opened: OpenConnection,
    /// What the server said before any snapshot.
    pub(in crate::source) server: SourceServer,
    /// A batch of a full load takes this many rows of a table.
    pub(in crate::source) range_rows: u32,
}

/// The snapshot that a batch is read in.
pub(in crate::source) struct Snapshot {
    /// As `pg_current_snapshot()` gives it.
    pub(in crate::source) text: String,
    /// The highest transaction id that it may hold.
    pub(in crate::source) highest: i64,
    /// When it was taken, by the server's clock.
    pub(in crate::source) taken_at: Timestamp,
    /// Whether it is a standby's.
    pub(in crate::source) in_recovery: bool,
}

impl Snapshot {
    /// The higher 32 bits of `highest`, which the `xmin` of a row lacks.
    pub(in crate::source) fn epoch(&self) -> i64 {
        self.highest & !0xffff_ffff
    }
}

/// The context of `source/lock.sql`.
#[derive(Serialize)]
struct LockedTables<'a> {
    tables: Vec<[&'a str; 2]>,
}

/// The context of `source/within.sql`.
#[derive(Serialize)]
struct StatementLimit {
    milliseconds: i32,
}

impl<'a> Session<'a> {
    /// Connects and reads what must be known before the snapshot is taken.
    pub(in crate::source) async fn open(connection: PipelineConnection<'a>) -> Result<Self> {
        let opened = connection.connect().await?;
        let row = opened
            .client
            .query_one(statement!("source/server.sql"), &[])
            .await
            .map_err(|cause| unreadable(connection.name, cause))?;

        Ok(Self {
            connection,
            opened,
            server: SourceServer::of(&row)?,
            range_rows: connection.range_rows()?,
        })
    }

    /// What asks the server.
    pub(super) fn client(&self) -> &Client {
        &self.opened.client
    }

    /// Asks for any number of rows.
    pub(in crate::source) async fn query(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>> {
        let rows = self.client().query(sql, values).await;

        rows.map_err(|cause| self.refused(cause))
    }

    /// Asks for one row.
    pub(in crate::source) async fn query_one(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Row> {
        let row = self.client().query_one(sql, values).await;

        row.map_err(|cause| self.refused(cause))
    }

    /// Asks for one row or none.
    pub(in crate::source) async fn query_opt(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>> {
        let row = self.client().query_opt(sql, values).await;

        row.map_err(|cause| self.refused(cause))
    }

    /// As [`Session::query`], by a statement that waits for locks on tables.
    pub(in crate::source) async fn query_locked(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
        tables: &[&SourceTable],
    ) -> Result<Vec<Row>> {
        match self.client().query(sql, values).await {
            Ok(rows) => Ok(rows),
            Err(cause) => Err(self.not_locked(tables, cause).await),
        }
    }

    /// The fault of a statement: the server went away, or says why it refused. Or a standby's recovery cancelled the
    /// statement.
    pub(super) fn refused(&self, cause: tokio_postgres::Error) -> Error {
        if self.server.in_recovery && is_cut(&cause) {
            return Error::SourceConflict {
                connection: self.connection.name.to_owned(),
                cause: cause.into(),
            };
        }

        unreadable(self.connection.name, cause)
    }

    /// Begins the snapshot that tables are read in, and locks them against being emptied or rewritten meanwhile.
    pub(in crate::source) async fn begin(&self, tables: &[&SourceTable]) -> Result<Snapshot> {
        let lock = LockedTables {
            tables: tables.iter().map(|table| dotted(table)).collect(),
        };
        let lock = render("source/lock.sql", lock)?;
        self.execute(statement!("source/begin.sql")).await?;
        if let Err(cause) = self.client().batch_execute(&lock).await {
            return Err(self.not_locked(tables, cause).await);
        }
        let row = self
            .query_one(statement!("source/snapshot.sql"), &[])
            .await?;

        Ok(Snapshot {
            text: value(&row, "snapshot")?,
            highest: value(&row, "highest")?,
            taken_at: value(&row, "taken_at")?,
            in_recovery: self.server.in_recovery,
        })
    }

    pub(in crate::source) async fn end(&self) -> Result<()> {
        self.execute(statement!("source/end.sql")).await
    }

    /// Lifts the limit on the time of statements from here on, because one statement reads a batch.
    pub(in crate::source) async fn unlimit(&self) -> Result<()> {
        self.execute(statement!("source/unlimited.sql")).await
    }

    /// Ends statements that take longer than `limit`, until the snapshot ends.
    pub(in crate::source) async fn limit(&self, limit: Duration) -> Result<()> {
        let limit = StatementLimit {
            milliseconds: milliseconds(limit),
        };

        self.execute(&render("source/within.sql", limit)?).await
    }

    async fn execute(&self, sql: &str) -> Result<()> {
        let executed = self.client().batch_execute(sql).await;

        executed.map_err(|cause| self.refused(cause))
    }

    /// The fault of a statement that waits for locks on tables: after too long a wait, the error says who has the lock.
    async fn not_locked(&self, tables: &[&SourceTable], cause: tokio_postgres::Error) -> Error {
        if cause.code() != Some(&SqlState::LOCK_NOT_AVAILABLE) {
            return self.refused(cause);
        }
        let name = self.connection.name;
        let holder = self.lock_holder(tables).await.ok().flatten();
        let holder = holder.map_or_else(
            || "nobody can tell any more by whom".into(),
            |holder| holder.to_string(),
        );

        Error::TimedOut(format!(
            "tables of connection `{name}` were locked for longer than `connections.{name}.lock_timeout` allows: {holder}. Wait until that ends, or end it; the next run goes on where the last one ended"
        ))
    }

    async fn lock_holder(&self, tables: &[&SourceTable]) -> Result<Option<LockHolder>> {
        // The fault broke the transaction, if there was one. Ending it rolls it back.
        self.end().await?;

        LockHolder::of(self.client(), tables).await
    }
}
