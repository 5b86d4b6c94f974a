//! Runs that callers start, cancel and have tried again: each call in one transaction, and under a key done once.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::Transaction;
use uuid::Uuid;

use super::{Run, Store, fault, statement};
use crate::error::{Error, Result};

/// What a caller asks for.
#[derive(Debug)]
pub struct NewRun<'a> {
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
    pub if_running: IfRunning,
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

/// The bounds of what is accepted.
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
    /// The run.
    pub run: Run,
    /// Whether the key had come before.
    pub is_replay: bool,
}

impl Store {
    /// Accepts a run and gives it as it is remembered; under a key that came before, gives the run that it came to.
    pub async fn accept(&self, new_run: &NewRun<'_>, limits: AcceptLimits) -> Result<AcceptedRun> {
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(fault)?;
        transaction
            .execute(statement!("state/accept_lock.sql"), &[&new_run.pipeline])
            .await
            .map_err(fault)?;
        let known = match new_run.key {
            Some(key) => known(&transaction, new_run, key, limits.keys).await?,
            None => None,
        };
        let id = match known {
            Some(id) => id,
            None => accept_new(&transaction, new_run, limits.queue).await?,
        };
        if known.is_some() && new_run.reruns {
            transaction
                .execute(statement!("state/queue_again.sql"), &[&id])
                .await
                .map_err(fault)?;
        }
        transaction.commit().await.map_err(fault)?;
        drop(client);

        Ok(AcceptedRun {
            run: self.run(id).await?,
            is_replay: known.is_some(),
        })
    }

    /// Queues a run again that failed or was cancelled, and gives it; says whether it was.
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
    new_run: &NewRun<'_>,
    key: &str,
    kept: Duration,
) -> Result<Option<Uuid>> {
    let row = transaction
        .query_opt(
            statement!("state/find_key.sql"),
            &[&new_run.pipeline, &key, &new_run.body, &kept.as_secs_f64()],
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
    new_run: &NewRun<'_>,
    queue: i64,
) -> Result<Uuid> {
    let row = transaction
        .query_one(
            statement!("state/active_runs.sql"),
            &[&new_run.pipeline, new_run.request],
        )
        .await
        .map_err(fault)?;
    let (active, alike): (Option<Uuid>, Option<Uuid>) = (row.get(0), row.get(1));
    let waiting: i64 = row.get(2);
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
                    statement!("state/create_run.sql"),
                    &[&id, &new_run.pipeline, new_run.request, new_run.task],
                )
                .await
                .map_err(fault)?;
            id
        }
    };
    if let Some(key) = new_run.key {
        transaction
            .execute(
                statement!("state/keep_key.sql"),
                &[&new_run.pipeline, &key, &new_run.body, &id],
            )
            .await
            .map_err(fault)?;
    }

    Ok(id)
}
