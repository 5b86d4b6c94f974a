//! Runs that callers start, cancel and have tried again: each call in one transaction, and under a key done once.

use std::time::Duration;

use serde_json::Value;
use tokio_postgres::Transaction;
use uuid::Uuid;

use super::{Run, Store, fault, statement};
use crate::error::{Error, Result};

/// What a caller asks for.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// The pipeline.
    pub pipeline: &'a str,
    /// What was asked for, as `run::Request` in JSON.
    pub request: &'a Value,
    /// What it is for, as `run::Task` in JSON.
    pub task: &'a Value,
    /// The caller's own key, under which this is done once.
    pub key: Option<&'a str>,
    /// What must be the same for the key to mean the same.
    pub body: &'a Value,
    /// What to do where a run of the pipeline is active.
    pub if_active: IfActive,
    /// Whether a run that failed or was cancelled under the key is queued again.
    pub reruns: bool,
}

/// What to do with a wanted run where one of the pipeline is active.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfActive {
    /// Let it wait for its turn.
    Queue,
    /// Give an active one instead that does the same or everything; let it wait where there is none.
    Attach,
    /// Refuse it.
    Reject,
}

/// The bounds of what is accepted.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// The most runs of a pipeline that wait.
    pub queue: i64,
    /// How long a key is kept.
    pub keys: Duration,
}

/// The run that a caller was given.
#[derive(Debug)]
pub struct Accepted {
    /// The run.
    pub run: Run,
    /// Whether the key had come before.
    pub is_replay: bool,
}

impl Store {
    /// Accepts a run and gives it as it is remembered; under a key that came before, gives the run that it came to.
    ///
    /// # Errors
    ///
    /// [`Error::KeyReused`], [`Error::RunActive`], [`Error::QueueFull`], [`Error::StateUnavailable`].
    pub async fn accept(&self, wanted: &Wanted<'_>, bounds: Bounds) -> Result<Accepted> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(fault)?;
        transaction
            .execute(statement!("state/accept_lock.sql"), &[&wanted.pipeline])
            .await
            .map_err(fault)?;
        let known = match wanted.key {
            Some(key) => known(&transaction, wanted, key, bounds.keys).await?,
            None => None,
        };
        let id = match known {
            Some(id) => id,
            None => accept_new(&transaction, wanted, bounds.queue).await?,
        };
        if known.is_some() && wanted.reruns {
            transaction
                .execute(statement!("state/queue_again.sql"), &[&id])
                .await
                .map_err(fault)?;
        }
        transaction.commit().await.map_err(fault)?;
        drop(client);

        Ok(Accepted {
            run: self.run(id).await?,
            is_replay: known.is_some(),
        })
    }

    /// Queues a run again that failed or was cancelled, and gives it; says whether it was.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::StateUnavailable`].
    pub async fn queue_again(&self, id: Uuid) -> Result<(Run, bool)> {
        let queued = self
            .client()
            .await?
            .execute(statement!("state/queue_again.sql"), &[&id])
            .await
            .map_err(fault)?;

        Ok((self.run(id).await?, queued > 0))
    }

    /// Asks for the end of a run, and gives it; one that was not begun has ended by that, with `problem`.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`], [`Error::StateUnavailable`].
    pub async fn cancel(&self, id: Uuid, problem: &Value) -> Result<(Run, bool)> {
        let asked = self
            .client()
            .await?
            .execute(statement!("state/cancel_run.sql"), &[&id, problem])
            .await
            .map_err(fault)?;

        Ok((self.run(id).await?, asked > 0))
    }

    /// Forgets keys that are older than they are kept.
    ///
    /// # Errors
    ///
    /// [`Error::StateUnavailable`].
    pub async fn forget_keys(&self, kept: Duration) -> Result<()> {
        self.client()
            .await?
            .execute(statement!("state/forget_keys.sql"), &[&kept.as_secs_f64()])
            .await
            .map_err(fault)?;

        Ok(())
    }
}

/// The run that a key came to before.
async fn known(
    transaction: &Transaction<'_>,
    wanted: &Wanted<'_>,
    key: &str,
    kept: Duration,
) -> Result<Option<Uuid>> {
    let row = transaction
        .query_opt(
            statement!("state/find_key.sql"),
            &[&wanted.pipeline, &key, &wanted.body, &kept.as_secs_f64()],
        )
        .await
        .map_err(fault)?;
    let Some(row) = row else {
        return Ok(None);
    };
    let run = row.get(0);
    if row.get(1) {
        Ok(Some(run))
    } else {
        let key = key.to_owned();
        Err(Error::KeyReused { key, run })
    }
}

async fn accept_new(
    transaction: &Transaction<'_>,
    wanted: &Wanted<'_>,
    queue: i64,
) -> Result<Uuid> {
    let row = transaction
        .query_one(
            statement!("state/active_runs.sql"),
            &[&wanted.pipeline, wanted.request],
        )
        .await
        .map_err(fault)?;
    let (active, alike): (Option<Uuid>, Option<Uuid>) = (row.get(0), row.get(1));
    let waiting: i64 = row.get(2);
    let id = match (wanted.if_active, active, alike) {
        (IfActive::Attach, _, Some(run)) => run,
        (IfActive::Reject, Some(run), _) => {
            let pipeline = wanted.pipeline.to_owned();
            return Err(Error::RunActive { pipeline, run });
        }
        _ if waiting >= queue => {
            let pipeline = wanted.pipeline.to_owned();
            return Err(Error::QueueFull { pipeline, waiting });
        }
        _ => {
            let id = Uuid::now_v7();
            transaction
                .execute(
                    statement!("state/create_run.sql"),
                    &[&id, &wanted.pipeline, wanted.request, wanted.task],
                )
                .await
                .map_err(fault)?;
            id
        }
    };
    if let Some(key) = wanted.key {
        transaction
            .execute(
                statement!("state/keep_key.sql"),
                &[&wanted.pipeline, &key, &wanted.body, &id],
            )
            .await
            .map_err(fault)?;
    }

    Ok(id)
}
