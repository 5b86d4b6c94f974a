//! One attempt of a run: what its steps share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use icefront_project::Last;
use tokio::sync::{Mutex, Semaphore, watch};

use super::failure::report_failure;
use super::request::{Request, Selection};
use super::task::Task;
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::pipeline::{Definition, Names, Table};
use crate::publish::{Files, Publisher};
use crate::sql::TableName;
use crate::state::{Run, TableState};
use crate::warehouse::{self, Target};

pub(super) struct Attempt<'a> {
    pub(super) app: &'a App,
    pub(super) run: &'a Run,
    pub(super) definition: &'a Definition,
    pub(super) names: Names<'a>,
    pub(super) request: Request,
    pub(super) task: Task,
    /// The tables and models that the run builds.
    pub(super) selection: Selection,
    /// When this service began the first attempt of the run.
    pub(super) run_began: Instant,
    /// Tables whose marts this run has built or given up. Tests that read several tables wait for them.
    pub(super) finished_tables: watch::Sender<BTreeSet<String>>,
    /// Steps that are done, and batches that landed.
    progress: std::sync::Mutex<BTreeSet<String>>,
    /// The files of each table after the run's last commit to it.
    pub(super) files: std::sync::Mutex<BTreeMap<TableName, Files>>,
    /// How many statements of the run may be under way at once.
    permits: Semaphore,
    /// The tables of a pipeline share a rejects table. Two merges into it at once would fail each other.
    rejecting: Mutex<()>,
    /// The marts of a table share a sliced log: two steps at once would make it twice. One log is copied at a time.
    slicing: Mutex<()>,
}

impl<'a> Attempt<'a> {
    /// # Errors
    ///
    /// The pipeline is unknown here or broken, or another version of the service wrote the request or the task. `removed`
    /// declares nothing: it is the definition of a removed pipeline whose leftovers are deleted.
    pub(super) fn new(
        app: &'a App,
        run: &'a Run,
        removed: &'a Definition,
        run_began: Instant,
    ) -> Result<Self> {
        let request: Request =
            serde_json::from_value(run.request.clone()).map_err(Error::internal)?;
        let task: Task = serde_json::from_value(run.task.clone()).map_err(Error::internal)?;
        let definition = match app.pipelines.get(&run.pipeline) {
            Err(Error::NotFound { .. }) if task.deletes_leftover() => removed,
            definition => definition?,
        };

        Ok(Self {
            app,
            run,
            definition,
            names: Names::new(definition, &app.config),
            selection: match &task {
                Task::Build {
                    selection: Some(selection),
                } => selection.clone(),
                _ => request.selection(definition, &Last::default())?,
            },
            request,
            task,
            run_began,
            finished_tables: watch::Sender::default(),
            progress: std::sync::Mutex::default(),
            files: std::sync::Mutex::default(),
            permits: Semaphore::new(app.config.runs.concurrency.max(1)),
            rejecting: Mutex::default(),
            slicing: Mutex::default(),
        })
    }

    pub(super) fn run_limit(&self) -> Duration {
        seconds_or(self.request.timeout_seconds, self.app.config.runs.timeout)
    }

    pub(super) fn step_limit(&self) -> Duration {
        seconds_or(
            self.request.step_timeout_seconds,
            self.app.config.runs.step_timeout,
        )
    }

    /// The table that a task names.
    pub(super) fn table(&self, name: &str) -> Result<&'a Table, Box<Problem>> {
        let tables = &self.definition.tables;
        tables.get(name).ok_or_else(|| {
            let error = Error::not_found("table", name, tables.keys().map(String::as_str));
            report_failure(&error, self.run, "run")
        })
    }

    /// The tables that a task names.
    pub(super) fn tables(&self, names: &[String]) -> Result<Vec<&'a Table>, Box<Problem>> {
        names.iter().map(|name| self.table(name)).collect()
    }

    /// Whether this run builds a table.
    pub(super) fn builds(&self, table: &str) -> bool {
        self.task.builds() && self.selection.tables.contains(table)
    }

    pub(super) fn progress(&self) -> BTreeSet<String> {
        let progress = self.progress.lock();

        progress.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes a step that is done, or a batch that landed.
    pub(super) fn note(&self, done: impl Into<String>) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.insert(done.into());
    }

    /// The publisher of a step.
    pub(super) fn publisher<'b>(&'b self, step: &'b str) -> Publisher<'b> {
        Publisher {
            trino: &self.app.trino,
            store: &self.app.store,
            attempt: self.run.attempt_id(),
            pipeline: &self.run.pipeline,
            step,
            permits: &self.permits,
            files: &self.files,
            progress: &self.progress,
        }
    }

    /// A table as the statements of a step see it.
    pub(super) fn target<'b>(
        &'b self,
        table: &'b Table,
        state: &'b TableState,
        publisher: Publisher<'b>,
    ) -> Target<'b> {
        Target {
            definition: self.definition,
            names: &self.names,
            table,
            columns: &state.columns,
            marts: state.marts,
            publisher,
            rejecting: &self.rejecting,
            slicing: &self.slicing,
            statement_memory: self.app.config.trino.statement_memory_bytes,
        }
    }

    /// Brings the Iceberg tables of `target` to its columns. Does it once since the start for the same columns.
    pub(super) async fn ensure_tables(&self, target: Target<'_>, state: &TableState) -> Result<()> {
        let columns = serde_json::to_string(&state.columns).map_err(Error::internal)?;
        let description = target.table.description.as_deref().unwrap_or_default();
        let marts = target.marts.as_str();
        let properties = &target.table.properties;
        let properties = serde_json::to_string(properties).map_err(Error::internal)?;
        // A reset drops the tables, and the table is then seen anew.
        let seen_at = state.seen_at;
        let made = format!("{seen_at} {marts} {description} {columns} {properties}");
        let table = target.table.id.to_string();

        self.app
            .make_once(&table, &made, async || {
                warehouse::ensure(target, state).await
            })
            .await
    }
}

fn seconds_or(asked: Option<u32>, default: Duration) -> Duration {
    asked.map_or(default, |seconds| Duration::from_secs(seconds.into()))
}
