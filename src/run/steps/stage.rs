//! The step `stage.<table>`: new batches go from landing to the table's typed log.

use super::columns;
use crate::error::Result;
use crate::pipeline::Table;
use crate::publish::Publisher;
use crate::run::attempt::Attempt;
use crate::run::counts::Counts;
use crate::run::failure::StepEnd;
use crate::run::measured::count_staged;
use crate::run::step;
use crate::state::{Layer, TableState, Window};
use crate::warehouse::{self, Refresh, Target};

pub(in crate::run) async fn stage(attempt: &Attempt<'_>, table: &Table) -> StepEnd {
    let name = format!("stage.{}", table.id.name);

    step::run(attempt, &name, async |publisher| {
        stage_batches(attempt, table, publisher).await
    })
    .await
}

async fn stage_batches(
    attempt: &Attempt<'_>,
    table: &Table,
    publisher: Publisher<'_>,
) -> Result<Counts> {
    let store = &attempt.app.store;
    let Some(known) = store.table(&table.id).await? else {
        return Ok(Counts::default());
    };
    let state = columns::evolve(attempt, table, known).await?;
    let target = attempt.target(table, &state, publisher);
    attempt.ensure_tables(target, &state).await?;
    let last_landed = store.last_landed(&table.id.pipeline).await?;
    let build_upto = warehouse::build_upto(target, Layer::Log).await?;
    let mut counts = Counts::default();
    // A build that an earlier run began is finished first; newer batches follow.
    let first =
        build_upto.filter(|upto_batch| state.staged_batch == 0 && *upto_batch < last_landed);
    let mut after_batch = state.staged_batch;
    for upto_batch in first.into_iter().chain([last_landed]) {
        let window = Window {
            after_batch,
            upto_batch,
        };
        counts.add(&stage_window(attempt, target, &state, window).await?);
        after_batch = upto_batch;
    }

    Ok(counts)
}

async fn stage_window(
    attempt: &Attempt<'_>,
    target: Target<'_>,
    state: &TableState,
    window: Window,
) -> Result<Counts> {
    let (store, table) = (&attempt.app.store, target.table);
    let landed = store.landed_between(table, window).await?;
    let refresh = Refresh {
        is_current_complete: state.shows_all_upto(window.after_batch),
        ..Refresh::of(window, landed, true)
    };
    let staged = warehouse::stage(target, &refresh).await?;
    if window.upto_batch > window.after_batch {
        store.record_staging(attempt.run.id, table, &staged).await?;
        count_staged(&table.id.pipeline, &staged.staged);
        warehouse::drop_leftover(target, Layer::Log).await?;
    }

    Counts::of(&staged.staged)
}
