//! Replay: stages rejects again, as a batch of their own, and publishes those that can be taken.

use crate::error::Result;
use crate::pipeline::Table;
use crate::publish::Publisher;
use crate::run::attempt::Attempt;
use crate::run::counts::Counts;
use crate::run::failure::{StepEnd, first_failure};
use crate::run::step;
use crate::run::steps::marts::{self, ToPublish};
use crate::run::steps::{extract, stage};
use crate::state::{StagedWindow, Window};
use crate::warehouse::{self, Refresh, RejectFilter, Scope};

pub(super) async fn replay(
    attempt: &Attempt<'_>,
    tables: &[String],
    filter: &RejectFilter,
) -> StepEnd {
    // The replay would overtake an open batch, which would then never be staged.
    step::run(attempt, "extract", async |publisher| {
        extract::finish_open_batches(attempt, publisher).await?;
        Ok(Counts::default())
    })
    .await?;
    let tables = attempt.tables(tables)?;
    let mut ends = Vec::new();
    // One after the other, because each begins a batch of its own.
    for table in tables {
        ends.push(replay_table(attempt, table, filter).await);
    }

    first_failure(ends)
}

async fn replay_table(attempt: &Attempt<'_>, table: &Table, filter: &RejectFilter) -> StepEnd {
    stage::stage(attempt, table).await?;
    let name = format!("replay.{}", table.id.name);
    step::run(attempt, &name, async |publisher| {
        replay_batch(attempt, table, filter, publisher).await
    })
    .await?;

    marts::build(attempt, table, &ToPublish::NewBatches).await
}

async fn replay_batch(
    attempt: &Attempt<'_>,
    table: &Table,
    filter: &RejectFilter,
    publisher: Publisher<'_>,
) -> Result<Counts> {
    let store = &attempt.app.store;
    let Some(state) = store.table(&table.id).await? else {
        return Ok(Counts::default());
    };
    let target = attempt.target(table, &state, publisher);
    let replayable = warehouse::replayable(target, filter).await?;
    if replayable.events == 0 {
        return Ok(Counts::from([("replayed", 0)]));
    }
    let run = attempt.run.id;
    let batch = store.begin_replay(run, table, &replayable).await?;
    let window = Window {
        after_batch: batch - 1,
        upto_batch: batch,
    };
    let landed = store.landed_between(table, window).await?;
    let refresh = Refresh::again(window, landed, Scope::TouchedKeys);
    let replayed = warehouse::replay(target, &refresh, filter).await?;
    let staged = StagedWindow {
        window,
        last_event: Some(replayed.last_event),
        rejects: Some(replayed.left),
        ..StagedWindow::default()
    };
    store.record_staging(run, table, &staged).await?;

    Ok(Counts::from([
        ("replayed", replayed.taken),
        ("rejects_left", replayed.left.count),
    ]))
}
