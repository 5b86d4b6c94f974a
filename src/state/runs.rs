//! Runs: accepted, claimed by a worker, ended.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::Row;
use uuid::Uuid;

use super::{Store, fault, statement};
use crate::error::{Error, Result};

/// Where a run is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Accepted, not begun.
    Queued,
    /// Being executed.
    Running,
    /// Ended, all steps done.
    Succeeded,
    /// Ended by an error.
    Failed,
    /// Ended by a caller.
    Cancelled,
}

impl RunState {
    /// The word for it in the API and the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Says whether nothing more will happen.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    pub(super) fn parse(text: &str) -> Self {
        match text {
            "queued" => Self::Queued,
            "running" => Self::Running,
            "succeeded" => Self::Succeeded,
            "cancelled" => Self::Cancelled,
            _ => Self::Failed,
        }
    }
}

/// A run as it is remembered.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its id, UUIDv7: later runs have higher ones.
    pub id: Uuid,
    /// The pipeline that it runs.
    pub pipeline: String,
    /// Where it is on its way.
    pub state: RunState,
    /// What was asked for, as `run::Request` in JSON.
    pub request: Value,
    /// What it is for, as `run::Task` in JSON.
    pub task: Value,
    /// How often it was begun.
    pub attempt: i32,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it was first begun.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// What it did, by name.
    pub counts: Value,
    /// The problem that ended it.
    pub error: Option<Value>,
    /// When a caller asked for its end.
    pub cancel_requested_at: Option<Timestamp>,
    /// How many attempts in a row began and had no end recorded, this one included.
    pub lost: i32,
    /// How sources were first seen to differ by this run, with the table of each.
    pub drift: Value,
}

/// Which runs to list.
#[derive(Debug, Default)]
pub struct Runs {
    /// Only of this pipeline.
    pub pipeline: Option<String>,
    /// Only in this state.
    pub state: Option<RunState>,
    /// Only older ones than this.
    pub before: Option<Uuid>,
    /// At most so many.
    pub limit: i64,
}

/// One try of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptId {
    pub run: Uuid,
    /// From 1 on.
    pub number: i32,
}

impl Run {
    /// The attempt that it is in.
    #[must_use]
    pub fn attempt_id(&self) -> AttemptId {
        AttemptId {
            run: self.id,
            number: self.attempt,
        }
    }
}

impl Store {
    /// Reads a run.
    pub async fn run(&self, id: Uuid) -> Result<Run> {
        let row = self
            .client()
            .await?
            .query_opt(statement!("state/read_run.sql"), &[&id])
            .await
            .map_err(fault)?;

        row.map(|row| read(&row))
            .ok_or_else(|| Error::not_found("run", &id.to_string(), []))
    }

    /// Lists runs, newest first.
    pub async fn runs(&self, which: &Runs) -> Result<Vec<Run>> {
        let state = which.state.map(RunState::as_str);
        let rows = self
            .client()
            .await?
            .query(
                statement!("state/list_runs.sql"),
                &[&which.pipeline, &state, &which.before, &which.limit],
            )
            .await
            .map_err(fault)?;

        Ok(rows.iter().map(read).collect())
    }

    /// Lists the pipelines that have a run to execute.
    pub async fn waiting_pipelines(&self) -> Result<Vec<(String, bool)>> {
        let rows = self
            .client()
            .await?
            .query(statement!("state/waiting_pipelines.sql"), &[])
            .await
            .map_err(fault)?;

        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Takes the next run of a pipeline whose lease we hold, and begins its next attempt; unless it `is_known`, only one that is to be
    /// cancelled.
    pub async fn claim_run(&self, pipeline: &str, is_known: bool) -> Result<Option<Run>> {
        let row = self
            .client()
            .await?
            .query_opt(statement!("state/claim_run.sql"), &[&pipeline, &is_known])
            .await
            .map_err(fault)?;
        let run = row.map(|row| read(&row));
        if let Some(run) = &run {
            self.close_steps(run.id, run.attempt, None).await?;
        }

        Ok(run)
    }

    /// Ends an attempt of a run, and with it the run; changes nothing where a later attempt was begun. What the run did is what its steps did.
    ///
    /// # Errors
    ///
    /// [`Error::StateUnavailable`], [`Error::Interrupted`] where the run is another service's by now.
    pub async fn finish_run(
        &self,
        attempt: AttemptId,
        state: RunState,
        error: Option<&Value>,
    ) -> Result<()> {
        self.client()
            .await?
            .execute(
                statement!("state/finish_run.sql"),
                &[&attempt.run, &attempt.number, &state.as_str(), &error],
            )
            .await
            .map_err(fault)?;

        Ok(())
    }

    /// Notes that an attempt of a run failed by a fault that passes, after which another is to follow.
    pub async fn schedule_retry(&self, attempt: AttemptId) -> Result<()> {
        self.client()
            .await?
            .execute(
                statement!("state/schedule_retry.sql"),
                &[&attempt.run, &attempt.number],
            )
            .await
            .map_err(fault)?;

        Ok(())
    }

    /// Gives an attempt of a run back, to be taken up by whoever comes first.
    pub async fn hand_back(&self, attempt: AttemptId) -> Result<()> {
        self.client()
            .await?
            .execute(
                statement!("state/hand_back_run.sql"),
                &[&attempt.run, &attempt.number],
            )
            .await
            .map_err(fault)?;

        Ok(())
    }

    /// Counts the runs of a pipeline that succeeded since one that compared its tables with their logs.
    pub async fn runs_since_verified(&self, pipeline: &str) -> Result<i64> {
        let row = self
            .client()
            .await?
            .query_one(statement!("state/runs_since_verified.sql"), &[&pipeline])
            .await
            .map_err(fault)?;

        Ok(row.get(0))
    }

    /// Tells what the runs of a pipeline come to: the state of the one that is active, and of the last that ended.
    pub async fn last_runs(&self, pipeline: &str) -> Result<(Option<RunState>, Option<RunState>)> {
        let row = self
            .client()
            .await?
            .query_one(statement!("report/last_run.sql"), &[&pipeline])
            .await
            .map_err(fault)?;
        let state = |at| row.get::<_, Option<&str>>(at).map(RunState::parse);

        Ok((state(0), state(1)))
    }
}

fn read(row: &Row) -> Run {
    Run {
        id: row.get(0),
        pipeline: row.get(1),
        state: RunState::parse(row.get(2)),
        request: row.get(3),
        attempt: row.get(4),
        created_at: row.get(5),
        started_at: row.get(6),
        finished_at: row.get(7),
        counts: row.get(8),
        error: row.get(9),
        task: row.get(10),
        drift: row.get(11),
        cancel_requested_at: row.get(12),
        lost: row.get(13),
    }
}
