//! Steps that nobody executes any more: ended when their run ends, or when its next attempt begins.

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::Store;
use super::lineage_notes::{Happened, Transition};
use super::queries::{Queries, Transaction};
use super::rows::from_row;
use super::sql::sql;
use super::webhooks::Subscriptions;
use crate::error::Result;

/// Which open steps to end, and how.
#[derive(Debug)]
pub(super) struct CloseSteps<'a> {
    pub(super) run: Uuid,
    /// The first attempt whose steps stay open.
    pub(super) before: i32,
    pub(super) problem: Option<&'a Value>,
    pub(super) transition: Transition,
}

struct ClosedStep {
    name: String,
    attempt: i32,
    finished_at: Timestamp,
}

from_row!(ClosedStep {
    name,
    attempt,
    finished_at
});

impl CloseSteps<'_> {
    pub(super) async fn close(
        &self,
        transaction: &mut Transaction<'_>,
        subscriptions: &Subscriptions,
    ) -> Result<()> {
        let closed: Vec<ClosedStep> = transaction
            .rows(
                sql!(steps::close_steps),
                &[&self.run, &self.before, &self.problem],
            )
            .await?;
        for step in closed {
            let ended = Happened {
                run: self.run,
                attempt: step.attempt,
                step: Some(&step.name),
                transition: self.transition,
                at: step.finished_at,
                problem: self.problem,
            };
            ended.tell(transaction, subscriptions).await?;
        }

        Ok(())
    }
}

impl Store {
    /// Ends the open steps of all attempts before `attempt`, with the problem that ended them if it is known.
    pub async fn close_steps(
        &self,
        run: Uuid,
        attempt: i32,
        problem: Option<&Value>,
        transition: Transition,
        subscriptions: &Subscriptions,
    ) -> Result<()> {
        let mut connection = self.connection().await?;
        let mut transaction = connection.begin().await?;
        let closed = CloseSteps {
            run,
            before: attempt,
            problem,
            transition,
        };
        closed.close(&mut transaction, subscriptions).await?;

        transaction.commit().await
    }
}
