//! The steps that build the marts of a table: `test.<table>`, then `mart.<table>` and `mart.<table>_history` side by side, or
//! one of them where the table has one mart. A remake of current rows follows that of the history.

use std::collections::BTreeMap;

use futures::future::join_all;
use tokio::sync::watch;

use super::columns;
use crate::error::{Error, Result};
use crate::pipeline::{Mart, Table};
use crate::publish::Publisher;
use crate::run::attempt::Attempt;
use crate::run::counts::Counts;
use crate::run::failure::{StepEnd, first_failure, report_failure};
use crate::run::measured::count_changes;
use crate::run::step;
use crate::sql::TableName;
use crate::state::{EndedStatement, Layer, Publication, TableState, Window};
use crate::warehouse::{self, Merged, Refresh, Scope, Target};

/// The batches and keys that the steps of a table publish.
pub(in crate::run) enum ToPublish {
    /// The batches that are not in the marts yet.
    NewBatches,
    /// These keys, once more; each key is its values as texts by column.
    Keys(Vec<BTreeMap<String, String>>),
}

/// Tests what is about to be published, then publishes current rows and history.
pub(in crate::run) async fn build(
    attempt: &Attempt<'_>,
    table: &Table,
    to_publish: &ToPublish,
) -> StepEnd {
    let steps: Vec<MartStep<'_>> = table
        .marts()
        .each()
        .iter()
        .map(|mart| MartStep {
            attempt,
            table,
            to_publish,
            mart: *mart,
        })
        .collect();
    if let Some(first) = steps.first().filter(|_| !table.all_tests().is_empty()) {
        await_tested_tables(attempt, table).await;
        let name = format!("test.{}", table.id.name);
        let end = step::run(attempt, &name, async |publisher| {
            first.run(publisher, Work::Test).await
        })
        .await;
        if let Err(problem) = end {
            skip(attempt, table).await;
            return Err(problem);
        }
    }
    let name = format!("mart.{}", table.id.name);
    let known = attempt.app.store.table(&table.id).await;
    let known = known.map_err(|error| report_failure(&error, attempt.run, &name))?;
    let remakes_current = known.is_some_and(|known| known.current_from() == 0);
    let history_has_ended = watch::Sender::new(false);
    let published = steps.iter().map(async |step| {
        if step.mart == Mart::Current && remakes_current && table.marts().has_history() {
            let has_ended = history_has_ended
                .subscribe()
                .wait_for(|has_ended| *has_ended)
                .await
                .is_ok();
            debug_assert!(has_ended, "the sender lives as long as this");
        }
        let end = step::run(attempt, &step.name(), async |publisher| {
            step.run(publisher, Work::Publish).await
        })
        .await;
        if step.mart == Mart::History {
            history_has_ended.send_replace(true);
        }
        end
    });

    first_failure(join_all(published).await)
}

/// Records that the marts are skipped, because a step before them failed.
pub(in crate::run) async fn skip(attempt: &Attempt<'_>, table: &Table) {
    for mart in table.marts().each() {
        step::skip(attempt, &step_of(*mart, table)).await;
    }
}

fn step_of(mart: Mart, table: &Table) -> String {
    mart.step(&table.id.name)
}

/// Waits until the other tables that the table's tests read are published, or given up, in this run.
async fn await_tested_tables(attempt: &Attempt<'_>, table: &Table) {
    let awaited: Vec<&str> = table
        .looks_at()
        .filter(|other| attempt.builds(other))
        .collect();
    let are_finished = attempt
        .finished_tables
        .subscribe()
        .wait_for(|finished| awaited.iter().all(|other| finished.contains(*other)))
        .await
        .is_ok();
    debug_assert!(are_finished, "the sender lives as long as the attempt");
}

#[derive(Clone, Copy)]
enum Work {
    Test,
    Publish,
}

/// One step over the batches that a mart lacks, or over keys of it.
struct MartStep<'a> {
    attempt: &'a Attempt<'a>,
    table: &'a Table,
    to_publish: &'a ToPublish,
    mart: Mart,
}

