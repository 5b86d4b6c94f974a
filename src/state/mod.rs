//! What the service remembers, in the schema `icefront` of its own Postgres. Knows neither Trino nor HTTP.

mod batches;
mod changes;
mod cursors;
mod files;
mod landed;
mod lease;
mod progress;
mod runs;
mod statements;
mod steps;
mod tables;
mod tests;

use deadpool_postgres::{Object, Pool, PoolError};

pub use batches::{OpenBatch, SourceEvents, Written};
pub use changes::{Change, ChangeQuery, Period, Published, Staged, Versions};
pub use cursors::Cursor;
pub use files::{FileState, KnownFile, LedgerFile, ListedFile, SourceFile};
pub use landed::{Landed, Replayable};
pub use lease::Lease;
pub use progress::{Changed, Ends, StagedUpto};
pub use runs::{Run, RunState, Runs};
pub use statements::{OpenStatement, Statement, StatementEnd};
pub use steps::{Step, StepState};
pub use tables::{TableState, Window};
pub use tests::TestResult;

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

/// Our own database.
#[derive(Debug, Clone)]
pub struct Store {
    pool: Pool,
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

        Ok(Self {
            pool: server.pool(settings.connections)?,
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
        self.pool.get().await.map_err(|cause| match cause {
            PoolError::Backend(cause) => match self.tls.explain(&cause) {
                Some(detail) => Error::Settings(detail),
                None => Error::StateUnavailable(cause.into()),
            },
            other => Error::StateUnavailable(other.into()),
        })
    }
}

/// Tells a database that went away from a statement of ours that it refused.
fn fault(cause: tokio_postgres::Error) -> Error {
    let away = cause.is_closed()
        || cause
            .code()
            .is_none_or(|code| matches!(&code.code()[..2], "57" | "08" | "53"));
    if away {
        Error::StateUnavailable(cause.into())
    } else {
        Error::internal(cause)
    }
}
