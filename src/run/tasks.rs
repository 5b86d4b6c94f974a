//! Runs that mend, check or make tables anew: rebuild, restage, resync, verify, replay and dismiss.

use std::collections::BTreeMap;

use futures::future::join_all;
use serde_json::{Map, Value};

use super::attempt::{Attempt, StepEnd, all};
use super::marts::{self, Again};
use super::table::{self, counted, landed, target};
use super::{Task, extract, shape};
use crate::error::Result;
use crate::pipeline::Table;
use crate::publish::Publisher;
use crate::source::read_again;
use crate::state::{StagedUpto, Window};
use crate::warehouse::{self, Meant, Reach, Span};

/// Executes a run that is not the pipeline's usual way.
pub(super) async fn execute(attempt: &Attempt<'_>, task: &Task) -> StepEnd {
    match task {
        Task::Build | Task::Resync { .. } => Ok(()),
        Task::Rebuild { table: name, keys } => {
            let table = attempt.table(name)?;
            rebuild(attempt, name, table, keys).await
        }
        Task::Restage { table: name } => {
            let table = attempt.table(name)?;
            restage(attempt, name, table).await?;
            marts::publish(attempt, name, table, &Again::Batches).await
        }
        Task::Verify {
            table: name,
            one_in,
        } => verify(attempt, name, attempt.table(name)?, *one_in).await,
        Task::Replay { tables, meant } => {
            // A batch that is still on its way would otherwise be overtaken, and never staged.
            attempt
                .step("extract", async |publisher| {
                    extract::settle(attempt, publisher).await
                })
                .await?;
            let mut replays = Vec::new();
            for name in tables {
                replays.push(replay(attempt, name, attempt.table(name)?, meant));
            }
            // One after the other, because each begins a batch of its own.
            let mut ends = Vec::new();
            for replay in replays {
                ends.push(replay.await);
            }
            all(ends)
        }
        Task::Dismiss { tables, meant } => {
            let mut dismissals = Vec::new();
            for name in tables {
                dismissals.push(dismiss(attempt, name, attempt.table(name)?, meant));
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
                read_again(&definition.source, &mut cursor.position, name)?;
                store.point(&definition.name, &cursor).await?;
            }
            Ok(Map::new())
        })
        .await
}

/// Makes current rows and history of all keys, or of some, again from the log.
async fn rebuild(
    attempt: &Attempt<'_>,
    name: &str,
    table: &Table,
    keys: &[BTreeMap<String, String>],
) -> StepEnd {
    if !keys.is_empty() {
        return marts::publish(attempt, name, table, &Again::Keys(keys.to_vec())).await;
    }
    let step = format!("plan.{name}");
    let retracked = attempt.step(&step, async |_| {
        let known = attempt
            .app
            .store
            .table(&attempt.definition.name, name)
            .await?;
        if let Some(known) = known {
            let store = &attempt.app.store;
            store.unpublish(&attempt.definition.name, name).await?;
            shape::retracked(attempt, (name, table), known).await?;
        }
        Ok(Map::new())
    });
    retracked.await?;

    marts::publish(attempt, name, table, &Again::Batches).await
}

/// Makes the log of a table again from landing, by the definition as it is now; its marts are then made anew from it.
pub(super) async fn restage(attempt: &Attempt<'_>, name: &str, table: &Table) -> StepEnd {
    attempt
        .step(&format!("restage.{name}"), async |publisher| {
            let store = &attempt.app.store;
            let pipeline = &attempt.definition.name;
            let Some(known) = store.table(pipeline, name).await? else {
                return Ok(Map::new());
            };
            shape::same_ids(attempt, (name, table), &known)?;
            let mut state = shape::anew(attempt, table, known)?;
            // From here on the marts no longer follow from the log, whatever becomes of this.
            store.unpublish(pipeline, name).await?;
            (state.current_anew, state.history_anew) = (true, true);
            let target = target(attempt, name, table, &state, publisher);
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
            let span = Span::again(window, landed, Reach::Everything);
            let upto = warehouse::restage(target, &span).await?;
            store
                .table_restaged((pipeline, name), table.origin(), &state, &upto)
                .await?;

            counted(&upto.staged)
        })
        .await
}

