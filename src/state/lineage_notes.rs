//! Lineage: notes for the lineage server, in the transactions that record what happened.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::outbox::NewMessage;
use super::queries::{Queries, Transaction};
use super::rows::from_row;
use super::sql::sql;
use super::webhooks::Subscriptions;
use crate::error::{Class, Error, Result, causes};

/// The settings of the receiver.
const RECEIVER: &str = "lineage";
/// The most events that wait at once: those of a day of a busy service.
const MOST_WAITING: i64 = 50_000;

/// How a run or a step goes on, in the words of OpenLineage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Transition {
    Start,
    Complete,
    Fail,
    /// It was cancelled, or the service that executed it ended.
    Abort,
}

impl Transition {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "START",
            Self::Complete => "COMPLETE",
            Self::Fail => "FAIL",
            Self::Abort => "ABORT",
        }
    }
}

/// A run of OpenLineage and its job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunOfJob {
    pub run: Uuid,
    pub namespace: String,
    pub job: String,
}

impl RunOfJob {
    /// Reads `namespace/job/run`, as `OPENLINEAGE_PARENT_ID` has it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.rsplitn(3, '/');
        let (run, job, namespace) = (parts.next()?, parts.next()?, parts.next()?);
        let is_full = run.len() == uuid::fmt::Hyphenated::LENGTH
            && !job.is_empty()
            && !namespace.is_empty()
            && !text.contains(|sign: char| sign.is_ascii_control());

        Some(Self {
            run: run.parse().ok().filter(|_| is_full)?,
            namespace: namespace.to_owned(),
            job: job.to_owned(),
        })
    }
}

/// The begin or the end of a run or of a step, as it waits in the outbox. The event is written when it is sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LineageNote {
    pub run_id: Uuid,
    /// The attempt with which the run begins after a caller started it or retried it last.
    pub first_attempt: i32,
    /// The caller's run of OpenLineage, as `run::Request` has it.
    pub parent: Option<Value>,
    pub attempt: i32,
    /// `None` for the run itself.
    pub step: Option<String>,
    /// Whether it is about the tests of the step's model, which are a job of their own.
    #[serde(default)]
    pub is_of_tests: bool,
    pub transition: Transition,
    pub at: Timestamp,
    /// What ended it.
    pub error: Option<String>,
}

/// What has happened to a run or a step.
#[derive(Debug, Clone, Copy)]
pub(super) struct Happened<'a> {
    pub(super) run: Uuid,
    pub(super) attempt: i32,
    /// `None` for the run itself.
    pub(super) step: Option<&'a str>,
    pub(super) transition: Transition,
    pub(super) at: Timestamp,
    /// The problem that ended it.
    pub(super) problem: Option<&'a Value>,
}

struct Origin {
    first_attempt: i32,
    parent: Option<Value>,
}

from_row!(Origin {
    first_attempt,
    parent
});

impl Happened<'_> {
    /// Queues what the lineage server is told of it, if there is one. A fault costs only the event.
    pub(super) async fn tell(
        &self,
        transaction: &mut Transaction<'_>,
        subscriptions: &Subscriptions,
    ) -> Result<()> {
        if !subscriptions.has_lineage() {
            return Ok(());
        }
        let part = transaction.begin().await?;
        match self.queue(&part).await {
            Ok(()) => part.commit().await,
            Err(error) if error.class() == Class::Fault => {
                let cause = causes(&error);
                tracing::error!(run_id = %self.run, %error, cause, "the lineage server is not told of a run");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn queue(&self, transaction: &Transaction<'_>) -> Result<()> {
        let Origin {
            first_attempt,
            parent,
        } = transaction
            .row(sql!(lineage::read_origin), &[&self.run])
            .await?;
        let detail = self.problem.and_then(|problem| problem["detail"].as_str());
        let note = LineageNote {
            run_id: self.run,
            first_attempt,
            parent,
            attempt: self.attempt,
            step: self.step.map(str::to_owned),
            is_of_tests: false,
            transition: self.transition,
            at: self.at,
            error: detail.map(str::to_owned),
        };
        queue(transaction, &note).await?;
        let model = self.step.and_then(|step| step.strip_prefix("model."));
        if let Some(model) = model
            && self.transition != Transition::Start
        {
            self.queue_tests(transaction, model, &note).await?;
        }

        Ok(())
    }

    /// Queues what is told of the tests of a model: they read what its step writes, so they are a job beside it.
    async fn queue_tests(
        &self,
        transaction: &Transaction<'_>,
        model: &str,
        of_step: &LineageNote,
    ) -> Result<()> {
        let has_failed: Option<bool> = transaction
            .value(
                sql!(lineage::failed_tests),
                &[&self.run, &self.attempt, &model],
            )
            .await?;
        let end = match has_failed {
            None => return Ok(()),
            Some(true) => Transition::Fail,
            Some(false) => Transition::Complete,
        };
        for transition in [Transition::Start, end] {
            let note = LineageNote {
                is_of_tests: true,
                transition,
                error: None,
                ..of_step.clone()
            };
            queue(transaction, &note).await?;
        }

        Ok(())
    }
}

async fn queue(transaction: &Transaction<'_>, note: &LineageNote) -> Result<()> {
    let message = NewMessage {
        receivers: &[RECEIVER.to_owned()],
        event: note.transition.as_str(),
        body: &serde_json::to_value(note).map_err(Error::internal)?,
        in_turn: Some(note.run_id),
        most_waiting: MOST_WAITING,
    };

    message.queue(transaction).await
}
