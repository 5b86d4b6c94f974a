//! An audit log: a Postgres table of insert, update and delete events that triggers write.

use futures::TryStreamExt;
use jiff::Timestamp;
use serde_json::json;

use super::catalogue::{self, AuditTable};
use super::connection::Connection;
use super::copied::Messages;
use super::cursor::{Position, Rule, Safety};
use super::server::{Server, unavailable, unreadable};
use super::tally::Tally;
use crate::config::Config;
use crate::error::{Error, Result, nearest_name};
use crate::landing::Writer;
use crate::pipeline::{AuditColumns, Source};
use crate::postgres::{self, Client};
use crate::sql::{identifier, render};
use crate::state::{SourceEvents, statement};

/// An audit log that a connection was opened to.
pub struct AuditLog<'a> {
    client: Client,
    work: Connection,
    connection: &'a str,
    table: &'a str,
    columns: &'a AuditColumns,
    found: AuditTable,
    server: Server,
}

/// One reading: the cursor's position after it, and what it covers.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Where the cursor stands after it.
    pub position: Position,
    /// When it was read, by the source's clock.
    pub read_at: Timestamp,
    /// The time up to which it holds every committed change.
    pub covered_until: Timestamp,
    /// The process id of the oldest transaction that was open, and since when.
    pub blocked_by: Option<(i32, Timestamp)>,
    condition: serde_json::Value,
}

impl<'a> AuditLog<'a> {
    /// Connects and looks at server and table.
    ///
    /// # Errors
    ///
    /// [`Error::SourceUnavailable`], or [`Error::SourceUnreadable`] that says which table or column is missing.
    pub async fn open(source: &'a Source, config: &Config) -> Result<Self> {
        let Source::PostgresAuditLog {
            connection,
            table,
            columns,
        } = source;
        let settings = config
            .connections
            .get(connection)
            .ok_or_else(|| Error::Settings(format!("`connections.{connection}` is not set")))?;
        let key = format!("connections.{connection}.url");
        let (client, work) = postgres::connect(&key, &settings.url(connection)?)
            .await?
            .map_err(|cause| unavailable(connection, cause))?;
        let work = Connection::new(work);
        let away = |cause: tokio_postgres::Error| unreadable(connection, cause);
        let found = catalogue::audit_table(&client, &quoted(table), columns)
            .await
            .map_err(away)?
            .ok_or_else(|| Error::SourceUnreadable {
                detail: format!(
                    "connection `{connection}` has no table `{table}` that its user may see; make it by `icefront audit-trigger`, or mend `source.table`"
                ),
            })?;
        let server = Server::ask(&client).await.map_err(away)?;
        let log = Self {
            client,
            work,
            connection,
            table,
            columns,
            found,
            server,
        };
        log.check_columns()?;

        Ok(log)
    }

    /// Lists the columns of a source table: name and Postgres type; empty where there is no such table.
    ///
    /// # Errors
    ///
    /// [`Error::SourceUnavailable`], [`Error::SourceUnreadable`].
    pub async fn columns_of(&self, schema: &str, table: &str) -> Result<Vec<(String, String)>> {
        let name = format!("{}.{}", identifier(schema), identifier(table));

        catalogue::columns(&self.client, &name)
            .await
            .map_err(|cause| unreadable(self.connection, cause))
    }

    /// How far the cursor can be trusted, and why.
    #[must_use]
    pub fn safety(&self) -> (Safety, String) {
        if self.found.sequence_cache.is_some_and(|cache| cache > 1) {
            return (
                Safety::Overlap,
                format!(
                    "every committed event is read, but the sequence of `{}` hands out {} ids at a time, so ids do not follow the writes; set `cache 1`",
                    self.columns.event_id,
                    self.found.sequence_cache.unwrap_or_default()
                ),
            );
        }
        let reason = match (&self.found.transaction, self.server.in_recovery) {
            (Some(column), false) => format!(
                "the cursor is a whole snapshot; `{column}` tells which rows it did not have"
            ),
            (Some(column), true) => format!(
                "a standby: rows are read again from the oldest transaction of the last snapshot on, by `{column}`; repeats are dropped by id"
            ),
            (None, _) => "rows are read again from the oldest transaction of the last snapshot on, by their xmin; repeats are dropped by id. A column of type xid8 with the default pg_current_xact_id() and an index would spare the scan".into(),
        };

        (Safety::Proven, reason)
    }

