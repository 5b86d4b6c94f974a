//! The steps that publish a table: `test.orders`, then `mart.orders` and `mart.orders_history` side by side.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::attempt::{Attempt, StepEnd, add};
use super::shape;
use super::table::{self, counted, landed, target};
use crate::error::Result;
use crate::pipeline::Table;
use crate::publish::{Committed, Publisher};
use crate::sql::TableName;
use crate::state::{Changed, EndedStatement, Publication, TableState, Window};
use crate::warehouse::{self, Merged, Refresh, Scope, Target};

pub(super) enum PublishScope {
    /// The batches that were not published yet.
    NewBatches,
    /// These keys, once more.
    Keys(Vec<BTreeMap<String, String>>),
}

/// Tests what is to be published, then publishes current rows and history side by side.
pub(super) async fn publish(attempt: &Attempt<'_>, table: &Table, scope: &PublishScope) -> StepEnd {
    let name = &table.id.name;
    let current = Step {
        attempt,
        table,
        scope,
        mart: attempt.names.current(name),
        batch: |state| state.current_batch,
        from: TableState::current_from,
        bytes: |state| state.current_bytes,
    };
    let history = Step {
        mart: attempt.names.history(name),
        batch: |state| state.history_batch,
        from: TableState::history_from,
        bytes: |state| state.history_bytes,
        ..current
    };
    if !table.all_tests().is_empty() {
        await_tables(attempt, table).await;
        let tested = attempt
            .step(&format!("test.{name}"), async |publisher| {
                current.run(publisher, test).await
            })
            .await;
        if tested.is_err() {
            skip(attempt, table).await;
        }
        tested?;
    }
    let (current_step, history_step) = (format!("mart.{name}"), format!("mart.{name}_history"));
    let (rows, versions) = tokio::join!(
        attempt.step(&current_step, async |publisher| {
            current.run(publisher, publish_current).await
        }),
        attempt.step(&history_step, async |publisher| {
            history.run(publisher, publish_history).await
        }),
    );
    rows?;

    versions
}

