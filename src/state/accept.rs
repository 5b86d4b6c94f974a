//! Runs that callers start, cancel and retry: each call in one transaction, and under a key done once.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::lineage_notes::Happened;
use super::queries::{Queries, Transaction};
use super::rows::from_row;
use super::sql::sql;
use super::{Run, Store, Subscriptions, Transition, Trigger};
use crate::error::{Error, Result};

/// The run that a caller asks for.
#[derive(Debug)]
pub struct NewRun<'a> {
    pub pipeline: &'a str,
    /// What was asked for, as `run::Request` in JSON.
    pub request: &'a Value,
    /// What it is for, as `run::Task` in JSON.
    pub task: &'a Value,
    /// The caller's own key, under which this is done once.
    pub key: Option<&'a str>,
    /// What has to be the same for the key to mean the same call.
    pub body: &'a Value,
    pub if_running: IfRunning,
    pub trigger: Trigger,
    /// The caller's name.
    pub requested_by: Option<&'a str>,
    /// The schedule's time that it is started for.
    pub scheduled_for: Option<Timestamp>,
    /// The trace that it continues: a `traceparent` of W3C Trace Context.
    pub traceparent: Option<&'a str>,
    /// Whether a run that failed or was cancelled under the key is queued again.
    pub reruns: bool,
}

/// What to do where a run of the pipeline is active.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum IfRunning {
    /// Wait for the turn.
    #[default]
    Queue,
    /// Answer an active run of the same steps and tables, or of all: the one that is executed, else the oldest that waits. Queue where there is none.
    Attach,
    /// Refuse, and name that run.
    Reject,
}

#[derive(Debug, Clone, Copy)]
pub struct AcceptLimits {
    /// The most runs of a pipeline that wait.
    pub queue: i64,
    /// How long a key is kept.
    pub keys: Duration,
}

/// The run that a caller was given.
#[derive(Debug)]
pub struct AcceptedRun {
    pub run: Run,
    /// Whether the key had come before.
    pub is_replay: bool,
}

/// A run after a caller asked to change it.
#[derive(Debug)]
pub struct ChangedRun {
    pub run: Run,
    /// False if the run's state did not allow the change.
    pub has_changed: bool,
}

/// The run that a key led to before.
struct KnownKey {
    run_id: Uuid,
    is_same_body: bool,
}

from_row!(KnownKey {
    run_id,
    is_same_body
});

/// A run whose end was asked for.
struct AskedToEnd {
    attempt: i32,
    first_attempt: i32,
    /// When it ended, if that was at once.
    finished_at: Option<Timestamp>,
}

from_row!(AskedToEnd {
    attempt,
    first_attempt,
    finished_at
});

/// What a pipeline has under way.
struct ActiveRuns {
    /// The run that is executed, else the next one.
    active: Option<Uuid>,
    /// The first active run that does what the new one is to do.
    alike: Option<Uuid>,
    waiting: i64,
}

from_row!(ActiveRuns {
    active,
    alike,
    waiting
});

impl Store {
    /// Accepts a run. A key that came before gives its earlier run. While the pipeline is paused, only runs of callers are accepted.
    pub async fn accept(
        &self,
        new_run: &NewRun<'_>,
        limits: AcceptLimits,
    ) -> Result<Option<AcceptedRun>> {
        let mut connection = self.connection().await?;
        let transaction = connection.begin().await?;
        transaction
            .query(sql!(accept::accept_lock), &[&new_run.pipeline])
            .await?;
        let is_paused: bool = transaction
            .value(sql!(accept::is_paused), &[&new_run.pipeline])
            .await?;
        if is_paused && new_run.trigger != Trigger::Api {
            return Ok(None);
        }
        let known = match new_run.key {
            Some(key) => find_key(&transaction, new_run, key, limits.keys).await?,
            None => None,
        };
        let id = match known {
            Some(id) => id,
            None => accept_new(&transaction, new_run, limits.queue).await?,
        };
        if known.is_some() && new_run.reruns {
            let parent = new_run.request.get("openlineage");
            transaction
                .execute(sql!(accept::queue_again), &[&id, &parent])
                .await?;
        }
        transaction.commit().await?;
        // `run` takes a connection of the same pool. It waits for no turn: the caller must hear of what is done.
        drop(connection);

        Ok(Some(AcceptedRun {
            run: self.clone().sharing(None).run(id).await?,
            is_replay: known.is_some(),
        }))
    }