/// Compares a table with its log.
async fn verify(attempt: &Attempt<'_>, name: &str, table: &Table, one_in: u32) -> StepEnd {
    attempt
        .step(&format!("verify.{name}"), async |publisher| {
            let known = attempt
                .app
                .store
                .table(&attempt.definition.name, name)
                .await?;
            let Some(state) =
                known.filter(|state| state.current_from() > 0 && state.history_from() > 0)
            else {
                return Ok(Map::new());
            };
            shape::same_order(attempt, (name, table), &state)?;
            let target = target(attempt, name, table, &state, publisher);
            table::ensure(attempt, target, &state).await?;
            let span = async |upto_batch| -> Result<Span> {
                let window = Window {
                    after_batch: 0,
                    upto_batch,
                };
                let landed = landed(attempt, table, window).await?;
                Ok(Span::again(window, landed, Reach::Sample(one_in.max(1))))
            };
            let current = span(state.current_batch).await?;
            let history = span(state.history_batch).await?;

            counted(&warehouse::verify(target, (&current, &history)).await?)
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
        .map_err(|error| super::attempt::told(&error, attempt.run, "verify"))?;
    // This one has not succeeded yet.
    if runs + 1 < i64::from(due.every_runs) {
        return Ok(());
    }
    let tables = attempt
        .definition
        .tables
        .iter()
        .map(|(name, table)| verify(attempt, name, table, due.one_in));

    all(join_all(tables).await)
}

/// Tries rejects of a table again, as a batch of their own, and publishes what could be taken.
async fn replay(attempt: &Attempt<'_>, name: &str, table: &Table, meant: &Meant) -> StepEnd {
    let (stage_step, replay_step) = (format!("stage.{name}"), format!("replay.{name}"));
    let staged = attempt.step(&stage_step, async |publisher| {
        table::stage(attempt, name, table, publisher).await
    });
    staged.await?;
    let replayed = attempt.step(&replay_step, async |publisher| {
        replay_batch(attempt, (name, table), publisher, meant).await
    });
    replayed.await?;

    marts::publish(attempt, name, table, &Again::Batches).await
}

async fn replay_batch(
    attempt: &Attempt<'_>,
    (name, table): (&str, &Table),
    publisher: Publisher<'_>,
    meant: &Meant,
) -> Result<Map<String, Value>> {
    let store = &attempt.app.store;
    let pipeline = &attempt.definition.name;
    let Some(state) = store.table(pipeline, name).await? else {
        return Ok(Map::new());
    };
    let target = target(attempt, name, table, &state, publisher);
    let replayable = warehouse::replayable(target, meant).await?;
    if replayable.events == 0 {
        return Ok(Map::from_iter([("replayed".to_owned(), 0.into())]));
    }
    let batch = store
        .begin_replay(
            (pipeline, publisher.run),
            (name, table.origin().0, table.origin().1),
            &replayable,
        )
        .await?;
    let window = Window {
        after_batch: batch - 1,
        upto_batch: batch,
    };
    let landed = landed(attempt, table, window).await?;
    let span = Span::again(window, landed, Reach::Touched);
    let (taken, ends, rejects) = warehouse::replay(target, &span, meant).await?;
    let upto = StagedUpto {
        window: Window {
            after_batch: batch - 1,
            upto_batch: batch,
        },
        ends: Some(ends),
        rejects: Some(rejects),
        ..StagedUpto::default()
    };
    store
        .table_staged(publisher.run, (pipeline, name), table.origin(), &upto)
        .await?;

    Ok(Map::from_iter([
        ("replayed".to_owned(), taken.into()),
        ("rejects_left".to_owned(), rejects.0.into()),
    ]))
}

/// Forgets rejects of a table.
async fn dismiss(attempt: &Attempt<'_>, name: &str, table: &Table, meant: &Meant) -> StepEnd {
    attempt
        .step(&format!("dismiss.{name}"), async |publisher| {
            let store = &attempt.app.store;
            let pipeline = &attempt.definition.name;
            let known = store.table(pipeline, name).await?;
            let Some(state) = known.filter(|state| state.staged_batch > 0) else {
                return Ok(Map::new());
            };
            let target = target(attempt, name, table, &state, publisher);
            let (dismissed, rejects) = warehouse::dismiss(target, meant).await?;
            store.rejects_counted((pipeline, name), rejects).await?;

            Ok(Map::from_iter([
                ("dismissed".to_owned(), dismissed.into()),
                ("rejects_left".to_owned(), rejects.0.into()),
            ]))
        })
        .await
}
