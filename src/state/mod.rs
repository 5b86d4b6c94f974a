//! What the service remembers, in the schema `icefront` of its own Postgres. Knows neither Trino nor HTTP.

mod accept;
mod adopted;
mod batches;
mod builds;
mod changes;
mod closed_steps;
mod consumers;
mod cursors;
mod files;
mod forgotten;
mod gauges;
mod landed;
mod lease;
mod leftovers;
mod lineage;
mod lineage_notes;
mod models;
mod outbox;
mod pipelines;
mod pools;
mod publications;
mod queries;
mod refreshes;
mod resets;
mod retention;
mod rows;
mod run_ends;
mod run_progress;
mod runs;
mod schema;
mod sql;
mod statements;
mod status;
mod steps;
mod table_progress;
mod tables;
mod test_results;
mod webhooks;

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Object, Pool, PoolError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_postgres::Row;

pub use accept::{AcceptLimits, AcceptedRun, ChangedRun, IfRunning, NewRun};
pub use adopted::UnknownEvents;
pub use batches::{OpenBatch, SourceEvents, TableEvents, WrittenBatch};
pub use builds::{Build, ExpectedBuild, Fit, Layer};
pub use changes::{ChangePlace, ChangeQuery, ChangeRecord, Period, Published, Staged, Versions};
pub use consumers::{Consumer, ConsumerMove, ConsumerQuery, Moved};
pub use cursors::{Cursor, EmptyPoll};
pub(crate) use files::UnreadPaths;
pub use files::{
    FileQuery, FileState, HoldingFiles, KnownFile, LedgerFile, ListedFile, SourceFile,
};
pub use gauges::{PipelineGauges, StateSize, StateTableSize, TableRejects};
pub use landed::{Landed, Replayable};
pub use lease::Lease;
pub use leftovers::{EndedDeletion, Held, HeldTable, LeftoverKind, WrittenTable};
pub use lineage::{ExtractedEvents, StepStatement};
pub use lineage_notes::{LineageNote, RunOfJob, Transition};
pub use models::ModelState;
pub use outbox::{
    ClaimedDelivery, Delivery, DeliveryQuery, DeliveryReason, DeliveryState, FailedTry,
};
pub use pipelines::PipelineState;
pub use pools::PoolUse;
pub use publications::{KeptPublication, PublishedColumn};
pub use refreshes::{
    ChangedRows, EndedRefresh, FailedRefresh, InputReading, LagSince, LastRefresh, ModelColumn,
    Reading, RefreshAction, RefreshQuery, RefreshRecord, RefreshState, Refreshed,
};
pub use resets::BegunReset;
pub use retention::{OldRows, OldRuns, SnapshotInUse};
pub use run_progress::{RunEvent, RunProgress};
pub use runs::{
    Activity, AttemptId, PipelineRuns, Run, RunQuery, RunState, Trigger, WaitingPipeline,
};
pub use schema::Schema;
pub use statements::{
    EndedStatement, LostStatement, NewStatement, SentStatement, SqlQuery, StatementEnd,
    StatementOutcome, StatementRecord, StatementSql, StatementState, StepSql,
};
pub use status::Status;
pub use steps::{StepEnd, StepQuery, StepRecord, StepState};
pub use table_progress::{Changed, LastEvent, LookedAt, Publication, RejectsLeft, StagedWindow};
pub use tables::{TableState, Window};
pub use test_results::{TestQuery, TestResult};
pub use webhooks::{SeenFreshness, Subscriptions};

use self::queries::{Connection, Parameters, Queries};
use self::sql::sql;
use crate::config;
use crate::error::{Error, Result};
use crate::postgres::{self, Server};

/// How long a question of a caller waits for a turn.
const LONGEST_TURN_WAIT: Duration = Duration::from_secs(5);

/// The state database.
#[derive(Debug, Clone)]
pub struct Store {
    pool: Pool,
    /// The connections for runs and what else the service does by itself, so that callers and runs do not wait for each other.
    work_pool: Pool,
    /// One connection for what the service asks about the database itself. Neither callers nor runs can take it.
    own_pool: Pool,
    /// The number of the lease that this store works under ([`Store::with_lease`]).
    lease: Option<i64>,
    /// Taken for each question of a caller, so that one caller leaves connections to others. `None` for the service itself.
    turns: Option<Arc<Semaphore>>,
    /// The name of the database's settings, for messages.
    settings_key: String,
}

impl Store {
    /// Makes the pools; connects to nothing yet.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] when `state.url` is missing or no address, or a file that belongs to it cannot be read.
    pub fn new(settings: &config::State) -> Result<Self> {
        let address = settings.address()?;
        let server = Server::new(&address)?;
        let session = sql!(schema::session);

        let for_calls = sql!(schema::session_for_calls);

        Ok(Self {
            pool: server.pool(settings.connections.div_ceil(2), for_calls)?,
            work_pool: server.pool((settings.connections / 2).max(1), session)?,
            own_pool: server.pool(1, session)?,
            lease: None,
            turns: None,
            settings_key: address.key,
        })
    }

    /// The same database for the service's own work outside of leases: it waits for no caller, and its questions may take their time.
    #[must_use]
    pub fn for_work(&self) -> Self {
        Self {
            pool: self.work_pool.clone(),
            turns: None,
            ..self.clone()
        }
    }

    /// The same database for a caller, who takes a turn for each question.
    #[must_use]
    pub fn sharing(self, turns: Option<Arc<Semaphore>>) -> Self {
        Self { turns, ..self }
    }

    /// The number of connections for calls.
    #[must_use]
    pub fn connections_of_calls(&self) -> usize {
        self.pool.status().max_size
    }

    async fn connection(&self) -> Result<Connection> {
        let turn = self.turn().await?;
        let client = self.client(&self.pool).await?;
        if let Some(number) = self.lease {
            let hold = client
                .prepare_cached(sql!(lease::hold_lease))
                .await
                .map_err(queries::error)?;
            client
                .query_one(&hold, &[&number.to_string()])
                .await
                .map_err(queries::error)?;
        }

        Ok(Connection {
            client,
            _turn: turn,
        })
    }

    async fn turn(&self) -> Result<Option<OwnedSemaphorePermit>> {
        let Some(turns) = &self.turns else {
            return Ok(None);
        };
        let turn = tokio::time::timeout(LONGEST_TURN_WAIT, Arc::clone(turns).acquire_owned()).await;
        let turn = turn.map_err(|_| Error::TooManyCalls {
            detail: "calls with this key ask too much at once, and none of them ended in time",
            retry_after: LONGEST_TURN_WAIT.as_secs(),
        })?;

        turn.map(Some).map_err(Error::internal)
    }

    async fn client(&self, pool: &Pool) -> Result<Object> {
        pool.get().await.map_err(|cause| match cause {
            PoolError::Backend(cause) => match postgres::explain(&self.settings_key, &cause) {
                Some(detail) => Error::Settings(detail),
                None => Error::StateUnavailable(cause.into()),
            },
            other => Error::StateUnavailable(other.into()),
        })
    }
}

impl Queries for Store {
    async fn execute(&self, statement: &str, parameters: Parameters<'_>) -> Result<u64> {
        self.connection()
            .await?
            .execute(statement, parameters)
            .await
    }

    async fn query(&self, statement: &str, parameters: Parameters<'_>) -> Result<Vec<Row>> {
        self.connection().await?.query(statement, parameters).await
    }
}
