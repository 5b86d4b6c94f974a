//! Steps: the parts of a run, a row for each attempt.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::queries::Queries;
use super::rows::{from_row, text_column};
use super::sql::sql;
use super::{AttemptId, Store};
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
    pub async fn begin_step(&self, attempt: AttemptId, name: &str) -> Result<()> {
        self.execute(
            sql!(steps::begin_step),
            &[&attempt.run, &name, &attempt.number],
        )
        .await?;

        Ok(())
    }

    pub async fn finish_step(
        &self,
        attempt: AttemptId,
        name: &str,
        state: StepState,
        counts: &Value,
        error: Option<&Value>,
    ) -> Result<()> {
        self.execute(
            sql!(steps::finish_step),
            &[&attempt.run, &name, &attempt.number, &state, counts, &error],
        )
        .await?;

        Ok(())
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

    /// Ends the open steps of all attempts before `attempt`, with the problem that ended them if it is known.
    pub async fn close_steps(
        &self,
        run: Uuid,
        attempt: i32,
        problem: Option<&Value>,
    ) -> Result<()> {
        self.execute(sql!(steps::close_steps), &[&run, &attempt, &problem])
            .await?;

        Ok(())
    }
}