impl MartStep<'_> {
    fn name(&self) -> String {
        step_of(self.mart, self.table)
    }

    /// The table that is written.
    fn written(&self) -> TableName {
        let (names, name) = (&self.attempt.names, &self.table.id.name);
        match self.mart {
            Mart::Current => names.current(name),
            Mart::History | Mart::HistoryWithView => names.history(name),
        }
    }

    fn layer(&self) -> Layer {
        match self.mart {
            Mart::Current => Layer::Current,
            Mart::History | Mart::HistoryWithView => Layer::History,
        }
    }

    /// The size of the table that is written.
    fn bytes(&self, state: &TableState) -> i64 {
        match self.mart {
            Mart::Current => state.current_bytes,
            Mart::History | Mart::HistoryWithView => state.history_bytes,
        }
    }

    /// Works on each part of the step, on tables that have the columns of the definition, and adds the counts.
    async fn run(&self, publisher: Publisher<'_>, work: Work) -> Result<Counts> {
        let mut counts = Counts::default();
        for part in self.parts(publisher).await? {
            while let Some(upto_batch) = self.run_part(publisher, part, work, &mut counts).await? {
                tracing::info!(table = %self.table.id, upto_batch, "a build of an earlier run is published; newer batches follow");
            }
        }

        Ok(counts)
    }

    /// Works on a part, or on as much of it as a build holds that an earlier run began. Then gives the last batch of that
    /// build, and the part has more.
    async fn run_part(
        &self,
        publisher: Publisher<'_>,
        part: &ToPublish,
        work: Work,
        counts: &mut Counts,
    ) -> Result<Option<i64>> {
        let Some(state) = self.attempt.app.store.table(&self.table.id).await? else {
            return Ok(None);
        };
        columns::refuse_other_marts(self.table, &state)?;
        let Some(refresh) = self.refresh(&state, part, publisher).await? else {
            return Ok(None);
        };
        let target = self.attempt.target(self.table, &state, publisher);
        self.attempt.ensure_tables(target, &state).await?;
        let refresh = refresh.bounded(target, self.bytes(&state)).await?;
        counts.add(&match work {
            Work::Test => self.test(target, &refresh).await?,
            Work::Publish => self.publish(target, &refresh).await?,
        });
        let upto_batch = refresh.window.upto_batch;
        let is_partial = refresh.scope == Scope::Everything && upto_batch < state.staged_batch;

        Ok(is_partial.then_some(upto_batch))
    }

    async fn test(&self, target: Target<'_>, refresh: &Refresh) -> Result<Counts> {
        let results = warehouse::audit(target, refresh).await?;
        let store = &self.attempt.app.store;
        for result in &results {
            store.record_test(self.attempt.run.id, result).await?;
        }
        if let Err(failed) = warehouse::judge(target, &results) {
            // The next run tests what its own log gives, not this build.
            store
                .end_build(&self.table.id, target.first_layer())
                .await?;
            return Err(failed);
        }
        let warnings = results.iter().filter(|result| result.status == "warn");
        let count = |length: usize| i64::try_from(length).map_err(Error::internal);

        Ok(Counts::from([
            ("tests", count(results.len())?),
            ("tests_warned", count(warnings.count())?),
        ]))
    }

    async fn publish(&self, target: Target<'_>, refresh: &Refresh) -> Result<Counts> {
        let merged = Box::pin(warehouse::merge(target, refresh, self.mart)).await?;
        let changed = merged.changed;
        self.record(refresh, &merged).await?;
        self.tidy(target, merged.is_remade).await?;
        let mut counts = Counts::default();
        if let Some(rows) = &changed.rows {
            counts.add(&Counts::of(rows)?);
        }
        if let Some(versions) = &changed.versions {
            counts.add(&Counts::of(versions)?);
        }

        Ok(counts)
    }

    /// The parts of the step, in order. An earlier attempt may have published batches without recording it. They come
    /// before keys, so that they are counted separately.
    async fn parts(&self, publisher: Publisher<'_>) -> Result<Vec<&ToPublish>> {
        if matches!(self.to_publish, ToPublish::NewBatches) {
            return Ok(vec![self.to_publish]);
        }
        let mart = self.written().to_string();
        let store = &self.attempt.app.store;
        let lost = store
            .lost_statements(publisher.pipeline, &mart, publisher.attempt)
            .await?;
        if lost.iter().any(|statement| statement.publishes) {
            return Ok(vec![&ToPublish::NewBatches, self.to_publish]);
        }

        Ok(vec![self.to_publish])
    }

    /// The window and scope to publish; `None` if there is nothing.
    async fn refresh(
        &self,
        state: &TableState,
        part: &ToPublish,
        publisher: Publisher<'_>,
    ) -> Result<Option<Refresh>> {
        let from = state.follows_from(self.mart);
        let is_remake = state.is_remade(self.mart);
        let keys = match part {
            ToPublish::Keys(keys) if from > 0 => Some(keys),
            // A remake covers all keys. A mart that was never made has nothing to repair, so keys are skipped.
            ToPublish::Keys(_) if !is_remake => return Ok(None),
            _ => None,
        };
        let build_upto = match keys {
            Some(_) => None,
            None => self.build_upto(state, publisher).await?,
        };
        let window = Window {
            after_batch: from,
            upto_batch: keys.map_or(build_upto.unwrap_or(state.staged_batch), |_| from),
        };
        if keys.is_none() && window.upto_batch <= window.after_batch {
            return Ok(None);
        }
        let app = self.attempt.app;
        let landed = app.store.landed_between(self.table, window).await?;
        let Some(keys) = keys else {
            let refresh = Refresh {
                is_republish: is_remake,
                is_history_complete: self.table.marts().has_history()
                    && state.history_from() == window.upto_batch,
                ..Refresh::of(window, landed, app.config.runs.fast_path)
            };
            let reads_whole_log = build_upto.is_some() || refresh.scope == Scope::Everything;
            return Ok(Some(if reads_whole_log && from > 0 {
                let target = self.attempt.target(self.table, state, publisher);
                refresh.widened(target).await?
            } else {
                refresh
            }));
        };
        let keys = keys.iter().map(|key| literals(state, key)).collect();

        Ok(Some(Refresh::again(window, landed, Scope::Keys(keys))))
    }

    /// The last batch of a build that an earlier attempt or run began, if that is news.
    async fn build_upto(
        &self,
        state: &TableState,
        publisher: Publisher<'_>,
    ) -> Result<Option<i64>> {
        let target = self.attempt.target(self.table, state, publisher);
        let upto_batch = warehouse::build_upto(target, self.layer()).await?;
        let new = state.follows_from(self.mart) + 1..=state.staged_batch;
        // All marts of a table with tests are published up to the batch that was tested.
        let is_tested = !self.table.all_tests().is_empty();

        Ok(upto_batch.filter(|upto_batch| {
            new.contains(upto_batch) && (!is_tested || *upto_batch == state.staged_batch)
        }))
    }

    /// Records in one transaction how far the mart is, what changed, and how the statements ended that did it.
    async fn record(&self, refresh: &Refresh, merged: &Merged) -> Result<()> {
        let statements = &merged.statements;
        let last = statements.iter().rev().find(|made| made.snapshot.is_some());
        let ended = statements.iter().filter_map(|committed| {
            let end = committed.end();
            committed.statement.map(|id| EndedStatement { id, end })
        });
        let publication = Publication {
            run: self.attempt.run.id,
            upto_batch: refresh.window.upto_batch,
            bytes: last.map(|made| made.files.bytes),
            snapshot: last.and_then(|made| made.snapshot.clone()),
            snapshot_before: statements.iter().find_map(|made| made.parent.clone()),
            is_of_batches: merged.is_of_batches,
            changed: merged.changed,
            statements: ended.collect(),
        };
        let store = &self.attempt.app.store;

        store
            .record_publication(&self.table.id, &publication)
            .await?;
        if let Some(rows) = &publication.changed.rows {
            count_changes(&self.table.id, rows);
        }

        Ok(())
    }

    /// Drops what a build left, and gives a remade table its comments.
    async fn tidy(&self, target: Target<'_>, is_remade: bool) -> Result<()> {
        warehouse::drop_leftover(target, self.layer()).await?;
        warehouse::drop_sliced_log(target).await?;
        if is_remade {
            let mart = self.written();
            warehouse::describe_remade(target, &mart).await?;
        }

        Ok(())
    }
}

/// A key's values as literals, in the order of the table's key columns.
fn literals(state: &TableState, key: &BTreeMap<String, String>) -> Vec<String> {
    let columns = state.columns.iter().filter(|column| column.is_key);

    columns
        .map(|column| {
            let value = key.get(&column.name).map(String::as_str);
            column.literal(value.unwrap_or_default())
        })
        .collect()
}
