//! Reading changes out of source servers: inside one snapshot, behind a cursor that cannot skip. Writes nothing anywhere.

mod again;
mod audit_log;
mod backlog;
mod catalogue;
mod check;
mod connection_task;
mod connections;
mod copied;
mod cursor;
mod files;
mod full_load;
mod load;
mod loaded;
mod locked;
mod polled_table;
mod polled_tables;
mod reading;
mod rising;
mod row;
mod safety;
mod server;
mod session;
mod side_by_side;
mod tally;

use audit_log::AuditLog;
use files::Files;
use jiff::Timestamp;
use polled_tables::PolledTables;
use serde_json::Value;

pub use again::{compare_again, read_again};
pub use check::{Finding, Verdict, check};
pub use connections::Connections;
pub use cursor::{NextFloor, Position, Rule, Safety, floor, log_read};
pub use loaded::{Loaded, loaded};
pub use reading::{Blocking, Purpose, Reading};
pub use tally::Tally;

use crate::error::Result;
use crate::landing::Writer;
use crate::pipeline::{CatalogueColumn, Definition, Source, SourceTable};
use crate::state::{SourceFile, Store};

/// Events that have no number of their own are numbered from their batch's id times this on, so that those of later batches are later.
const EVENTS_OF_A_BATCH: i64 = 1 << 36;

/// A source that was opened.
pub struct Opened<'a> {
    kind: Kind<'a>,
    /// The tracked tables, by schema and name in the source.
    tables: Vec<SourceTable>,
}

