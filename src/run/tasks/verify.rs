//! Verify: compares current rows and history of a table with its typed log.

use futures::future::join_all;
use icefront_project::Materialized;

use crate::error::Result;
use crate::pipeline::Table;
use crate::publish::Publisher;
use crate::run::attempt::Attempt;
use crate::run::counts::Counts;
use crate::run::failure::{StepEnd, first_failure, report_failure};
use crate::run::step;
use crate::run::steps::{columns, models};
use crate::state::Window;
use crate::warehouse::{self, Refresh, Scope};

/// Verifies one key in `one_in`.
pub(super) async fn verify(attempt: &Attempt<'_>, table: &Table, one_in: u32) -> StepEnd {
    let name = format!("verify.{}", table.id.name);

    step::run(attempt, &name, async |publisher| {
        compare(attempt, table, one_in, publisher).await
    })
    .await
}

/// Verifies all tables and models once per `verify.every_runs` successful runs, if the pipeline asks for that.
pub(super) async fn verify_when_due(attempt: &Attempt<'_>) -> StepEnd {
    let Some(due) = attempt.definition.verify else {
        return Ok(());
    };
    let runs = attempt
        .app
        .store
        .runs_since_verified(&attempt.run.pipeline)
        .await
        .map_err(|error| report_failure(&error, attempt.run, "verify"))?;
    // This run has not succeeded yet.
    if runs + 1 < i64::from(due.every_runs) {
        return Ok(());
    }
    let tables = attempt.definition.tables.values();
    let verified = tables.map(|table| verify(attempt, table, due.one_in));
    let mut ends = join_all(verified).await;
    for model in &attempt.definition.models.models {
        let is_selected = attempt.selection.models.contains(&model.name);
        if is_selected && model.config.materialized != Materialized::View {
            ends.push(Box::pin(models::verify_if_certain(attempt, &model.name)).await);
        }
    }

    first_failure(ends)
}

async fn compare(
    attempt: &Attempt<'_>,
    table: &Table,
    one_in: u32,
    publisher: Publisher<'_>,
) -> Result<Counts> {
    let store = &attempt.app.store;
    let known = store.table(&table.id).await?;
    let Some(state) = known.filter(|state| state.current_from() > 0 && state.history_from() > 0)
    else {
        return Ok(Counts::default());
    };
    columns::refuse_other_marts(table, &state)?;
    let target = attempt.target(table, &state, publisher);
    attempt.ensure_tables(target, &state).await?;
    let refresh = async |upto_batch| -> Result<Refresh> {
        let window = Window {
            after_batch: 0,
            upto_batch,
        };
        let landed = store.landed_between(table, window).await?;
        Ok(Refresh::again(window, landed, Scope::Sample(one_in.max(1))))
    };
    let current = refresh(state.current_batch).await?;
    let history = refresh(state.history_batch).await?;

    Counts::of(&warehouse::verify(target, &current, &history).await?)
}
