//! Reading changes out of source servers: inside one snapshot, behind a cursor that cannot skip. Writes nothing anywhere.

mod audit_log;
mod catalogue;
mod connection;
mod copied;
mod cursor;
mod link;
mod server;
mod tables;
mod tally;

use audit_log::AuditLog;
use jiff::Timestamp;
use link::Link;
use serde_json::Value;
use tables::Tables;
use tally::Tally;

pub use cursor::{Position, Rule, Safety};

use crate::config::Config;
use crate::error::Result;
use crate::landing::Writer;
use crate::pipeline::{Definition, Source};
use crate::sql::render;
use crate::state::SourceEvents;

/// A source that a connection was opened to.
pub struct Opened<'a>(Kind<'a>);

enum Kind<'a> {
    AuditLog(AuditLog<'a>),
    Tables(Tables<'a>),
}

/// One reading: the cursor's position after it, and what it covers.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Where the cursor stands after it.
    pub position: Value,
    /// When it was read, by the source's clock.
    pub read_at: Timestamp,
    /// The time up to which it holds every committed change.
    pub covered_until: Timestamp,
    /// The process id of the oldest transaction that was open, and since when.
    pub blocked_by: Option<(i32, Timestamp)>,
    /// What each statement that reads it may name.
    queries: Vec<Value>,
}

impl<'a> Opened<'a> {
    /// Connects and looks at server and tables.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::SourceUnavailable`], or [`crate::error::Error::SourceUnreadable`] that says which table or column is
    /// missing.
    pub async fn open(definition: &'a Definition, config: &Config) -> Result<Self> {
        Ok(Self(match &definition.source {
            Source::PostgresAuditLog {
                connection,
                table,
                columns,
            } => Kind::AuditLog(AuditLog::open(connection, (table, columns), config).await?),
            Source::PostgresTable { connection } => {
                Kind::Tables(Tables::open(connection, &definition.tables, config).await?)
            }
        }))
    }

    /// Lists the columns of a source table: name and Postgres type; empty where there is no such table.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::SourceUnavailable`], [`crate::error::Error::SourceUnreadable`].
    pub async fn columns_of(&self, schema: &str, table: &str) -> Result<Vec<(String, String)>> {
        self.link().columns_of(schema, table).await
    }

    /// How far the cursor can be trusted, and why.
    #[must_use]
    pub fn safety(&self) -> (Safety, String) {
        match &self.0 {
            Kind::AuditLog(log) => log.safety(),
            Kind::Tables(tables) => tables.safety(),
        }
    }

    /// Begins the snapshot that everything after the position `last` is read in; everything there is where it is none.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::SourceReplaced`], [`crate::error::Error::SourceUnavailable`],
    /// [`crate::error::Error::SourceUnreadable`].
    pub async fn begin(
        &self,
        last: Option<&Value>,
        covered_before: Option<Timestamp>,
    ) -> Result<Reading> {
        match &self.0 {
            Kind::AuditLog(log) => log.begin(last, covered_before).await,
            Kind::Tables(tables) => tables.begin(last).await,
        }
    }

    /// Reads every event of a reading into the files of batch `batch`, and says what came of each source table.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::SourceUnavailable`], [`crate::error::Error::SourceUnreadable`],
    /// [`crate::error::Error::LandingUnavailable`].
    pub async fn read(
        &self,
        reading: &Reading,
        batch: i64,
        writer: &mut Writer<'_>,
    ) -> Result<Vec<((String, String), SourceEvents)>> {
        let mut tally = Tally::default();
        match &self.0 {
            Kind::AuditLog(log) => log.read(reading, (&mut tally, writer)).await?,
            Kind::Tables(tables) => tables.read(reading, batch, (&mut tally, writer)).await?,
        }

        Ok(tally.tables)
    }

    /// Counts the events that wait behind the cursor, up to `limit`.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::SourceUnavailable`], [`crate::error::Error::SourceUnreadable`].
    pub async fn backlog(&self, reading: &Reading, limit: i64) -> Result<i64> {
        let statement = match &self.0 {
            Kind::AuditLog(_) => "source/backlog.sql",
            Kind::Tables(_) => "source/changed_rows.sql",
        };
        let link = self.link();
        let mut waiting = 0;
        for query in &reading.queries {
            let mut query = query.clone();
            query["limit"] = (limit - waiting).into();
            let row = link
                .client
                .query_one(&render(statement, &query)?, &[])
                .await
                .map_err(|cause| link.refused(cause))?;
            waiting += row.get::<_, i64>(0);
        }

        Ok(waiting)
    }

    fn link(&self) -> &Link<'a> {
        match &self.0 {
            Kind::AuditLog(log) => &log.link,
            Kind::Tables(tables) => &tables.link,
        }
    }
}
