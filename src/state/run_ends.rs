//! Ends of runs: recorded together with the messages that tell of them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::lineage_notes::Happened;
use super::queries::{Queries, Transaction};
use super::rows::from_row;
use super::sql::sql;
use super::webhooks::{Happening, Subscriptions, queue};
use super::{AttemptId, Run, RunState, Store, Transition};
use crate::config::WebhookEvent;
use crate::error::{Class, Result, causes};
use crate::time;

#[derive(Debug)]
struct FailedModel {
    model: String,
    problem: Option<Value>,
}

from_row!(FailedModel { model, problem });

#[derive(Debug)]
struct RejectedTable {
    table: String,
    rejected: i64,
    rejects: i64,
}

from_row!(RejectedTable {
    table,
    rejected,
    rejects
});

impl Store {
    /// Ends an attempt of a run, and with it the run; changes nothing if a later attempt has begun. The run's counts
    /// are those of its steps. Queues the messages about it in the same transaction.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::StateUnavailable`], [`crate::error::Error::Interrupted`] if another service has the run by now.
    pub async fn finish_run(
        &self,
        attempt: AttemptId,
        state: RunState,
        error: Option<&Value>,
        subscriptions: &Subscriptions,
    ) -> Result<()> {
        let mut connection = self.connection().await?;
        let mut transaction = connection.begin().await?;
        let finished_at: Option<Timestamp> = transaction
            .value_opt(
                sql!(runs::finish_run),
                &[&attempt.run, &attempt.number, &state, &error],
            )
            .await?;
        if let Some(at) = finished_at {
            let ended = Happened {
                run: attempt.run,
                attempt: attempt.number,
                step: None,
                transition: match state {
                    RunState::Succeeded => Transition::Complete,
                    RunState::Cancelled => Transition::Abort,
                    _ => Transition::Fail,
                },
                at,
                problem: error,
            };
            ended.tell(&mut transaction, subscriptions).await?;
        }
        if finished_at.is_some() && subscriptions.has_webhooks() {
            let part = transaction.begin().await?;
            match queue_end_of_run(&part, attempt.run, subscriptions).await {
                Ok(()) => part.commit().await?,
                // A run must end, also if nobody can be told.
                Err(error) if error.class() == Class::Fault => {
                    let cause = causes(&error);
                    tracing::error!(run_id = %attempt.run, %error, cause, "webhooks are not told of the end of a run");
                }
                Err(error) => return Err(error),
            }
        }

        transaction.commit().await
    }
}

/// Queues the messages about a run that has ended, in the transaction that ends it.
async fn queue_end_of_run(
    transaction: &Transaction<'_>,
    id: Uuid,
    subscriptions: &Subscriptions,
) -> Result<()> {
    let run: Run = transaction.row(sql!(runs::read_run), &[&id]).await?;
    for happening in happenings(transaction, &run).await? {
        queue(transaction, happening, subscriptions).await?;
    }

    Ok(())
}

/// What happened in a run that has ended.
async fn happenings(transaction: &Transaction<'_>, run: &Run) -> Result<Vec<Happening>> {
    let of_table = |event, subject: &str, data: Value| Happening {
        event,
        pipeline: run.pipeline.clone(),
        subject: Some(subject.to_owned()),
        worst: None,
        at: run.finished_at.unwrap_or_else(Timestamp::now),
        data,
    };
    let mut happenings = Vec::new();
    let end = match run.state {
        RunState::Failed => Some(WebhookEvent::RunFailed),
        RunState::Succeeded => Some(WebhookEvent::RunSucceeded),
        // Who cancelled it knows.
        _ => None,
    };
    happenings.extend(end.map(|event| Happening {
        subject: None,
        ..of_table(event, "", run_data(run))
    }));
    let (run_id, pipeline) = (run.id, &run.pipeline);
    if end.is_some() {
        let failed: Vec<FailedModel> = transaction
            .rows(sql!(webhooks::failed_models), &[&run_id])
            .await?;
        happenings.extend(failed.into_iter().map(|FailedModel { model, problem }| {
            let data =
                json!({"run_id": run_id, "pipeline": pipeline, "model": model, "error": problem});
            of_table(WebhookEvent::ModelFailed, &model, data)
        }));
    }
    let rejected: Vec<RejectedTable> = transaction
        .rows(sql!(webhooks::rejected_tables), &[&run_id])
        .await?;
    happenings.extend(rejected.into_iter().map(|of| {
        let data = json!({
            "run_id": run_id, "pipeline": pipeline, "table": of.table,
            "rejected": of.rejected, "rejects": of.rejects,
        });
        of_table(WebhookEvent::RejectsAppeared, &of.table, data)
    }));
    for (table, differences) in drift_by_table(&run.drift) {
        let data = json!({
            "run_id": run_id, "pipeline": pipeline, "table": table, "drift": differences,
        });
        happenings.push(of_table(WebhookEvent::DriftFound, &table, data));
    }

    Ok(happenings)
}

fn run_data(run: &Run) -> Value {
    let duration = run
        .finished_at
        .zip(run.started_at)
        .map(|(finished, started)| finished.duration_since(started).as_secs_f64().max(0.0));

    json!({
        "run_id": run.id,
        "pipeline": run.pipeline,
        "kind": run.task.get("kind"),
        "trigger": run.trigger,
        "labels": run.request.get("labels").cloned().unwrap_or_else(|| json!({})),
        "state": run.state,
        "attempt": run.attempt,
        "created_at": time::text(run.created_at),
        "started_at": run.started_at.map(time::text),
        "finished_at": run.finished_at.map(time::text),
        "duration_seconds": duration,
        "counts": run.counts,
        "error": run.error,
    })
}

/// The differences that a run saw first, without their tables and runs, which the message names already.
fn drift_by_table(drift: &Value) -> BTreeMap<String, Vec<Value>> {
    let mut tables: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for difference in drift.as_array().into_iter().flatten() {
        let mut difference = difference.clone();
        let Some(members) = difference.as_object_mut() else {
            continue;
        };
        members.shift_remove("run_id");
        if let Some(Value::String(table)) = members.shift_remove("table") {
            tables.entry(table).or_default().push(difference);
        }
    }

    tables
}
