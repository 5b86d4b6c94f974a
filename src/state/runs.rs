//! Runs: accepted, claimed by a worker, ended.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::Store;
use super::queries::Queries;
use super::rows::{from_row, text_column};
use super::sql::sql;
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

text_column!(RunState {
    Queued = "queued",
    Running = "running",
    Succeeded = "succeeded",
    Failed = "failed",
    Cancelled = "cancelled",
});

impl RunState {
    /// Says whether the run has ended.
    #[must_use]
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// What started a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A call of the API.
    #[default]
    Api,
    /// `poll` of the pipeline: its source had something new.
    Poll,
    /// `schedule` of the pipeline.
    Schedule,
    /// A model whose lag came near its `target_lag`.
    TargetLag,
}

text_column!(Trigger {
    Api = "api",
    Poll = "poll",
    Schedule = "schedule",
    TargetLag = "target_lag",
});

/// A run as it is recorded.
#[derive(Debug, Clone)]
pub struct Run {
    /// `UUIDv7`: later runs have higher ids.
    pub id: Uuid,
    pub pipeline: String,
    pub state: RunState,
    pub trigger: Trigger,
    /// What was asked for, as `run::Request` in JSON.
    pub request: Value,
    /// What it is for, as `run::Task` in JSON.
    pub task: Value,
    /// How many attempts it had.
    pub attempt: i32,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When its first attempt began.
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    /// What it did: a number for each name.
    pub counts: Value,
    /// The problem that ended it.
    pub error: Option<Value>,
    /// When a caller asked for its end.
    pub cancel_requested_at: Option<Timestamp>,
    /// How many attempts in a row have no recorded end, this one included.
    pub lost: i32,
    /// The differences of the source that this run was the first to see, each with its table. Empty in a claimed run.
    pub drift: Value,
}

from_row!(Run {
    id,
    pipeline,
    state,
    trigger,
    request,
    task,
    attempt,
    created_at,
    started_at,
    finished_at,
    counts,
    error,
    cancel_requested_at,
    lost,
    drift,
});

/// Which runs to list.
#[derive(Debug, Default)]
pub struct RunQuery {
    pub pipeline: Option<String>,
    pub state: Option<RunState>,
    pub trigger: Option<Trigger>,
    /// Only runs older than this one.
    pub before: Option<Uuid>,
    pub limit: i64,
}

/// An attempt of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptId {
    pub run: Uuid,
    /// From 1 on.
    pub number: i32,
}

/// A pipeline that has a run to execute.
#[derive(Debug)]
pub struct WaitingPipeline {
    pub pipeline: String,
    /// Whether a run of it is to be cancelled.
    pub is_cancel_requested: bool,
}

from_row!(WaitingPipeline {
    pipeline,
    is_cancel_requested
});

/// The states of a pipeline's last runs.
#[derive(Debug)]
pub struct LastRuns {
    /// That of the active run.
    pub active: Option<RunState>,
    /// That of the last run that ended.
    pub ended: Option<RunState>,
}

from_row!(LastRuns { active, ended });

impl Run {
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
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] if there is no run with this id.
    pub async fn run(&self, id: Uuid) -> Result<Run> {
        self.row_opt(sql!(runs::read_run), &[&id])
            .await?
            .ok_or_else(|| Error::not_found("run", &id.to_string(), []))
    }

    /// The last run of a pipeline that was accepted.
    pub async fn last_run(&self, pipeline: &str) -> Result<Option<Run>> {
        let which = RunQuery {
            pipeline: Some(pipeline.to_owned()),
            limit: 1,
            ..RunQuery::default()
        };

        Ok(self.runs(&which).await?.pop())
    }

    /// Lists runs, newest first.
    pub async fn runs(&self, which: &RunQuery) -> Result<Vec<Run>> {
        let RunQuery {
            pipeline,
            state,
            trigger,
            before,
            limit,
        } = which;

        self.rows(
            sql!(runs::list_runs),
            &[pipeline, state, before, limit, trigger],
        )
        .await
    }

    /// Lists the pipelines that have a run to execute.
    pub async fn waiting_pipelines(&self) -> Result<Vec<WaitingPipeline>> {
        self.rows(sql!(runs::waiting_pipelines), &[]).await
    }

    /// Takes the next run of a pipeline whose lease this service holds, and begins its next attempt. If this service
    /// cannot execute the pipeline (`can_execute` is false), it takes only a run that is to be cancelled.
    pub async fn claim_run(&self, pipeline: &str, can_execute: bool) -> Result<Option<Run>> {
        let run: Option<Run> = self
            .row_opt(sql!(runs::claim_run), &[&pipeline, &can_execute])
            .await?;
        if let Some(run) = &run {
            self.close_steps(run.id, run.attempt, None).await?;
        }

        Ok(run)
    }

    /// Ends an attempt of a run, and with it the run; changes nothing if a later attempt has begun. The run's counts
    /// are those of its steps.
    ///
    /// # Errors
    ///
    /// [`Error::StateUnavailable`], [`Error::Interrupted`] if another service has the run by now.
    pub async fn finish_run(
        &self,
        attempt: AttemptId,
        state: RunState,
        error: Option<&Value>,
    ) -> Result<()> {
        self.execute(
            sql!(runs::finish_run),
            &[&attempt.run, &attempt.number, &state, &error],
        )
        .await?;

        Ok(())
    }

    /// Records that the attempt ended by a temporary fault, so it is not lost.
    pub async fn record_failed_attempt(&self, attempt: AttemptId) -> Result<()> {
        self.execute(
            sql!(runs::record_failed_attempt),
            &[&attempt.run, &attempt.number],
        )
        .await?;

        Ok(())
    }

    /// Gives an attempt of a run back, so that any service can take it.
    pub async fn hand_back(&self, attempt: AttemptId) -> Result<()> {
        self.execute(sql!(runs::hand_back_run), &[&attempt.run, &attempt.number])
            .await?;

        Ok(())
    }

    /// Counts the pipeline's successful runs since its tables were last compared with their typed logs.
    pub async fn runs_since_verified(&self, pipeline: &str) -> Result<i64> {
        self.value(sql!(runs::runs_since_verified), &[&pipeline])
            .await
    }

    pub async fn last_runs(&self, pipeline: &str) -> Result<LastRuns> {
        self.row(sql!(runs::last_runs), &[&pipeline]).await
    }
}
