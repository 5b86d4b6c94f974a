//! Runs that mend, check or make tables anew: rebuild, restage, resync, verify, replay and dismiss.

use std::collections::BTreeMap;

use futures::future::join_all;
use serde_json::{Map, Value};

use super::attempt::{Attempt, StepEnd, all};
use super::marts::{self, PublishScope};
use super::table::{self, counted, landed, target};
use super::{Task, extract, shape};
use crate::error::Result;
use crate::pipeline::Table;
use crate::publish::Publisher;
use crate::source::request_reread;
use crate::state::{StagedWindow, Window};
use crate::warehouse::{self, Refresh, RejectFilter, Scope};

/// Executes a run that is not the pipeline's usual way.
pub(super) async fn execute(attempt: &Attempt<'_>, task: &Task) -> StepEnd {
    match task {
        Task::Build | Task::Resync { .. } => Ok(()),
        Task::Rebuild { table: name, keys } => {
            let table = attempt.table(name)?;
            rebuild(attempt, table, keys).await
        }
        Task::Restage { table: name } => {
            let table = attempt.table(name)?;
            restage(attempt, table).await?;
            marts::publish(attempt, table, &PublishScope::NewBatches).await
        }
        Task::Verify {
            table: name,
            one_in,
        } => verify(attempt, attempt.table(name)?, *one_in).await,
        Task::Replay { tables, filter } => {
            // A batch that is still on its way would otherwise be overtaken, and never staged.
            attempt
                .step("extract", async |publisher| {
                    extract::settle(attempt, publisher).await
                })
                .await?;
            let mut replays = Vec::new();
            for name in tables {
                replays.push(replay(attempt, attempt.table(name)?, filter));
            }
            // One after the other, because each begins a batch of its own.
            let mut ends = Vec::new();
            for replay in replays {
                ends.push(replay.await);
            }
            all(ends)
        }
        Task::Dismiss { tables, filter } => {
            let mut dismissals = Vec::new();
            for name in tables {
                dismissals.push(dismiss(attempt, attempt.table(name)?, filter));
            }
            all(join_all(dismissals).await)
        }
    }
}

/// Has the extraction that follows read a table again; where an earlier attempt had that, what it began goes on.
pub(super) async fn resync(attempt: &Attempt<'_>, name: &str) -> StepEnd {
    attempt
        .step(&format!("resync.{name}"), async |publisher| {
            let store = &attempt.app.store;
            let definition = attempt.definition;
            let step = format!("resync.{name}");
            if store.has_succeeded(attempt.run.id, &step).await? {
                return Ok(Map::new());
            }
            extract::can_again(attempt, name).await?;
            // A batch that is still on its way would bring a cursor that does not know of it.
            extract::settle(attempt, publisher).await?;
            if let Some(mut cursor) = store.cursor(&definition.name).await? {
                request_reread(&definition.source, &mut cursor.position, name)?;
                store.request_reread(&definition.name, &cursor).await?;
            }
            Ok(Map::new())
        })
        .await
}

/// Makes current rows and history of all keys, or of some, again from the log.
async fn rebuild(
    attempt: &Attempt<'_>,
    table: &Table,
    keys: &[BTreeMap<String, String>],
) -> StepEnd {
    if !keys.is_empty() {
        return marts::publish(attempt, table, &PublishScope::Keys(keys.to_vec())).await;
    }
    let step = format!("plan.{}", table.id.name);
    let retracked = attempt.step(&step, async |_| {
        let store = &attempt.app.store;
        if let Some(known) = store.table(&table.id).await? {
            store.unpublish(&table.id).await?;
            shape::retracked(attempt, table, known).await?;
        }
        Ok(Map::new())
    });
    retracked.await?;

    marts::publish(attempt, table, &PublishScope::NewBatches).await
}

/// Makes the log of a table again from landing, by the definition as it is now; its marts are then made anew from it.
pub(super) async fn restage(attempt: &Attempt<'_>, table: &Table) -> StepEnd {
    attempt
        .step(&format!("restage.{}", table.id.name), async |publisher| {
            let store = &attempt.app.store;
            let pipeline = &attempt.definition.name;
            let Some(known) = store.table(&table.id).await? else {
                return Ok(Map::new());
            };
            shape::same_ids(table, &known)?;
            let mut state = shape::redefined(attempt, table, known)?;
            // From here on the marts no longer follow from the log, whatever becomes of this.
            store.unpublish(&table.id).await?;
            (state.current_anew, state.history_anew) = (true, true);
            let target = target(attempt, table, &state, publisher);
            if state.staged_batch == 0 {
                table::ensure(attempt, target, &state).await?;
            }
            let window = Window {
                after_batch: 0,
                upto_batch: store.last_landed(pipeline).await?,
            };
            let mut landed = landed(attempt, table, window).await?;
            landed.events.repeats = true;
            // What was rejected lies beyond what the batches are known to span.
            landed.events.first_event = Some(-i64::MAX);
            landed.events.last_event = Some(i64::MAX);
            let refresh = Refresh::again(window, landed, Scope::Everything);
            let upto = warehouse::restage(target, &refresh).await?;
            store.table_restaged(table, &state, &upto).await?;

            counted(&upto.staged)
        })
        .await
}

