//! The steps of one table: its log, `stage.orders`, then its marts.

use serde_json::{Map, Value};

use super::attempt::{Attempt, StepEnd};
use super::marts::{self, PublishScope};
use super::{StepKind, shape, tasks};
use crate::error::{Error, Result};
use crate::pipeline::Table;
use crate::publish::Publisher;
use crate::state::{Landed, TableState, Window};
use crate::warehouse::{self, Refresh, Target};

/// Brings one table up to date, as far as the run asks for it.
pub(super) async fn build(attempt: &Attempt<'_>, table: &Table) -> StepEnd {
    let end = build_steps(attempt, table).await;
    attempt.done.send_modify(|done| {
        done.insert(table.id.name.clone());
    });

    end
}

async fn build_steps(attempt: &Attempt<'_>, table: &Table) -> StepEnd {
    let request = &attempt.request;
    if request.full_refresh {
        let restaged = tasks::restage(attempt, table).await;
        or_skip(attempt, table, restaged).await?;
    } else if request.has(StepKind::Staging) {
        let staged = attempt
            .step(&format!("stage.{}", table.id.name), async |publisher| {
                stage(attempt, table, publisher).await
            })
            .await;
        or_skip(attempt, table, staged).await?;
    }
    if request.has(StepKind::Marts) {
        marts::publish(attempt, table, &PublishScope::NewBatches).await?;
    }

    Ok(())
}

async fn or_skip(attempt: &Attempt<'_>, table: &Table, end: StepEnd) -> StepEnd {
    if end.is_err() && attempt.request.has(StepKind::Marts) {
        marts::skip(attempt, table).await;
    }

    end
}

pub(super) async fn stage(
    attempt: &Attempt<'_>,
    table: &Table,
    publisher: Publisher<'_>,
) -> Result<Map<String, Value>> {
    let store = &attempt.app.store;
    let pipeline = &attempt.definition.name;
    let Some(known) = store.table(&table.id).await? else {
        return Ok(Map::new());
    };
    let state = shape::evolved(attempt, table, known).await?;
    let target = target(attempt, table, &state, publisher);
    ensure(attempt, target, &state).await?;
    let window = Window {
        after_batch: state.staged_batch,
        upto_batch: store.last_landed(pipeline).await?,
    };
    let refresh = Refresh {
        is_published: state.current_batch == window.after_batch && !state.current_anew,
        ..Refresh::of(window, landed(attempt, table, window).await?, true)
    };
    let upto = warehouse::stage(target, &refresh).await?;
    if window.upto_batch > window.after_batch {
        store
            .table_staged(publisher.attempt.run, table, &upto)
            .await?;
    }

    counted(&upto.staged)
}

/// Makes the table's Iceberg tables what its columns want, once since the start for the same columns.
pub(super) async fn ensure(
    attempt: &Attempt<'_>,
    target: Target<'_>,
    state: &TableState,
) -> Result<()> {
    let columns = serde_json::to_string(&state.columns).map_err(Error::internal)?;
    let description = target.table.description.as_deref().unwrap_or_default();
    let made = format!("{} {description} {columns}", target.table.id);
    attempt
        .app
        .make_once(&made, async || warehouse::ensure(target, state).await)
        .await
}

pub(super) fn target<'a>(
    attempt: &'a Attempt<'_>,
    table: &'a Table,
    state: &'a TableState,
    publisher: Publisher<'a>,
) -> Target<'a> {
    Target {
        definition: attempt.definition,
        names: &attempt.names,
        table,
        columns: &state.columns,
        publisher,
        rejecting: &attempt.rejecting,
    }
}

pub(super) async fn landed(attempt: &Attempt<'_>, table: &Table, window: Window) -> Result<Landed> {
    attempt.app.store.landed_between(table, window).await
}

/// A step's counts by their names.
pub(super) fn counted(counts: &impl serde::Serialize) -> Result<Map<String, Value>> {
    match serde_json::to_value(counts).map_err(Error::internal)? {
        Value::Object(counts) => Ok(counts),
        _ => Ok(Map::new()),
    }
}