enum Kind<'a> {
    AuditLog(AuditLog<'a>),
    PolledTables(PolledTables<'a>),
    Files(Files<'a>),
}

impl<'a> Opened<'a> {
    /// Connects and looks at server and tables.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::SourceUnavailable`], or [`crate::error::Error::SourceUnreadable`] that says which table or column is
    /// missing.
    pub async fn open(
        definition: &'a Definition,
        connections: &'a Connections,
        ledger: &Store,
    ) -> Result<Self> {
        let kind = match &definition.source {
            Source::PostgresAuditLog {
                connection,
                table,
                columns,
                ..
            } => Kind::AuditLog(
                AuditLog::open(connection, (table, columns), (definition, connections)).await?,
            ),
            Source::PostgresTable { connection } => Kind::PolledTables(
                PolledTables::open(
                    connection,
                    &definition.tables,
                    (connections, &definition.name),
                )
                .await?,
            ),
            Source::Files(source) => Kind::Files(Files::open(source, definition, ledger)?),
        };
        let tables = definition.tables.values().map(|table| table.source.clone());

        Ok(Self {
            kind,
            tables: tables.collect(),
        })
    }

    /// Lists the columns of a source table: name and Postgres type; empty where there is no such table. Of files, those that the
    /// reading had, which are known once it was read.
    pub async fn columns_of(&self, table: &SourceTable) -> Result<Vec<CatalogueColumn>> {
        match &self.kind {
            Kind::AuditLog(log) => log.session.columns_of(table).await,
            Kind::PolledTables(tables) => tables.session.columns_of(table).await,
            Kind::Files(files) => Ok(files.columns_of(&table.name)),
        }
    }

    /// What became of the files of the reading; none where servers are read.
    #[must_use]
    pub fn read_files(&self) -> Vec<SourceFile> {
        match &self.kind {
            Kind::Files(files) => files.read_files(),
            _ => Vec::new(),
        }
    }

    /// Does with files that have landed what the definition wants.
    pub async fn tidy(&self) -> Result<()> {
        match &self.kind {
            Kind::Files(files) => files.tidy().await,
            _ => Ok(()),
        }
    }

    /// How far the cursor can be trusted, and why.
    #[must_use]
    pub fn safety(&self) -> (Safety, String) {
        match &self.kind {
            Kind::AuditLog(log) => log.safety(),
            Kind::PolledTables(tables) => tables.safety(),
            Kind::Files(files) => files.safety(),
        }
    }

    /// Lets the server take as long as it needs from here on, to read a batch; questions are limited.
    pub async fn unlimit(&self) -> Result<()> {
        match &self.kind {
            Kind::AuditLog(log) => log.session.unlimit().await,
            Kind::PolledTables(tables) => tables.session.unlimit().await,
            Kind::Files(_) => Ok(()),
        }
    }

    /// Begins the snapshot that everything after the position `last` is read in; everything there is where it is none.
    pub async fn begin(
        &self,
        last: Option<&Value>,
        covered_before: Option<Timestamp>,
        purpose: Purpose,
    ) -> Result<Reading> {
        match &self.kind {
            Kind::AuditLog(log) => log.begin(last, covered_before).await,
            Kind::PolledTables(tables) => tables.begin(last, covered_before, purpose).await,
            Kind::Files(files) => files.begin(covered_before, purpose).await,
        }
    }

    /// Reads every event of a reading into the files of batch `batch`, and counts what came of each source table.
    pub async fn read(
        &self,
        reading: &Reading,
        batch: i64,
        (tally, writer): (&mut Tally, &mut Writer<'_>),
    ) -> Result<()> {
        let first = self.first_event(batch);
        match &self.kind {
            Kind::AuditLog(log) => log.read(reading, first, (tally, writer)).await,
            Kind::PolledTables(tables) => tables.read(reading, first, (tally, writer)).await,
            Kind::Files(files) => files.read(reading, first, (tally, writer)).await,
        }
    }

    /// The number below those of a batch's events that have none of their own.
    ///
    /// Where there is a log it is far below its ids: whatever of these rows was logged, or will be, comes after them.
    #[must_use]
    pub fn first_event(&self, batch: i64) -> i64 {
        let below = match &self.kind {
            Kind::AuditLog(_) => i64::MIN,
            Kind::PolledTables(_) | Kind::Files(_) => 0,
        };

        below + batch * EVENTS_OF_A_BATCH
    }

    /// The cursor's position after a reading that was read to its end.
    pub fn position_after(&self, reading: &Reading, tally: &Tally) -> Result<Value> {
        match &self.kind {
            Kind::AuditLog(_) => AuditLog::position_after(reading, tally),
            Kind::PolledTables(_) | Kind::Files(_) => Ok(reading.position.clone()),
        }
    }

    /// Ends the snapshot: nothing is held on a server while others work on what was read.
    pub async fn end(&self) -> Result<()> {
        match &self.kind {
            Kind::AuditLog(log) => log.session.end().await,
            Kind::PolledTables(tables) => tables.session.end().await,
            Kind::Files(_) => Ok(()),
        }
    }

    /// The names of the fields that [`Opened::read_keys`] gives of a table.
    pub async fn key_fields(&self, table: &str) -> Result<Vec<String>> {
        match &self.kind {
            Kind::PolledTables(tables) => Ok(tables.key_fields(table)),
            Kind::AuditLog(log) => log.key_of(table).await,
            Kind::Files(_) => Ok(Vec::new()),
        }
    }

    /// The time up to which a reading that was read to its end holds every committed change.
    #[must_use]
    pub fn covered_after(&self, reading: &Reading, before: Option<Timestamp>) -> Timestamp {
        match &self.kind {
            Kind::Files(files) => files.covered_after(reading, before),
            Kind::AuditLog(_) | Kind::PolledTables(_) => reading.covered_until,
        }
    }

    /// Refuses a table that cannot be read again.
    pub async fn check_again(&self, table: &str) -> Result<()> {
        match &self.kind {
            Kind::AuditLog(log) => log.check_loadable(table).await,
            Kind::PolledTables(_) | Kind::Files(_) => Ok(()),
        }
    }

    /// Reads all keys of a table, in the snapshot of the reading.
    pub async fn read_keys(
        &self,
        reading: &Reading,
        table: &str,
        writer: &mut Writer<'_>,
    ) -> Result<()> {
        match &self.kind {
            Kind::PolledTables(tables) => tables.read_keys(reading, table, writer).await,
            Kind::AuditLog(log) => log.read_keys(table, writer).await,
            Kind::Files(_) => Ok(()),
        }
    }
}
