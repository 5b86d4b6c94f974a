//! The steps of one table: `stage.orders`, then `test.orders`, then `mart.orders` and `mart.orders_history` side by side.

use serde_json::{Map, Value};

use super::attempt::{Attempt, StepEnd, add};
use super::{StepKind, shape, tasks};
use crate::error::{Error, Result};
use crate::pipeline::Table;
use crate::publish::{Committed, Publisher};
use crate::state::{Landed, StatementEnd, TableState, Window};
use crate::warehouse::{self, Reach, Span, Target};

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
    let mut counts = Map::new();
    if request.full_refresh {
        let restaged = tasks::restage(attempt, name, table).await;
        add(&mut counts, &or_skip(attempt, name, restaged).await?);
    } else if request.has(StepKind::Staging) {
        let staged = attempt
            .step(&format!("stage.{name}"), async |publisher| {
                stage(attempt, name, table, publisher).await
            })
            .await;
        add(&mut counts, &or_skip(attempt, name, staged).await?);
    }
    if request.has(StepKind::Marts) {
        let published = publish(attempt, name, table, &Again::Batches).await?;
        add(&mut counts, &published);
    }

    Ok(counts)
}

async fn or_skip(attempt: &Attempt<'_>, name: &str, end: StepEnd) -> StepEnd {
    if end.is_err() && attempt.request.has(StepKind::Marts) {
        skip(attempt, name).await;
    }

    end
}

async fn skip(attempt: &Attempt<'_>, name: &str) {
    attempt.skip(&format!("mart.{name}")).await;
    attempt.skip(&format!("mart.{name}_history")).await;
}

/// What is published.
pub(super) enum Again {
    /// The batches that were not published yet.
    Batches,
    /// Everything up to the last published batch, once more.
    Everything,
    /// These keys, once more.
    Keys(Vec<Vec<String>>),
}

/// Tests what is to be published, then publishes current rows and history side by side.
pub(super) async fn publish(
    attempt: &Attempt<'_>,
    name: &str,
    table: &Table,
    again: &Again,
) -> StepEnd {
    let mut counts = Map::new();
    if !table.all_tests().is_empty() {
        await_tables(attempt, name, table).await;
        let tested = attempt
            .step(&format!("test.{name}"), async |publisher| {
                test(attempt, (name, table), publisher, again).await
            })
            .await;
        if tested.is_err() {
            skip(attempt, name).await;
        }
        add(&mut counts, &tested?);
    }
    let (current_step, history_step) = (format!("mart.{name}"), format!("mart.{name}_history"));
    let current = attempt.step(&current_step, async |publisher| {
        publish_current(attempt, (name, table), publisher, again).await
    });
    let history = attempt.step(&history_step, async |publisher| {
        publish_history(attempt, (name, table), publisher, again).await
    });
    let (current, history) = tokio::join!(current, history);
    add(&mut counts, &current?);
    add(&mut counts, &history?);

    Ok(counts)
}

/// Waits until the tables that its tests look at are published, or were given up, in this run.
async fn await_tables(attempt: &Attempt<'_>, name: &str, table: &Table) {
    let awaited: Vec<&str> = table
        .looks_at(name)
        .filter(|other| attempt.builds(other))
        .collect();
    let all_done = attempt
        .done
        .subscribe()
        .wait_for(|done| awaited.iter().all(|other| done.contains(*other)))
        .await
        .is_ok();
    debug_assert!(all_done, "the sender lives as long as the attempt");
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
    let span = Span::of(window, landed(attempt, table, window).await?, true);
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

async fn test(
    attempt: &Attempt<'_>,
    (name, table): (&str, &Table),
    publisher: Publisher<'_>,
    again: &Again,
) -> Result<Map<String, Value>> {
    let Some((state, span)) =
        span(attempt, (name, table), again, |state| state.current_batch).await?
    else {
        return Ok(Map::new());
    };
    let target = target(attempt, name, table, &state, publisher);
    let results = warehouse::audit(target, &span).await?;
    for result in &results {
        attempt.app.store.record_test(publisher.run, result).await?;
    }
    warehouse::judge(target, &results)?;
    let warned = results
        .iter()
        .filter(|result| result.status == "warn")
        .count();

    Ok(Map::from_iter([
        ("tests".to_owned(), results.len().into()),
        ("tests_warned".to_owned(), warned.into()),
    ]))
}

async fn publish_current(
    attempt: &Attempt<'_>,
    (name, table): (&str, &Table),
    publisher: Publisher<'_>,
    again: &Again,
) -> Result<Map<String, Value>> {
    let Some((state, span)) =
        span(attempt, (name, table), again, |state| state.current_batch).await?
    else {
        return Ok(Map::new());
    };
    let target = target(attempt, name, table, &state, publisher);
    let (rows, statements) = warehouse::publish_current(target, &span).await?;
    attempt
        .app
        .store
        .current_published(
            publisher.run,
            (&attempt.definition.name, name),
            span.window.upto_batch,
            rows,
            &ends(&statements),
        )
        .await?;
    if span.reach == Reach::Everything {
        warehouse::describe_anew(target, &target.current()).await?;
    }

    counted(&rows)
}

async fn publish_history(
    attempt: &Attempt<'_>,
    (name, table): (&str, &Table),
    publisher: Publisher<'_>,
    again: &Again,
) -> Result<Map<String, Value>> {
    let Some((state, span)) =
        span(attempt, (name, table), again, |state| state.history_batch).await?
    else {
        return Ok(Map::new());
    };
    let target = target(attempt, name, table, &state, publisher);
    let (versions, statements) = warehouse::publish_history(target, &span).await?;
    attempt
        .app
        .store
        .history_published(
            &attempt.definition.name,
            name,
            span.window.upto_batch,
            &ends(&statements),
        )
        .await?;
    if span.reach == Reach::Everything {
        warehouse::describe_anew(target, &target.history()).await?;
    }

    counted(&versions)
}

/// What a publication looks at; `None` where there is nothing to publish. `published` gives the last batch that was.
async fn span(
    attempt: &Attempt<'_>,
    (name, table): (&str, &Table),
    again: &Again,
    published: impl Fn(&TableState) -> i64,
) -> Result<Option<(TableState, Span)>> {
    let Some(state) = attempt
        .app
        .store
        .table(&attempt.definition.name, name)
        .await?
    else {
        return Ok(None);
    };
    let published = published(&state);
    let (after_batch, upto_batch) = match again {
        Again::Batches => (published, state.staged_batch),
        Again::Everything => (0, published),
        Again::Keys(_) => (published, published),
    };
    let window = Window {
        after_batch,
        upto_batch,
    };
    let is_empty = match again {
        Again::Batches => upto_batch <= after_batch,
        Again::Everything | Again::Keys(_) => published == 0,
    };
    if is_empty {
        return Ok(None);
    }
    let landed = landed(attempt, table, window).await?;
    let span = match again {
        Again::Batches => Span::of(window, landed, attempt.app.config.runs.fast_path),
        Again::Everything => Span::again(window, landed, Reach::Everything),
        Again::Keys(keys) => Span::again(window, landed, Reach::Keys(keys.clone())),
    };

    Ok(Some((state, span)))
}

fn ends(statements: &[Committed]) -> Vec<(i64, StatementEnd)> {
    statements
        .iter()
        .map(|committed| (committed.statement, committed.end()))
        .collect()
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
pub(super) fn counted(counts: &impl serde::Serialize) -> Result<Map<String, Value>> {
    match serde_json::to_value(counts).map_err(Error::internal)? {
        Value::Object(counts) => Ok(counts),
        _ => Ok(Map::new()),
    }
}
