//! Retention: what is old enough to go from the state database, and what something still needs.
//!
//! Old rows are read by more than lists. So these stay, however old they are:
//!
//! - runs that have not ended, the first run of a pipeline, its last ones, its last 20 builds that succeeded, its last verification, and
//!   the runs of the last refreshes of each model;
//! - runs with the statements that tell whose a table is: the first and the last ones about each table and view, the one that made its
//!   first snapshot, and lost statements;
//! - runs that an idempotency key leads to;
//! - the last publication of each table and model, and those that consumers still read.
//!
//! Batches, cursors and the ledger of files stay as a whole: they say what was read, and nothing is read twice.

use jiff::Timestamp;
use uuid::Uuid;

use super::Store;
use super::queries::Queries;
use super::rows::from_row;
use super::sql::sql;
use crate::error::{Error, Result};

/// The most rows that one transaction deletes or changes.
const CHUNK: i64 = 5_000;
/// The most runs that one transaction deletes: each has about a hundred rows.
const CHUNK_OF_RUNS: i64 = 50;
/// The most days of tables whose sums one transaction puts together: each has hundreds of rows at most.
const CHUNK_OF_DAYS: i64 = 20;

/// What goes when it is old enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OldRows {
    /// The text of statements.
    Sql,
    /// Events of runs.
    Events,
    /// Publications of row changes.
    Publications,
    /// Refreshes whose run is gone.
    Refreshes,
    /// Sums of changes, which are put together by days.
    Changes,
}

/// The runs of a pipeline that are old enough to go.
#[derive(Debug)]
pub struct OldRuns<'a> {
    pub pipeline: &'a str,
    /// Runs that ended before this time.
    pub before: Timestamp,
    /// Runs stay that a key younger than this leads to.
    pub keys_since: Timestamp,
    in_use: Vec<Uuid>,
}

/// An Iceberg snapshot that something may still read.
#[derive(Debug, Clone)]
pub struct SnapshotInUse {
    pub pipeline: String,
    /// The model that read or made it, by its name in the pipeline.
    pub model: Option<String>,
    pub snapshot: String,
}

from_row!(SnapshotInUse {
    pipeline,
    model,
    snapshot
});

impl OldRows {
    fn count(self) -> &'static str {
        match self {
            Self::Sql => sql!(retention::count_old_sql),
            Self::Events => sql!(retention::count_old_events),
            Self::Publications => sql!(retention::count_old_publications),
            Self::Refreshes => sql!(retention::count_old_refreshes),
            Self::Changes => sql!(retention::count_old_changes),
        }
    }

    fn delete(self) -> &'static str {
        match self {
            Self::Sql => sql!(retention::forget_old_sql),
            Self::Events => sql!(retention::delete_old_events),
            Self::Publications => sql!(retention::delete_old_publications),
            Self::Refreshes => sql!(retention::delete_old_refreshes),
            Self::Changes => sql!(retention::put_days_together),
        }
    }

    fn chunk(self) -> i64 {
        match self {
            Self::Changes => CHUNK_OF_DAYS,
            _ => CHUNK,
        }
    }
}

impl Store {
    /// Counts what a pipeline has from before a time.
    pub async fn count_old(&self, pipeline: &str, rows: OldRows, before: Timestamp) -> Result<i64> {
        self.value(rows.count(), &[&pipeline, &before]).await
    }

    /// Deletes one chunk of what [`Store::count_old`] counts. False if nothing was left.
    pub async fn delete_old(
        &self,
        pipeline: &str,
        rows: OldRows,
        before: Timestamp,
    ) -> Result<bool> {
        let deleted = self
            .execute(rows.delete(), &[&pipeline, &before, &rows.chunk()])
            .await?;

        Ok(deleted > 0)
    }

    /// Finds the runs of a pipeline that may go; the last `counted` stay, because the next verification counts them. While its lease is held, no other run of it begins to be needed.
    pub async fn old_runs<'a>(
        &self,
        pipeline: &'a str,
        before: Timestamp,
        keys_since: Timestamp,
        counted: i64,
    ) -> Result<OldRuns<'a>> {
        let in_use = self
            .values(
                sql!(retention::runs_in_use),
                &[&pipeline, &before, &counted],
            )
            .await?;

        Ok(OldRuns {
            pipeline,
            before,
            keys_since,
            in_use,
        })
    }

    pub async fn count_old_runs(&self, old: &OldRuns<'_>) -> Result<i64> {
        self.value(
            sql!(retention::count_old_runs),
            &[&old.pipeline, &old.before, &old.in_use, &old.keys_since],
        )
        .await
    }

    /// Deletes one chunk of old runs, with all that belongs to them, and gives their number.
    pub async fn delete_old_runs(&self, old: &OldRuns<'_>) -> Result<i64> {
        let deleted = self
            .execute(
                sql!(retention::delete_old_runs),
                &[
                    &old.pipeline,
                    &old.before,
                    &old.in_use,
                    &old.keys_since,
                    &CHUNK_OF_RUNS,
                ],
            )
            .await?;

        i64::try_from(deleted).map_err(Error::internal)
    }

    /// The Iceberg snapshots that something may still read: of tables of a pipeline, and of all that models read. Consumers count
    /// that asked since a time.
    pub async fn snapshots_in_use(
        &self,
        pipeline: &str,
        consumers_since: Timestamp,
    ) -> Result<Vec<SnapshotInUse>> {
        self.rows(
            sql!(retention::snapshots_in_use),
            &[&pipeline, &consumers_since],
        )
        .await
    }

    /// The daily times of a pipeline up to this one have had their maintenance. They count from the first call on.
    pub async fn maintained_until(&self, pipeline: &str) -> Result<Timestamp> {
        self.execute(sql!(retention::begin_maintenance), &[&pipeline])
            .await?;

        self.value(sql!(retention::maintained_until), &[&pipeline])
            .await
    }

    /// Notes that the daily times up to now, and `due`, have had their maintenance, unless another service did so since `until` was read.
    pub async fn keep_maintenance(
        &self,
        pipeline: &str,
        until: Timestamp,
        due: Timestamp,
    ) -> Result<()> {
        self.execute(
            sql!(retention::keep_maintenance),
            &[&pipeline, &until, &due],
        )
        .await?;

        Ok(())
    }
}
