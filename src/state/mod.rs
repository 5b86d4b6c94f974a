//! What the service remembers, in the schema `icefront` of its own Postgres. Knows neither Trino nor HTTP.

mod accept;
mod batches;
mod changes;
mod cursors;
mod files;
mod landed;
mod lease;
mod progress;
mod run_progress;
mod runs;
mod statements;
mod steps;
mod tables;
mod test_results;

use deadpool_postgres::{Object, Pool, PoolError};

pub use accept::{AcceptLimits, AcceptedRun, IfRunning, NewRun};
pub use batches::{OpenBatch, SourceEvents, WrittenBatch};
pub use changes::{ChangeQuery, ChangeRecord, Period, Published, Staged, Versions};
pub use cursors::Cursor;
pub use files::{FileState, KnownFile, LedgerFile, ListedFile, SourceFile};
pub use landed::{Landed, Replayable};
pub use lease::Lease;
pub use progress::{Changed, EndedStatement, LogEnd, Publication, RejectsLeft, StagedWindow};
pub use run_progress::{RunEvent, RunProgress};
pub use runs::{AttemptId, Run, RunState, Runs};
pub use statements::{NewStatement, OpenStatement, SentStatement, StatementEnd, StatementRecord};
pub use steps::{StepRecord, StepState};
pub use tables::{TableState, Window};
pub use test_results::TestResult;

use crate::config;
use crate::error::{Error, Result};
use crate::postgres::{Server, Tls};

mod migrations {
    refinery::embed_migrations!("sql/migrations");
}

/// The text of a statement for Postgres, by its place below `sql/statements/`.
macro_rules! statement {
    ($path:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/sql/statements/",
            $path
        ))
    };
}
pub(crate) use statement;

#[derive(Debug, Clone)]
pub struct Store {
    pool: Pool,
    /// For what is done under a lease, so that neither callers nor runs wait for the other.
    work: Pool,
    lease: Option<i64>,
    tls: Tls,
}

impl Store {
    /// Makes the pool; connects to nothing yet.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] when `state.url` is missing or no address, or a file that belongs to it cannot be read.
    pub fn new(settings: &config::State) -> Result<Self> {
        let server = Server::new(&settings.address()?)?;
        let session = statement!("state/session.sql");

        Ok(Self {
            pool: server.pool(settings.connections.div_ceil(2), session)?,
            work: server.pool((settings.connections / 2).max(1), session)?,
            lease: None,
            tls: server.tls().clone(),
        })
    }

    /// Brings the schema up to date; services that start together take turns.
    ///
    /// # Errors
    ///
    /// [`Error::StateUnavailable`] when the database does not answer, [`Error::Internal`] when a migration fails.
    pub async fn migrate(&self) -> Result<()> {
        let mut client = Object::take(self.client().await?);
        client
            .batch_execute(statement!("state/migration_lock.sql"))
            .await
            .map_err(fault)?;
        migrations::migrations::runner()
            .run_async(&mut *client)
            .await
            .map_err(Error::internal)?;

        Ok(())
    }

    /// Asks whether the database answers and has our schema.
    ///
    /// # Errors
    ///
    /// [`Error::StateUnavailable`] when not.
    pub async fn check(&self) -> Result<()> {
        self.client()
            .await?
            .query_one(statement!("state/ready.sql"), &[])
            .await
            .map_err(|cause| Error::StateUnavailable(cause.into()))?;

        Ok(())
    }

    async fn client(&self) -> Result<Object> {
        let client = self.pool.get().await.map_err(|cause| match cause {
            PoolError::Backend(cause) => match self.tls.explain(&cause) {
                Some(detail) => Error::Settings(detail),
                None => Error::StateUnavailable(cause.into()),
            },
            other => Error::StateUnavailable(other.into()),
        })?;
        if let Some(number) = self.lease {
            let hold = client
                .prepare_cached(statement!("state/hold_lease.sql"))
                .await;
            client
                .query_one(&hold.map_err(fault)?, &[&number.to_string()])
                .await
                .map_err(fault)?;
        }

        Ok(client)
    }
}

/// What [`Lease`] makes the database refuse.
const LEASE_LOST: &str = "IF001";
/// Our tables, or the columns of a newer service, are not there yet; somebody holds a lock for longer than we wait; we were frozen in a transaction; the server only reads.
const PASSING: [&str; 6] = ["3F000", "42P01", "42703", "55P03", "25P03", "25006"];
/// A statement took longer than the server lets it, which it would again.
const CANCELLED: &str = "57014";

/// Tells a database that went away, and a lease that is another's, from a statement of ours that was refused.
fn fault(cause: tokio_postgres::Error) -> Error {
    let code = cause.code().map(tokio_postgres::error::SqlState::code);
    if code == Some(LEASE_LOST) {
        return Error::Interrupted;
    }
    let is_broken = std::error::Error::source(&cause)
        .is_some_and(<dyn std::error::Error>::is::<std::io::Error>);
    let is_away = |code: &str| {
        let is_class = matches!(&code[..2], "57" | "08" | "53");
        code != CANCELLED && (is_class || PASSING.contains(&code))
    };
    if cause.is_closed() || is_broken || code.is_some_and(is_away) {
        Error::StateUnavailable(cause.into())
    } else {
        Error::internal(cause)
    }
}
