//! What a run is for, as steps: a file for each task.

mod build;
mod delete;
mod dismiss;
mod forget;
mod maintenance;
mod old_snapshots;
mod parts;
mod rebuild;
mod replay;
mod reset;
mod restage;
mod resync;
mod test;
mod verify;

use super::attempt::Attempt;
use super::failure::{StepEnd, report_failure};
use super::steps::{extract, models};
use super::task::{Task, erased_keys};
use crate::state::LeftoverKind;

/// Performs the task of an attempt.
pub(super) async fn perform(attempt: &Attempt<'_>) -> StepEnd {
    if attempt.run.attempt > 1 {
        // A step resolves lost statements before it writes. This stops the others, to spare Trino the load.
        let ended = attempt.publisher("run").end_earlier_attempts().await;
        ended.unwrap_or_else(|error| {
            tracing::warn!(%error, "statements of earlier attempts may still run in Trino");
        });
    }
    if !attempt.task.deletes_leftover() && !matches!(attempt.task, Task::Maintenance { .. }) {
        let adopted = Box::pin(extract::adopt_batches(attempt)).await;
        adopted.map_err(|error| report_failure(&error, attempt.run, "run"))?;
    }
    reset::finish_begun(attempt).await?;
    match &attempt.task {
        Task::Build { .. } => build::build(attempt).await,
        Task::Rebuild {
            are_keys_erased: true,
            ..
        } => Err(report_failure(&erased_keys(), attempt.run, "run")),
        Task::Rebuild { table, keys, .. } => {
            Box::pin(rebuild::rebuild(attempt, attempt.table(table)?, keys)).await
        }
        Task::Restage { table } => Box::pin(restage::restage(attempt, attempt.table(table)?)).await,
        Task::Resync { table } => {
            Box::pin(resync::request_reread(attempt, table)).await?;
            build::build(attempt).await
        }
        Task::Reset { table } => {
            Box::pin(reset::reset(attempt, attempt.table(table)?)).await?;
            build::build(attempt).await
        }
        Task::Forget { table, keys, .. } => {
            Box::pin(forget::forget(attempt, attempt.table(table)?, keys)).await
        }
        Task::Verify { table, one_in } => {
            Box::pin(verify::verify(attempt, attempt.table(table)?, *one_in)).await
        }
        Task::Test { table } => Box::pin(test::test(attempt, attempt.table(table)?)).await,
        Task::VerifyModel { model } => Box::pin(models::verify(attempt, model)).await,
        Task::Replay { tables, filter } => Box::pin(replay::replay(attempt, tables, filter)).await,
        Task::Dismiss { tables, filter } => {
            Box::pin(dismiss::dismiss(attempt, tables, filter)).await
        }
        Task::Delete { table } => {
            Box::pin(delete::delete(attempt, table, LeftoverKind::Table)).await
        }
        Task::DeleteModel { model } => {
            Box::pin(delete::delete(attempt, model, LeftoverKind::Model)).await
        }
        Task::Maintenance { dry_run } => Box::pin(maintenance::maintain(attempt, *dry_run)).await,
    }
}
