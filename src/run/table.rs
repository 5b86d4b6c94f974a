//! The steps of one table: its log, `stage.orders`, then its marts.

use serde_json::{Map, Value};

use super::attempt::{Attempt, StepEnd};
use super::marts::{self, Again};
use super::{StepKind, shape, tasks};
use crate::error::{Error, Result};
use crate::pipeline::Table;
use crate::publish::Publisher;
use crate::state::{Landed, TableState, Window};
use crate::warehouse::{self, Span, Target};

/// Brings one table up to date, as far as the run asks for it.
pub(super) async fn build(attempt: &Attempt<'_>, name: &str, table: &Table) -> StepEnd {
    let end = build_steps(attempt, name, table).await;
    attempt.done.send_modify(|done| {
        done.insert(name.to_owned());
    });

    end
}

async fn build_steps(attempt: &Attempt<'_>, name: &str, table: &Table) -> StepEnd {
    let request = &attempt.request;
    if request.full_refresh {
        let restaged = tasks::restage(attempt, name, table).await;
        or_skip(attempt, name, restaged).await?;
    } else if request.has(StepKind::Staging) {
        let staged = attempt
            .step(&format!("stage.{name}"), async |publisher| {
                stage(attempt, name, table, publisher).await
            })
            .await;
        or_skip(attempt, name, staged).await?;
    }
    if request.has(StepKind::Marts) {
        marts::publish(attempt, name, table, &Again::Batches).await?;
    }

    Ok(())
}

async fn or_skip(attempt: &Attempt<'_>, name: &str, end: StepEnd) -> StepEnd {
    if end.is_err() && attempt.request.has(StepKind::Marts) {
        marts::skip(attempt, name).await;
    }

    end
}

pub(super) async fn stage(
    attempt: &Attempt<'_>,
    name: &str,
    table: &Table,
    publisher: Publisher<'_>,
) -> Result<Map<String, Value>> {
    let store = &attempt.app.store;
    let pipeline = &attempt.definition.name;
    let Some(known) = store.table(pipeline, name).await? else {
        return Ok(Map::new());
    };
    let state = shape::settled(attempt, (name, table), known).await?;
    let target = target(attempt, name, table, &state, publisher);
    ensure(attempt, target, &state).await?;
    let window = Window {
        after_batch: state.staged_batch,
        upto_batch: store.last_landed(pipeline).await?,
    };
    let span = Span {
        is_published: state.current_batch == window.after_batch && !state.current_anew,
        ..Span::of(window, landed(attempt, table, window).await?, true)
    };
    let upto = warehouse::stage(target, &span).await?;
    if window.upto_batch > window.after_batch {
        store
            .table_staged(publisher.run, (pipeline, name), table.origin(), &upto)
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
    let made = format!("{} {description} {columns}", target.api_name());
    attempt
        .app
        .make_once(&made, async || warehouse::ensure(target, state).await)
        .await
}

pub(super) fn target<'a>(
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

pub(super) async fn landed(attempt: &Attempt<'_>, table: &Table, window: Window) -> Result<Landed> {
    let landed = attempt
        .app
        .store
        .landed_between(
            &attempt.definition.name,
            table.origin(),
            window.after_batch,
            window.upto_batch,
        )
        .await?;

    Ok(Landed {
        is_by_clock: table.is_by_clock,
        ..landed
    })
}

/// A step's counts by their names.
pub(super) fn counted(counts: &impl serde::Serialize) -> Result<Map<String, Value>> {
    match serde_json::to_value(counts).map_err(Error::internal)? {
        Value::Object(counts) => Ok(counts),
        _ => Ok(Map::new()),
    }
}
