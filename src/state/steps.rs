//! Steps: the parts of a run, a row for each try.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::{AttemptId, Store, fault, statement};
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

impl StepState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }

    fn parse(text: &str) -> Self {
        match text {
            "running" => Self::Running,
            "succeeded" => Self::Succeeded,
            "skipped" => Self::Skipped,
            _ => Self::Failed,
        }
    }
}

/// The last try of a step.
#[derive(Debug, Clone)]
pub struct StepRecord {
    /// Its name, such as `stage.orders`.
    pub name: String,
    /// Which try it is.
    pub attempt: i32,
    /// How it stands.
    pub state: StepState,
    /// When this try began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// What it did, by name.
    pub counts: Value,
    /// The problem that ended it.
    pub error: Option<Value>,
}

impl Store {
    /// Begins a try of a step.
    pub async fn begin_step(&self, attempt: AttemptId, name: &str) -> Result<()> {
        self.client()
            .await?
            .execute(
                statement!("state/begin_step.sql"),
                &[&attempt.run, &name, &attempt.number],
            )
            .await
            .map_err(fault)?;

        Ok(())
    }

    /// Ends a try of a step.
    pub async fn finish_step(
        &self,
        attempt: AttemptId,
        name: &str,
        state: StepState,
        counts: &Value,
        error: Option<&Value>,
    ) -> Result<()> {
        self.client()
            .await?
            .execute(
                statement!("state/finish_step.sql"),
                &[
                    &attempt.run,
                    &name,
                    &attempt.number,
                    &state.as_str(),
                    counts,
                    &error,
                ],
            )
            .await
            .map_err(fault)?;

        Ok(())
    }

    /// Says whether a step of a run has succeeded in any of its tries.
    pub async fn has_succeeded(&self, run: Uuid, name: &str) -> Result<bool> {
        let row = self
            .client()
            .await?
            .query_one(statement!("state/has_succeeded.sql"), &[&run, &name])
            .await
            .map_err(fault)?;

        Ok(row.get(0))
    }

    /// Lists the steps of a run, each by its last try, in the order in which they began.
    pub async fn steps(&self, run: Uuid) -> Result<Vec<StepRecord>> {
        let rows = self
            .client()
            .await?
            .query(statement!("state/list_steps.sql"), &[&run])
            .await
            .map_err(fault)?;
        let mut steps: Vec<StepRecord> = rows
            .iter()
            .map(|row| StepRecord {
                name: row.get(0),
                attempt: row.get(1),
                state: StepState::parse(row.get(2)),
                started_at: row.get(3),
                finished_at: row.get(4),
                counts: row.get(5),
                error: row.get(6),
            })
            .collect();
        steps.sort_by_key(|step| step.started_at);

        Ok(steps)
    }

    /// Ends the steps that attempts before `attempt` left open, by the problem that ended them where it is known.
    pub async fn close_steps(
        &self,
        run: Uuid,
        attempt: i32,
        problem: Option<&Value>,
    ) -> Result<()> {
        self.client()
            .await?
            .execute(
                statement!("state/close_steps.sql"),
                &[&run, &attempt, &problem],
            )
            .await
            .map_err(fault)?;

        Ok(())
    }
}
