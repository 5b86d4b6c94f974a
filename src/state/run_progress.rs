//! How far runs are, for those who wait: one look for all of them, and what happened to one since a number.

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::{RunState, Store, fault, statement};
use crate::error::Result;

/// How far a run is.
#[derive(Debug, Clone, PartialEq)]
pub struct RunProgress {
    /// The number of the last thing that happened to it.
    pub last_event: i64,
    /// Where it is on its way.
    pub state: RunState,
    /// What it has under way in Trino: a list of step, target and progress.
    pub statements: Value,
}

/// Something that happened to a run or to a step of it.
#[derive(Debug, Clone)]
pub struct RunEvent {
    /// Its number within the run, from 1 on without a gap.
    pub number: i64,
    pub at: Timestamp,
    /// `run` or `step`.
    pub name: String,
    /// What is different since.
    pub data: Value,
}

impl Store {
    /// Tells how far runs are; those that do not exist are left out.
    pub async fn progress_of(&self, ids: &[Uuid]) -> Result<Vec<(Uuid, RunProgress)>> {
        let rows = self
            .client()
            .await?
            .query(statement!("state/run_progress.sql"), &[&ids])
            .await
            .map_err(fault)?;

        Ok(rows
            .iter()
            .map(|row| {
                let progress = RunProgress {
                    last_event: row.get(1),
                    state: RunState::parse(row.get(2)),
                    statements: row.get(3),
                };
                (row.get(0), progress)
            })
            .collect())
    }

    /// Lists what happened to a run after a number, at most `limit` of it, in order.
    pub async fn run_events(&self, id: Uuid, after: i64, limit: i64) -> Result<Vec<RunEvent>> {
        let rows = self
            .client()
            .await?
            .query(statement!("state/run_events.sql"), &[&id, &after, &limit])
            .await
            .map_err(fault)?;

        Ok(rows
            .iter()
            .map(|row| RunEvent {
                number: row.get(0),
                at: row.get(1),
                name: row.get(2),
                data: row.get(3),
            })
            .collect())
    }
}
