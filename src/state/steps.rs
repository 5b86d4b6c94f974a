//! Steps: the parts of a run, a row for each attempt.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::lineage_notes::Happened;
use super::queries::Queries;
use super::rows::{from_row, text_column};
use super::sql::sql;
use super::{AttemptId, Store, Subscriptions, Transition};
use crate::error::Result;

/// How a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Being executed.
    Running,
    /// Done.
    Succeeded,
    /// Ended by an error.
    Failed,
    /// Left out, because what it needs failed.
    Skipped,
}

text_column!(StepState {
    Running = "running",
    Succeeded = "succeeded",
    Failed = "failed",
    Skipped = "skipped",
});

/// The last attempt of a step.
#[derive(Debug, Clone)]
pub struct StepRecord {
    /// For example `stage.orders`.
    pub name: String,
    pub attempt: i32,
    pub state: StepState,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    /// What it did: a number for each name.
    pub counts: Value,
    /// The problem that ended it.
    pub error: Option<Value>,
    /// When its first attempt began.
    pub began_at: Timestamp,
}

/// How an attempt of a step ended.
#[derive(Debug)]
pub struct StepEnd<'a> {
    pub state: StepState,
    /// What lineage servers are told.
    pub transition: Transition,
    /// What it did: a number for each name.
    pub counts: &'a Value,
    pub problem: Option<&'a Value>,
}

/// Which steps of a run to list.
#[derive(Debug, Default)]
pub struct StepQuery {
    pub states: Option<Vec<StepState>>,
    pub name: Option<String>,
    /// Only steps after this one: when it first began, and its name.
    pub after: Option<(Timestamp, String)>,
    pub limit: i64,
}

from_row!(StepRecord {
    name,
    attempt,
    state,
    started_at,
    finished_at,
    counts,
    error,
    began_at,
});

impl Store {
    /// Begins an attempt of a step, and queues what is told of that.
    pub async fn begin_step(
        &self,
        attempt: AttemptId,
        name: &str,
        subscriptions: &Subscriptions,
    ) -> Result<()> {
        let mut connection = self.connection().await?;
        let mut transaction = connection.begin().await?;
        let started_at: Timestamp = transaction
            .value(
                sql!(steps::begin_step),
                &[&attempt.run, &name, &attempt.number],
            )
            .await?;
        let begun = Happened {
            run: attempt.run,
            attempt: attempt.number,
            step: Some(name),
            transition: Transition::Start,
            at: started_at,
            problem: None,
        };
        begun.tell(&mut transaction, subscriptions).await?;

        transaction.commit().await
    }

    /// Ends an attempt of a step, and queues what is told of that.
    pub async fn finish_step(
        &self,
        attempt: AttemptId,
        name: &str,
        end: &StepEnd<'_>,
        subscriptions: &Subscriptions,
    ) -> Result<()> {
        let mut connection = self.connection().await?;
        let mut transaction = connection.begin().await?;
        let finished_at: Option<Timestamp> = transaction
            .value_opt(
                sql!(steps::finish_step),
                &[
                    &attempt.run,
                    &name,
                    &attempt.number,
                    &end.state,
                    end.counts,
                    &end.problem,
                ],
            )
            .await?;
        if let Some(at) = finished_at {
            let ended = Happened {
                run: attempt.run,
                attempt: attempt.number,
                step: Some(name),
                transition: end.transition,
                at,
                problem: end.problem,
            };
            ended.tell(&mut transaction, subscriptions).await?;
        }

        transaction.commit().await
    }

    /// Says whether a step of a run has succeeded in any attempt.
    pub async fn has_succeeded(&self, run: Uuid, name: &str) -> Result<bool> {
        self.value(sql!(steps::has_succeeded), &[&run, &name]).await
    }

    /// Lists steps of a run, each in its last attempt, in the order in which they first began.
    pub async fn steps(&self, run: Uuid, which: &StepQuery) -> Result<Vec<StepRecord>> {
        let StepQuery {
            states,
            name,
            after,
            limit,
        } = which;
        let (began_at, after) = after.clone().unzip();

        self.rows(
            sql!(steps::list_steps),
            &[&run, &began_at, &after, states, name, limit],
        )
        .await
    }
}