/// Compares a table with its log.
async fn verify(attempt: &Attempt<'_>, table: &Table, one_in: u32) -> StepEnd {
    attempt
        .step(&format!("verify.{}", table.id.name), async |publisher| {
            let known = attempt.app.store.table(&table.id).await?;
            let Some(state) =
                known.filter(|state| state.current_from() > 0 && state.history_from() > 0)
            else {
                return Ok(Map::new());
            };
            shape::same_order(table, &state)?;
            let target = target(attempt, table, &state, publisher);
            table::ensure(attempt, target, &state).await?;
            let refresh = async |upto_batch| -> Result<Refresh> {
                let window = Window {
                    after_batch: 0,
                    upto_batch,
                };
                let landed = landed(attempt, table, window).await?;
                Ok(Refresh::again(window, landed, Scope::Sample(one_in.max(1))))
            };
            let current = refresh(state.current_batch).await?;
            let history = refresh(state.history_batch).await?;

            counted(&warehouse::verify(target, &current, &history).await?)
        })
        .await
}

/// Compares the tables with their logs after every so many runs, where the pipeline asks for that.
pub(super) async fn verify_when_due(attempt: &Attempt<'_>) -> StepEnd {
    let Some(due) = attempt.definition.verify else {
        return Ok(());
    };
    let runs = attempt
        .app
        .store
        .runs_since_verified(&attempt.run.pipeline)
        .await
        .map_err(|error| super::attempt::report_failure(&error, attempt.run, "verify"))?;
    // This one has not succeeded yet.
    if runs + 1 < i64::from(due.every_runs) {
        return Ok(());
    }
    let tables = attempt
        .definition
        .tables
        .values()
        .map(|table| verify(attempt, table, due.one_in));

    all(join_all(tables).await)
}

/// Tries rejects of a table again, as a batch of their own, and publishes what could be taken.
async fn replay(attempt: &Attempt<'_>, table: &Table, filter: &RejectFilter) -> StepEnd {
    let name = &table.id.name;
    let (stage_step, replay_step) = (format!("stage.{name}"), format!("replay.{name}"));
    let staged = attempt.step(&stage_step, async |publisher| {
        table::stage(attempt, table, publisher).await
    });
    staged.await?;
    let replayed = attempt.step(&replay_step, async |publisher| {
        replay_batch(attempt, table, publisher, filter).await
    });
    replayed.await?;

    marts::publish(attempt, table, &PublishScope::NewBatches).await
}

async fn replay_batch(
    attempt: &Attempt<'_>,
    table: &Table,
    publisher: Publisher<'_>,
    filter: &RejectFilter,
) -> Result<Map<String, Value>> {
    let store = &attempt.app.store;
    let Some(state) = store.table(&table.id).await? else {
        return Ok(Map::new());
    };
    let target = target(attempt, table, &state, publisher);
    let replayable = warehouse::replayable(target, filter).await?;
    if replayable.events == 0 {
        return Ok(Map::from_iter([("replayed".to_owned(), 0.into())]));
    }
    let batch = store
        .begin_replay(publisher.attempt.run, table, &replayable)
        .await?;
    let window = Window {
        after_batch: batch - 1,
        upto_batch: batch,
    };
    let landed = landed(attempt, table, window).await?;
    let refresh = Refresh::again(window, landed, Scope::Touched);
    let replayed = warehouse::replay(target, &refresh, filter).await?;
    let upto = StagedWindow {
        window: Window {
            after_batch: batch - 1,
            upto_batch: batch,
        },
        ends: Some(replayed.ends),
        rejects: Some(replayed.left),
        ..StagedWindow::default()
    };
    store
        .table_staged(publisher.attempt.run, table, &upto)
        .await?;

    Ok(Map::from_iter([
        ("replayed".to_owned(), replayed.taken.into()),
        ("rejects_left".to_owned(), replayed.left.count.into()),
    ]))
}

/// Forgets rejects of a table.
async fn dismiss(attempt: &Attempt<'_>, table: &Table, filter: &RejectFilter) -> StepEnd {
    attempt
        .step(&format!("dismiss.{}", table.id.name), async |publisher| {
            let store = &attempt.app.store;
            let known = store.table(&table.id).await?;
            let Some(state) = known.filter(|state| state.staged_batch > 0) else {
                return Ok(Map::new());
            };
            let target = target(attempt, table, &state, publisher);
            let dismissed = warehouse::dismiss(target, filter).await?;
            store.rejects_counted(&table.id, dismissed.left).await?;

            Ok(Map::from_iter([
                ("dismissed".to_owned(), dismissed.dismissed.into()),
                ("rejects_left".to_owned(), dismissed.left.count.into()),
            ]))
        })
        .await
}