/// Waits until the tables that its tests look at are published, or were given up, in this run.
async fn await_tables(attempt: &Attempt<'_>, table: &Table) {
    let awaited: Vec<&str> = table
        .looks_at()
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
    target: Target<'_>,
    refresh: &Refresh,
) -> Result<Map<String, Value>> {
    let results = warehouse::audit(target, refresh).await?;
    for result in &results {
        attempt
            .app
            .store
            .record_test(target.publisher.attempt.run, result)
            .await?;
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
    target: Target<'_>,
    refresh: &Refresh,
) -> Result<Map<String, Value>> {
    let Merged {
        counts: rows,
        statements,
    } = warehouse::merge_current(target, refresh).await?;
    record(attempt, (target, refresh), Changed::Rows(rows), &statements).await?;
    if refresh.scope == Scope::Everything {
        warehouse::describe_anew(target, &target.current()).await?;
    }

    counted(&rows)
}

async fn publish_history(
    attempt: &Attempt<'_>,
    target: Target<'_>,
    refresh: &Refresh,
) -> Result<Map<String, Value>> {
    let Merged {
        counts: versions,
        statements,
    } = warehouse::merge_history(target, refresh).await?;
    record(
        attempt,
        (target, refresh),
        Changed::Versions(versions),
        &statements,
    )
    .await?;
    if refresh.scope == Scope::Everything {
        warehouse::describe_anew(target, &target.history()).await?;
    }

    counted(&versions)
}

/// Notes in one transaction how far the marts are, what that changed, and how the statements ended that did it.
async fn record(
    attempt: &Attempt<'_>,
    (target, refresh): (Target<'_>, &Refresh),
    changed: Changed,
    statements: &[Committed],
) -> Result<()> {
    let committed = statements.iter().rev().find(|made| made.snapshot.is_some());
    let bytes = committed.map(|made| made.files.bytes);
    let publication = Publication {
        run: target.publisher.attempt.run,
        upto_batch: refresh.window.upto_batch,
        bytes,
        changed,
        statements: statements
            .iter()
            .map(|committed| EndedStatement {
                id: committed.statement,
                end: committed.end(),
            })
            .collect(),
    };
    attempt
        .app
        .store
        .record_publication(&target.table.id, &publication)
        .await
}

/// One step over the batches that are not in a mart yet, or over keys of those that are.
struct Step<'a> {
    attempt: &'a Attempt<'a>,
    table: &'a Table,
    scope: &'a PublishScope,
    /// What it writes, or tests before that.
    mart: TableName,
    /// The last batch in the mart, the last that it follows from, and how large it is.
    batch: fn(&TableState) -> i64,
    from: fn(&TableState) -> i64,
    bytes: fn(&TableState) -> i64,
}

impl Step<'_> {
    /// Does the step's work, if there is any, on tables that are as the table's columns want them.
    async fn run(
        &self,
        publisher: Publisher<'_>,
        work: impl AsyncFn(&Attempt<'_>, Target<'_>, &Refresh) -> Result<Map<String, Value>>,
    ) -> Result<Map<String, Value>> {
        let mut counts = Map::new();
        for scope in self.parts(publisher).await? {
            let Some(state) = self.attempt.app.store.table(&self.table.id).await? else {
                break;
            };
            shape::same_order(self.table, &state)?;
            let Some(refresh) = self.refresh(&state, scope).await? else {
                continue;
            };
            let target = target(self.attempt, self.table, &state, publisher);
            table::ensure(self.attempt, target, &state).await?;
            let refresh = refresh.bounded(target, (self.bytes)(&state)).await?;
            add(&mut counts, &work(self.attempt, target, &refresh).await?);
        }

        Ok(counts)
    }

    /// What is published, in order. Before keys come batches that an earlier try may have published without recording it: they
    /// are to be accounted for by themselves.
    async fn parts(&self, publisher: Publisher<'_>) -> Result<Vec<&PublishScope>> {
        if matches!(self.scope, PublishScope::NewBatches) {
            return Ok(vec![self.scope]);
        }
        let mart = self.mart.to_string();
        let store = &self.attempt.app.store;
        let opens = store
            .open_statements(publisher.pipeline, &mart, publisher.attempt)
            .await?;
        if opens.iter().any(|open| open.publishes) {
            return Ok(vec![&PublishScope::NewBatches, self.scope]);
        }

        Ok(vec![self.scope])
    }

    /// What is to be published; `None` where there is nothing.
    async fn refresh(&self, state: &TableState, scope: &PublishScope) -> Result<Option<Refresh>> {
        let from = (self.from)(state);
        let is_anew = from == 0 && (self.batch)(state) > 0;
        let keys = match scope {
            PublishScope::Keys(keys) if from > 0 => Some(keys),
            // Of a mart that is to be made anew, all keys are.
            PublishScope::Keys(_) if !is_anew => return Ok(None),
            _ => None,
        };
        let window = Window {
            after_batch: from,
            upto_batch: keys.map_or(state.staged_batch, |_| from),
        };
        if keys.is_none() && window.upto_batch <= window.after_batch {
            return Ok(None);
        }
        let landed = landed(self.attempt, self.table, window).await?;
        let Some(keys) = keys else {
            let refresh = Refresh::of(window, landed, self.attempt.app.config.runs.fast_path);
            return Ok(Some(Refresh {
                is_repair: is_anew,
                ..refresh
            }));
        };
        let ordered = keys.iter().map(|key| in_order(state, key)).collect();

        Ok(Some(Refresh::again(window, landed, Scope::Keys(ordered))))
    }
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

/// Remembers that the marts are left out, because what they need failed.
pub(super) async fn skip(attempt: &Attempt<'_>, table: &Table) {
    let name = &table.id.name;
    attempt.skip(&format!("mart.{name}")).await;
    attempt.skip(&format!("mart.{name}_history")).await;
}
