//! How far runs are, for callers who wait: one query for all of them, and the events of one run.

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::queries::Queries;
use super::rows::from_row;
use super::sql::sql;
use super::{RunState, Store};
use crate::error::Result;

/// How far a run is.
#[derive(Debug, Clone, PartialEq)]
pub struct RunProgress {
    pub run: Uuid,
    /// The number of its last [`RunEvent`].
    pub last_event: i64,
    pub state: RunState,
    /// The statements that Trino works on for it: a list of step, target and progress.
    pub statements: Value,
}

from_row!(RunProgress {
    run,
    last_event,
    state,
    statements
});

/// Something that happened to a run or to a step of it.
#[derive(Debug, Clone)]
pub struct RunEvent {
    /// Its number within the run, from 1 on without a gap.
    pub number: i64,
    pub at: Timestamp,
    /// `run` or `step`.
    pub name: String,
    /// What changed.
    pub data: Value,
}

from_row!(RunEvent {
    number,
    at,
    name,
    data
});

impl Store {
    /// Gives the progress of runs; skips ids that do not exist.
    pub async fn progress_of(&self, ids: &[Uuid]) -> Result<Vec<RunProgress>> {
        self.rows(sql!(run_progress::run_progress), &[&ids]).await
    }

    /// Lists the events of a run after a number, in order.
    pub async fn run_events(&self, id: Uuid, after: i64, limit: i64) -> Result<Vec<RunEvent>> {
        self.rows(sql!(run_progress::run_events), &[&id, &after, &limit])
            .await
    }
}
