//! Test: runs all declared tests of a table over all its rows. It changes no table.

use crate::error::{Error, Result};
use crate::pipeline::Table;
use crate::publish::Publisher;
use crate::run::attempt::Attempt;
use crate::run::counts::Counts;
use crate::run::failure::StepEnd;
use crate::run::step;
use crate::run::steps::columns;
use crate::state::Window;
use crate::warehouse::{self, Refresh, Scope};

pub(super) async fn test(attempt: &Attempt<'_>, table: &Table) -> StepEnd {
    let name = format!("test.{}", table.id.name);

    step::run(attempt, &name, async |publisher| {
        test_rows(attempt, table, publisher).await
    })
    .await
}

async fn test_rows(
    attempt: &Attempt<'_>,
    table: &Table,
    publisher: Publisher<'_>,
) -> Result<Counts> {
    let store = &attempt.app.store;
    let known = store.table(&table.id).await?;
    let is_there = |state: &crate::state::TableState| {
        let history_from = if table.marts().has_history() {
            state.history_from()
        } else {
            state.current_from()
        };
        history_from > 0
    };
    let Some(state) = known.filter(is_there) else {
        return Ok(Counts::default());
    };
    columns::refuse_other_marts(table, &state)?;
    let target = attempt.target(table, &state, publisher);
    let window = Window {
        after_batch: 0,
        upto_batch: if table.marts().has_history() {
            state.history_batch
        } else {
            state.current_batch
        },
    };
    let landed = store.landed_between(table, window).await?;
    let refresh = Refresh::again(window, landed, Scope::Everything);
    let results = warehouse::audit_published(target, &refresh).await?;
    for result in &results {
        store.record_test(attempt.run.id, result).await?;
    }
    warehouse::judge(target, &results)?;
    let warnings = results.iter().filter(|result| result.status == "warn");
    let count = |length: usize| i64::try_from(length).map_err(Error::internal);

    Ok(Counts::from([
        ("tests", count(results.len())?),
        ("tests_warned", count(warnings.count())?),
    ]))
}
