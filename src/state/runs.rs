//! Runs: accepted, claimed by a worker, ended.

use std::collections::{BTreeMap, HashMap};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::closed_steps::CloseSteps;
use super::lineage_notes::Happened;
use super::queries::{Queries, Transaction};
use super::rows::{OnlyColumn, from_row, text_column};
use super::sql::sql;
use super::{Store, Subscriptions, Transition};
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
    /// `schedule` of the pipeline, or the daily time of maintenance.
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

/// What runs that say something about tables and models are for: the kinds of `run::Task`.
const KINDS_OF_TABLES: [&str; 13] = [
    "build",
    "rebuild",
    "restage",
    "resync",
    "reset",
    "forget",
    "verify",
    "test",
    "verify_model",
    "replay",
    "dismiss",
    "delete",
    "delete_model",
];

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
    /// The caller that started it; `None` if the service did, or nobody was asked for a name.
    pub requested_by: Option<String>,
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
    /// The attempt with which it begins after a caller started it or retried it last.
    pub first_attempt: i32,
    /// The schedule's time that it was started for.
    pub scheduled_for: Option<Timestamp>,
    /// The trace of the call that started it: a `traceparent` of W3C Trace Context.
    pub traceparent: Option<String>,
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
    requested_by,
    attempt,
    created_at,
    started_at,
    finished_at,
    counts,
    error,
    cancel_requested_at,
    lost,
    first_attempt,
    scheduled_for,
    traceparent,
    drift,
});

/// Which runs to list.
#[derive(Debug, Default)]
pub struct RunQuery {
    pub pipeline: Option<String>,
    /// Only runs of these pipelines.
    pub pipelines: Option<Vec<String>>,
    pub states: Option<Vec<RunState>>,
    pub triggers: Option<Vec<Trigger>>,
    /// The kinds of their tasks.
    pub kinds: Option<Vec<&'static str>>,
    /// The table of their task, by its name in the pipeline.
    pub table: Option<String>,
    /// The model of their task, by its name in the pipeline.
    pub model: Option<String>,
    /// Only runs that were accepted at this time or later.
    pub since: Option<Timestamp>,
    /// Only runs that were accepted before this time.
    pub until: Option<Timestamp>,
    /// Only runs with these labels.
    pub labels: BTreeMap<String, String>,
    /// Only runs older than this one.
    pub before: Option<Uuid>,
    pub limit: i64,
}

/// The clocks of services and database differ by less. Ids of runs hold the service's time, `created_at` the database's.
const LARGEST_SKEW: SignedDuration = SignedDuration::from_hours(24);

impl RunQuery {
    /// Bounds of the ids of the runs, which an index finds.
    fn bounds(&self) -> (Option<Uuid>, Option<Uuid>) {
        let first = |time: Timestamp| {
            let milliseconds = u128::try_from(time.as_millisecond()).unwrap_or(0);
            Uuid::from_u128(milliseconds << 80)
        };
        let younger = self
            .since
            .and_then(|since| since.checked_sub(LARGEST_SKEW).ok());
        let older = self
            .until
            .and_then(|until| until.checked_add(LARGEST_SKEW).ok());
        let older = older.map(first).into_iter().chain(self.before).min();

        (older, younger.map(first))
    }
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
    /// Whether a run of it is to be cancelled, or deletes what is left. Such a run needs no definition.
    pub needs_no_definition: bool,
}

from_row!(WaitingPipeline {
    pipeline,
    needs_no_definition
});

/// The last runs of a pipeline.
#[derive(Debug, Clone)]
pub struct PipelineRuns {
    pub pipeline: String,
    /// The last run that ended.
    pub last_id: Option<Uuid>,
    pub last_state: Option<RunState>,
    pub last_finished_at: Option<Timestamp>,
    /// The run that is executed, else the next one.
    pub active_id: Option<Uuid>,
    pub active_state: Option<RunState>,
}

from_row!(PipelineRuns {
    pipeline,
    last_id,
    last_state,
    last_finished_at,
    active_id,
    active_state,
});

/// What a pipeline's runs are at, and how far they have come.
#[derive(Debug)]
pub struct Activity {
    pub pipeline: String,
    /// The state of the active run.
    pub active: Option<RunState>,
    /// The state of the last run that ended.
    pub ended: Option<RunState>,
    /// When the first run was accepted.
    pub first_accepted_at: Option<Timestamp>,
    /// The last batch that landed, 0 before the first.
    pub last_landed: i64,
    /// The time up to which the source was read, if a transaction held the reading back.
    pub blocked_at: Option<Timestamp>,
}

