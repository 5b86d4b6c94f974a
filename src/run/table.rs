//! The steps of one table: `stage.orders`, then `mart.orders` and `mart.orders_history` side by side.

use serde_json::{Map, Value};

use super::StepKind;
use super::attempt::{Attempt, StepEnd, add};
use crate::error::{Error, Result};
use crate::pipeline::Table;
use crate::publish::Publisher;
use crate::state::{Landed, StatementEnd, TableState, Window};
use crate::warehouse::{self, Target};

/// Brings one table up to date, as far as the run asks for it.
pub(super) async fn build(attempt: &Attempt<'_>, name: &str, table: &Table) -> StepEnd {
    let stage_step = format!("stage.{name}");
    let current_step = format!("mart.{name}");
    let history_step = format!("mart.{name}_history");
    let mut counts = Map::new();
    if attempt.request.has(StepKind::Staging) {
        let done = attempt
            .step(&stage_step, async |publisher| {
                stage(attempt, name, table, publisher).await
            })
            .await;
        match done {
            Ok(staged) => add(&mut counts, &staged),
            Err(problem) => {
                if attempt.request.has(StepKind::Marts) {
                    attempt.skip(&current_step).await;
                    attempt.skip(&history_step).await;
                }
                return Err(problem);
            }
        }
    }
    if attempt.request.has(StepKind::Marts) {
        let current = attempt.step(&current_step, async |publisher| {
            publish(attempt, name, table, publisher, Mart::Current).await
        });
        let history = attempt.step(&history_step, async |publisher| {
            publish(attempt, name, table, publisher, Mart::History).await
        });
        let (current, history) = tokio::join!(current, history);
        add(&mut counts, &current?);
        add(&mut counts, &history?);
    }

    Ok(counts)
}

/// The two tables that are published from the typed log.
#[derive(Clone, Copy)]
enum Mart {
    Current,
    History,
}

async fn stage(
    attempt: &Attempt<'_>,
    name: &str,
    table: &Table,
    publisher: Publisher<'_>,
) -> Result<Map<String, Value>> {
    let store = &attempt.app.store;
    let pipeline = &attempt.definition.name;
    let Some(state) = store.table(pipeline, name).await? else {
        return Ok(Map::new());
    };
    let target = target(attempt, name, table, &state, publisher);
    let made = format!("{pipeline}.{name}");
    attempt
        .app
        .make_once(&made, async || warehouse::ensure(target).await)
        .await?;
    let window = Window {
        after_batch: state.staged_batch,
        upto_batch: store.last_landed(pipeline).await?,
    };
    let landed = landed(attempt, table, window).await?;
    let events = warehouse::stage(target, window, &landed).await?;
    if window.upto_batch > window.after_batch {
        store
            .table_staged(pipeline, name, window.upto_batch, events.rejected)
            .await?;
    }

    counted(&events)
}

async fn publish(
    attempt: &Attempt<'_>,
    name: &str,
    table: &Table,
    publisher: Publisher<'_>,
    mart: Mart,
) -> Result<Map<String, Value>> {
    let store = &attempt.app.store;
    let pipeline = &attempt.definition.name;
    let Some(state) = store.table(pipeline, name).await? else {
        return Ok(Map::new());
    };
    let window = Window {
        after_batch: match mart {
            Mart::Current => state.current_batch,
            Mart::History => state.history_batch,
        },
        upto_batch: state.staged_batch,
    };
    if window.upto_batch <= window.after_batch {
        return Ok(Map::new());
    }
    let landed = landed(attempt, table, window).await?;
    let target = target(attempt, name, table, &state, publisher);
    match mart {
        Mart::Current => {
            let (rows, statements) = warehouse::publish_current(target, window, &landed).await?;
            let ends: Vec<(i64, StatementEnd)> = statements
                .iter()
                .map(|committed| (committed.statement, committed.end()))
                .collect();
            store
                .current_published(
                    publisher.run,
                    (pipeline, name),
                    window.upto_batch,
                    rows,
                    &ends,
                )
                .await?;
            counted(&rows)
        }
        Mart::History => {
            let versions = warehouse::publish_history(target, window, &landed).await?;
            store
                .history_published(pipeline, name, window.upto_batch)
                .await?;
            counted(&versions)
        }
    }
}

fn target<'a>(
    attempt: &'a Attempt<'_>,
    name: &'a str,
    table: &'a Table,
    state: &'a TableState,
    publisher: Publisher<'a>,
) -> Target<'a> {
    Target {
        definition: attempt.definition,
        names: &attempt.names,
        name,
        table,
        columns: &state.columns,
        publisher,
        rejecting: &attempt.rejecting,
    }
}

async fn landed(attempt: &Attempt<'_>, table: &Table, window: Window) -> Result<Landed> {
    attempt
        .app
        .store
        .landed_between(
            &attempt.definition.name,
            table.origin(),
            window.after_batch,
            window.upto_batch,
        )
        .await
}

/// A step's counts by their names.
fn counted(counts: &impl serde::Serialize) -> Result<Map<String, Value>> {
    match serde_json::to_value(counts).map_err(Error::internal)? {
        Value::Object(counts) => Ok(counts),
        _ => Ok(Map::new()),
    }
}
