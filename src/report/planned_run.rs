//! The statements that the next run would send for a table, as far as they are known before it.

use std::sync::Mutex;

use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::app::App;
use crate::error::Result;
use crate::pipeline::{Column, Definition, Mart, Names, Table};
use crate::publish::{PlannedStatement, Publisher};
use crate::state::{AttemptId, TableState, Window};
use crate::warehouse::{
    Refresh, Scope, Target, planned_log, planned_mart, planned_tables, planned_tests,
};

/// The next run of a pipeline.
pub(super) struct NextRun<'a> {
    pub(super) app: &'a App,
    pub(super) definition: &'a Definition,
    /// The last batch that it would stage.
    pub(super) upto_batch: i64,
}

impl NextRun<'_> {
    /// The statements for a table that will have these columns. `known` is `None` before its first run.
    pub(super) async fn statements(
        &self,
        table: &Table,
        known: Option<&TableState>,
        columns: &[Column],
    ) -> Result<Vec<PlannedStatement>> {
        let (permits, files, progress) = (Semaphore::new(1), Mutex::default(), Mutex::default());
        let (rejecting, slicing) = <(tokio::sync::Mutex<()>, tokio::sync::Mutex<()>)>::default();
        let names = Names::new(self.definition, &self.app.config);
        let target = Target {
            definition: self.definition,
            names: &names,
            table,
            columns,
            marts: table.marts(),
            publisher: Publisher {
                trino: &self.app.trino,
                store: &self.app.store,
                // Nothing is written, so there is no attempt of a run.
                attempt: AttemptId {
                    run: Uuid::nil(),
                    number: 0,
                },
                pipeline: &self.definition.name,
                step: "plan",
                permits: &permits,
                files: &files,
                progress: &progress,
            },
            rejecting: &rejecting,
            slicing: &slicing,
            statement_memory: self.app.config.trino.statement_memory_bytes,
        };
        let mut statements = Vec::new();
        if known.is_none() {
            statements.extend(planned_tables(target)?);
        }
        if let Some(refresh) = self.to_stage(table, known).await? {
            statements.extend(planned_log(target, &refresh).await?);
        }
        let mut is_tested = false;
        for mart in table.marts().each() {
            let Some(refresh) = self.to_publish(target, known, *mart).await? else {
                continue;
            };
            if !std::mem::replace(&mut is_tested, true) {
                statements.extend(planned_tests(target, &refresh)?);
            }
            statements.extend(planned_mart(target, &refresh, *mart).await?);
        }

        Ok(statements)
    }

    async fn to_stage(&self, table: &Table, known: Option<&TableState>) -> Result<Option<Refresh>> {
        let Some(window) = self.window(known.map_or(0, |known| known.staged_batch)) else {
            return Ok(None);
        };
        let landed = self.app.store.landed_between(table, window).await?;

        Ok(Some(Refresh {
            is_current_complete: known.is_none_or(|known| known.shows_all_upto(window.after_batch)),
            ..Refresh::of(window, landed, true)
        }))
    }

    async fn to_publish(
        &self,
        target: Target<'_>,
        known: Option<&TableState>,
        mart: Mart,
    ) -> Result<Option<Refresh>> {
        let from = known.map_or(0, |known| known.follows_from(mart));
        let Some(window) = self.window(from) else {
            return Ok(None);
        };
        let landed = self.app.store.landed_between(target.table, window).await?;
        let refresh = Refresh {
            is_republish: known.is_some_and(|known| known.is_remade(mart)),
            // A remake of current rows waits for the history.
            is_history_complete: mart == Mart::Current && from == 0 && target.marts.has_history(),
            ..Refresh::of(window, landed, self.app.config.runs.fast_path)
        };

        Ok(Some(if refresh.scope == Scope::Everything && from > 0 {
            refresh.widened(target).await?
        } else {
            refresh
        }))
    }

    fn window(&self, after_batch: i64) -> Option<Window> {
        let upto_batch = self.upto_batch;

        (upto_batch > after_batch).then_some(Window {
            after_batch,
            upto_batch,
        })
    }
}