    /// Queues a run again that failed or was cancelled.
    pub async fn queue_again(&self, id: Uuid) -> Result<ChangedRun> {
        let none = None::<Value>;
        let queued = self
            .execute(sql!(accept::queue_again), &[&id, &none])
            .await?;

        Ok(ChangedRun {
            run: self.clone().sharing(None).run(id).await?,
            has_changed: queued > 0,
        })
    }

    /// Asks for the end of a run. A run that was not begun ends at once, with `problem`.
    pub async fn cancel(
        &self,
        id: Uuid,
        problem: &Value,
        subscriptions: &Subscriptions,
    ) -> Result<ChangedRun> {
        let mut connection = self.connection().await?;
        let mut transaction = connection.begin().await?;
        let asked: Option<AskedToEnd> = transaction
            .row_opt(sql!(accept::cancel_run), &[&id, problem])
            .await?;
        if let Some(asked) = &asked
            && let Some(at) = asked.finished_at
            // What was not begun has no end.
            && asked.attempt >= asked.first_attempt
        {
            let ended = Happened {
                run: id,
                attempt: asked.attempt,
                step: None,
                transition: Transition::Abort,
                at,
                problem: Some(problem),
            };
            ended.tell(&mut transaction, subscriptions).await?;
        }
        transaction.commit().await?;
        drop(connection);

        Ok(ChangedRun {
            run: self.clone().sharing(None).run(id).await?,
            has_changed: asked.is_some(),
        })
    }

    /// Deletes keys that are older than `kept`.
    pub async fn forget_idempotency_keys(&self, kept: Duration) -> Result<()> {
        self.execute(
            sql!(accept::forget_idempotency_keys),
            &[&kept.as_secs_f64()],
        )
        .await?;

        Ok(())
    }
}

async fn find_key(
    transaction: &Transaction<'_>,
    new_run: &NewRun<'_>,
    key: &str,
    kept: Duration,
) -> Result<Option<Uuid>> {
    let known: Option<KnownKey> = transaction
        .row_opt(
            sql!(accept::find_key),
            &[&new_run.pipeline, &key, &new_run.body, &kept.as_secs_f64()],
        )
        .await?;

    match known {
        None => Ok(None),
        Some(known) if known.is_same_body => Ok(Some(known.run_id)),
        Some(known) => Err(Error::KeyReused {
            key: key.to_owned(),
            run: known.run_id,
        }),
    }
}

async fn accept_new(
    transaction: &Transaction<'_>,
    new_run: &NewRun<'_>,
    queue: i64,
) -> Result<Uuid> {
    let ActiveRuns {
        active,
        alike,
        waiting,
    } = transaction
        .row(
            sql!(accept::active_runs),
            &[&new_run.pipeline, new_run.request, &new_run.trigger],
        )
        .await?;
    let id = match (new_run.if_running, active, alike) {
        (IfRunning::Attach, _, Some(run)) => run,
        (IfRunning::Reject, Some(run), _) => {
            let pipeline = new_run.pipeline.to_owned();
            return Err(Error::RunActive { pipeline, run });
        }
        _ if waiting >= queue => {
            let pipeline = new_run.pipeline.to_owned();
            return Err(Error::QueueFull { pipeline, waiting });
        }
        _ => {
            let id = Uuid::now_v7();
            transaction
                .execute(
                    sql!(accept::create_run),
                    &[
                        &id,
                        &new_run.pipeline,
                        new_run.request,
                        new_run.task,
                        &new_run.trigger,
                        &new_run.scheduled_for,
                        &new_run.requested_by,
                        &new_run.traceparent,
                    ],
                )
                .await?;
            id
        }
    };
    if let Some(key) = new_run.key {
        transaction
            .execute(
                sql!(accept::keep_key),
                &[&new_run.pipeline, &key, &new_run.body, &id],
            )
            .await?;
    }

    Ok(id)
}