    /// Begins the snapshot that everything after `last` is read in; everything there is where `last` is none.
    ///
    /// # Errors
    ///
    /// [`Error::SourceReplaced`], [`Error::SourceUnavailable`], [`Error::SourceUnreadable`].
    pub async fn begin(
        &self,
        last: Option<&Position>,
        covered_before: Option<Timestamp>,
    ) -> Result<Reading> {
        let away = |cause| unreadable(self.connection, cause);
        self.client
            .batch_execute(statement!("source/begin.sql"))
            .await
            .map_err(away)?;
        let row = self
            .client
            .query_one(statement!("source/snapshot.sql"), &[])
            .await
            .map_err(away)?;
        let position = Position {
            snapshot: row.get(0),
            rule: if self.found.transaction.is_some() {
                Rule::Transaction
            } else {
                Rule::Xmin
            },
            system_identifier: self.server.system_identifier.clone(),
            timeline: self.server.timeline,
            table_oid: self.found.oid,
            in_recovery: self.server.in_recovery,
        };
        if let Some(last) = last {
            last.check_same(&position, self.connection)?;
        }

        Ok(Reading {
            read_at: row.get(2),
            covered_until: self.covered_until(covered_before),
            blocked_by: self.server.oldest_pid.zip(self.server.oldest_open),
            condition: self.condition(last, row.get(1)),
            position,
        })
    }

    /// Reads every event of a reading into `writer`, and says what came of each source table.
    ///
    /// # Errors
    ///
    /// [`Error::SourceUnavailable`], [`Error::SourceUnreadable`], [`Error::LandingUnavailable`].
    pub async fn read(
        &self,
        reading: &Reading,
        writer: &mut Writer<'_>,
    ) -> Result<Vec<((String, String), SourceEvents)>> {
        let away = |cause| unreadable(self.connection, cause);
        let lost = |cause| unavailable(self.connection, cause);
        let copy = render("source/read.sql", &reading.condition)?;
        let mut tally = Tally::default();
        let copied = async {
            let mut stream = std::pin::pin!(self.client.copy_out(&copy).await.map_err(away)?);
            let mut messages = Messages::default();
            while let Some(message) = stream.try_next().await.map_err(away)? {
                if let Some(event) = messages.event(&message).map_err(lost)? {
                    tally.count(&event);
                    writer.push(&event).await?;
                }
            }
            messages.check_ended().map_err(lost)
        };
        self.work.drive(copied).await?;

        Ok(tally.tables)
    }

    /// Counts the events that wait behind the cursor, up to `limit`.
    ///
    /// # Errors
    ///
    /// [`Error::SourceUnavailable`], [`Error::SourceUnreadable`].
    pub async fn backlog(&self, reading: &Reading, limit: i64) -> Result<i64> {
        let mut condition = reading.condition.clone();
        condition["limit"] = limit.into();
        let sql = render("source/backlog.sql", &condition)?;
        let row = self
            .client
            .query_one(&sql, &[])
            .await
            .map_err(|cause| unreadable(self.connection, cause))?;

        Ok(row.get(0))
    }

    /// Which rows are read: those that the last snapshot did not have.
    fn condition(&self, last: Option<&Position>, highest: i64) -> serde_json::Value {
        // A cursor that was moved by xmin says nothing of rows from before the column came.
        let rule = match (last, &self.found.transaction) {
            (None, _) => Rule::Everything,
            (Some(last), Some(_)) if last.rule == Rule::Transaction => Rule::Transaction,
            (Some(_), _) => Rule::Xmin,
        };
        let (schema, table) = split(self.table);

        json!({
            "table": [schema, table],
            "columns": {
                "event_id": self.columns.event_id,
                "operation": self.columns.operation,
                "occurred_at": self.columns.occurred_at,
                "schema": self.columns.schema,
                "table": self.columns.table,
                "data": self.columns.data,
            },
            "rule": rule,
            "transaction": self.found.transaction,
            "snapshot": last.map(|last| &last.snapshot),
            "lists_open": last.is_some_and(|last| !last.in_recovery),
            "highest": highest,
            "epoch": highest & !0xffff_ffff,
        })
    }

    /// Everything that was committed before the oldest open transaction began is in the snapshot. A prepared
    /// transaction does not tell its start, so while there is one the time stays where it was.
    fn covered_until(&self, before: Option<Timestamp>) -> Timestamp {
        let open = self
            .server
            .oldest_open
            .map_or(self.server.now, |open| open.min(self.server.now));
        match before {
            Some(before) if self.server.has_prepared => before.min(open),
            Some(before) => before.max(open),
            None => open,
        }
    }

    fn check_columns(&self) -> Result<()> {
        let AuditColumns {
            event_id,
            operation,
            occurred_at,
            schema,
            table,
            data,
        } = self.columns;
        for name in [event_id, operation, occurred_at, schema, table, data] {
            if !self.found.columns.contains(name) {
                let near = nearest_name(name, self.found.columns.iter().map(String::as_str))
                    .map(|near| format!("; did you mean `{near}`?"))
                    .unwrap_or_default();
                return Err(Error::SourceUnreadable {
                    detail: format!(
                        "table `{}` has no column `{name}`, which `source.columns` names{near}",
                        self.table
                    ),
                });
            }
        }

        Ok(())
    }
}

fn split(table: &str) -> (&str, &str) {
    table.split_once('.').unwrap_or(("public", table))
}

fn quoted(table: &str) -> String {
    let (schema, table) = split(table);
    format!("{}.{}", identifier(schema), identifier(table))
}
