//! The steps that publish a table: `test.orders`, then `mart.orders` and `mart.orders_history` side by side.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::attempt::{Attempt, StepEnd, add};
use super::table::{self, counted, landed, target};
use crate::error::Result;
use crate::pipeline::Table;
use crate::publish::{Committed, Publisher};
use crate::state::{StatementEnd, TableState, Window};
use crate::warehouse::{self, Reach, Span};

/// What is published.
pub(super) enum Again {
    /// The batches that were not published yet.
    Batches,
    /// These keys, once more.
    Keys(Vec<BTreeMap<String, String>>),
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
    table::ensure(attempt, target, &state).await?;
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
    table::ensure(attempt, target, &state).await?;
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
    table::ensure(attempt, target, &state).await?;
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
        Again::Keys(_) => (published, published),
    };
    let window = Window {
        after_batch,
        upto_batch,
    };
    let is_empty = match again {
        Again::Batches => upto_batch <= after_batch,
        Again::Keys(_) => published == 0,
    };
    if is_empty {
        return Ok(None);
    }
    let landed = landed(attempt, table, window).await?;
    let span = match again {
        Again::Batches => Span::of(window, landed, attempt.app.config.runs.fast_path),
        Again::Keys(keys) => {
            let ordered = keys.iter().map(|key| in_order(&state, key)).collect();
            Span::again(window, landed, Reach::Keys(ordered))
        }
    };

    Ok(Some((state, span)))
}

/// A key's values in the order in which the table has its columns.
fn in_order(state: &TableState, key: &BTreeMap<String, String>) -> Vec<String> {
    let columns = state.columns.iter().filter(|column| column.is_key);

    columns
        .map(|column| {
            let value = key.get(&column.name).map(String::as_str);
            column.literal(value.unwrap_or_default())
        })
        .collect()
}

fn ends(statements: &[Committed]) -> Vec<(i64, StatementEnd)> {
    statements
        .iter()
        .map(|committed| (committed.statement, committed.end()))
        .collect()
}

/// Remembers that the marts are left out, because what they need failed.
pub(super) async fn skip(attempt: &Attempt<'_>, name: &str) {
    attempt.skip(&format!("mart.{name}")).await;
    attempt.skip(&format!("mart.{name}_history")).await;
}