from_row!(Activity {
    pipeline,
    active,
    ended,
    first_accepted_at,
    last_landed,
    blocked_at
});

impl Run {
    #[must_use]
    pub fn attempt_id(&self) -> AttemptId {
        AttemptId {
            run: self.id,
            number: self.attempt,
        }
    }

    /// Closes what earlier attempts of a claimed run left open, and queues what is told of its begin.
    async fn begin(
        &self,
        transaction: &mut Transaction<'_>,
        subscriptions: &Subscriptions,
    ) -> Result<()> {
        let left = CloseSteps {
            run: self.id,
            before: self.attempt,
            problem: None,
            transition: Transition::Abort,
        };
        left.close(transaction, subscriptions).await?;
        if self.attempt != self.first_attempt {
            return Ok(());
        }
        // Clocks of services and database differ, and the steps have the database's.
        let at: Timestamp = transaction.value(sql!(runs::now), &[]).await?;
        let begun = Happened {
            run: self.id,
            attempt: self.attempt,
            step: None,
            transition: Transition::Start,
            at,
            problem: None,
        };

        begun.tell(transaction, subscriptions).await
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

    /// The pipeline of a run; `None` if there is no such run.
    pub async fn pipeline_of_run(&self, id: Uuid) -> Result<Option<String>> {
        let pipeline: Option<OnlyColumn<String>> =
            self.row_opt(sql!(runs::pipeline_of_run), &[&id]).await?;

        Ok(pipeline.map(|OnlyColumn(pipeline)| pipeline))
    }

    /// The last run of a pipeline that was accepted. Maintenance does not count: it says nothing about the tables.
    pub async fn last_run(&self, pipeline: &str) -> Result<Option<Run>> {
        let which = RunQuery {
            pipeline: Some(pipeline.to_owned()),
            kinds: Some(KINDS_OF_TABLES.to_vec()),
            limit: 1,
            ..RunQuery::default()
        };

        Ok(self.runs(&which).await?.pop())
    }

    /// Lists runs, newest first.
    pub async fn runs(&self, which: &RunQuery) -> Result<Vec<Run>> {
        let (older, younger) = which.bounds();
        let labels = (!which.labels.is_empty()).then_some(Json(&which.labels));

        self.rows(
            sql!(runs::list_runs),
            &[
                &which.pipeline,
                &which.states,
                &older,
                &younger,
                &which.triggers,
                &which.kinds,
                &which.table,
                &which.model,
                &which.since,
                &which.until,
                &labels,
                &which.limit,
                &which.pipelines,
            ],
        )
        .await
    }

    /// Lists the pipelines that have a run to execute.
    pub async fn waiting_pipelines(&self) -> Result<Vec<WaitingPipeline>> {
        self.rows(sql!(runs::waiting_pipelines), &[]).await
    }

    /// Takes the next run of a pipeline whose lease this service holds, and begins its next attempt. If this service
    /// cannot execute the pipeline (`can_execute` is false), it takes only a run that is to be cancelled, or that deletes what
    /// is left of the pipeline.
    pub async fn claim_run(
        &self,
        pipeline: &str,
        can_execute: bool,
        subscriptions: &Subscriptions,
    ) -> Result<Option<Run>> {
        let mut connection = self.connection().await?;
        let mut transaction = connection.begin().await?;
        let run: Option<Run> = transaction
            .row_opt(sql!(runs::claim_run), &[&pipeline, &can_execute])
            .await?;
        if let Some(run) = &run {
            run.begin(&mut transaction, subscriptions).await?;
        }
        transaction.commit().await?;

        Ok(run)
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

    /// The last runs of some pipelines, by pipeline.
    pub async fn pipeline_runs(&self, pipelines: &[&str]) -> Result<HashMap<String, PipelineRuns>> {
        let rows: Vec<PipelineRuns> = self
            .rows(sql!(runs::runs_of_pipelines), &[&pipelines])
            .await?;

        Ok(rows
            .into_iter()
            .map(|row| (row.pipeline.clone(), row))
            .collect())
    }

    /// What the runs of some pipelines are at, by pipeline.
    pub async fn activities(&self, pipelines: &[&str]) -> Result<HashMap<String, Activity>> {
        let rows: Vec<Activity> = self.rows(sql!(runs::activities), &[&pipelines]).await?;

        Ok(rows
            .into_iter()
            .map(|row| (row.pipeline.clone(), row))
            .collect())
    }
}
