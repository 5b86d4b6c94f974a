//! A connection to a source server: what the server said at the open, and the one snapshot that a batch is read in.

use std::time::Duration;

use futures::TryStreamExt;
use jiff::Timestamp;
use serde_json::json;

use super::catalogue;
use super::connection_task::ConnectionTask;
use super::connections::{Connections, milliseconds};
use super::copied::Messages;
use super::row::Copy;
use super::server::{Server, is_cut, unavailable, unreadable};
use super::tally::Tally;
use crate::error::{Error, Result};
use crate::landing::Writer;
use crate::pipeline::{CatalogueColumn, SourceTable};
use crate::postgres::Client;
use crate::sql::render;
use crate::state::statement;

/// An open connection to a source.
pub(super) struct Session<'a> {
    /// What asks the server.
    pub(super) client: Client,
    work: ConnectionTask,
    /// The connection's name in the settings.
    pub(super) name: &'a str,
    /// So many rows of a table are a batch while all are loaded.
    pub(super) range_rows: u32,
    /// What the server said before any snapshot.
    pub(super) server: Server,
}

/// The snapshot that a batch is read in.
pub(super) struct Snapshot {
    /// As `pg_current_snapshot()` tells it.
    pub(super) text: String,
    /// The highest transaction id that it may hold.
    pub(super) highest: i64,
    /// When it was taken, by the server's clock.
    pub(super) taken_at: Timestamp,
    /// Whether it is a standby's.
    pub(super) in_recovery: bool,
}

impl<'a> Session<'a> {
    /// Connects for a pipeline and asks what must be known before a snapshot is taken.
    pub(super) async fn open(
        name: &'a str,
        (connections, pipeline): (&Connections, &str),
    ) -> Result<Self> {
        let (client, work) = connections.connect(name, pipeline).await?;
        let server = Server::ask(&client)
            .await
            .map_err(|cause| unreadable(name, cause))?;

        Ok(Self {
            client,
            work,
            name,
            range_rows: connections.range_rows(name)?,
            server,
        })
    }

    /// A fault of a statement: the server went away, or says why it refused. A standby may only have had no time for it.
    pub(super) fn refused(&self, cause: tokio_postgres::Error) -> Error {
        if self.server.in_recovery && is_cut(&cause) {
            return Error::SourceConflict {
                connection: self.name.to_owned(),
                cause: cause.into(),
            };
        }

        unreadable(self.name, cause)
    }

    /// Begins the snapshot that tables, by schema and name, are read in, and keeps them as they are meanwhile.
    pub(super) async fn begin(&self, tables: &[&SourceTable]) -> Result<Snapshot> {
        let names: Vec<_> = tables
            .iter()
            .map(|table| [&table.schema, &table.name])
            .collect();
        let lock = render("source/lock.sql", json!({"tables": names}))?;
        self.execute(statement!("source/begin.sql")).await?;
        if let Err(cause) = self.client.batch_execute(&lock).await {
            return Err(self.not_locked(tables, cause).await);
        }
        let row = self
            .client
            .query_one(statement!("source/snapshot.sql"), &[])
            .await
            .map_err(|cause| self.refused(cause))?;

        Ok(Snapshot {
            text: row.get(0),
            highest: row.get(1),
            taken_at: row.get(2),
            in_recovery: self.server.in_recovery,
        })
    }

    pub(super) async fn end(&self) -> Result<()> {
        self.execute(statement!("source/end.sql")).await
    }

    /// Lets statements take as long as they need, from here on: a batch is read by one.
    pub(super) async fn unlimit(&self) -> Result<()> {
        self.execute(statement!("source/unlimited.sql")).await
    }

    /// Ends statements that take longer than `limit`, until the snapshot ends.
    pub(super) async fn limit(&self, limit: Duration) -> Result<()> {
        let limit = json!({"milliseconds": milliseconds(limit)});

        self.execute(&render("source/within.sql", limit)?).await
    }

    async fn execute(&self, sql: &str) -> Result<()> {
        self.client
            .batch_execute(sql)
            .await
            .map_err(|cause| self.refused(cause))
    }

    /// Lists the columns of a source table: name and Postgres type; empty where there is no such table.
    pub(super) async fn columns_of(&self, table: &SourceTable) -> Result<Vec<CatalogueColumn>> {
        catalogue::columns(&self.client, table)
            .await
            .map_err(|cause| self.refused(cause))
    }

    /// Lands the rows of a `copy … (format binary)` as events; where `number` is given, they are numbered on from it.
    pub(super) async fn copy(
        &self,
        copy: &Copy,
        mut number: Option<&mut i64>,
        (tally, writer): (&mut Tally, &mut Writer<'_>),
    ) -> Result<()> {
        let lost = |cause| unavailable(self.name, cause);
        let refused = |cause| self.refused(cause);
        let copied = async {
            let mut stream =
                std::pin::pin!(self.client.copy_out(&copy.sql).await.map_err(refused)?);
            let mut messages = Messages::of(copy);
            while let Some(message) = stream.try_next().await.map_err(refused)? {
                if let Some(mut event) = messages.event(&message).map_err(lost)? {
                    if let Some(number) = number.as_deref_mut() {
                        *number += 1;
                        event.event_id = Some(*number);
                    }
                    tally.count(&event);
                    writer.push(&event).await?;
                }
            }
            messages.check_ended().map_err(lost)
        };

        self.work.drive(copied).await
    }
}
