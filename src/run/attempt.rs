//! One attempt of a run: what its steps share, and how each is remembered from its begin to its end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};
use tokio::sync::{Mutex, Semaphore, watch};

use super::{Request, Task, stop};
use crate::app::App;
use crate::error::{Class, Error, Problem, Result, causes};
use crate::pipeline::{Definition, Names, Table};
use crate::publish::{Files, Publisher};
use crate::sql::TableName;
use crate::state::{Run, StepState};

/// What a run's steps share.
pub(super) struct Attempt<'a> {
    pub(super) app: &'a App,
    pub(super) run: &'a Run,
    pub(super) definition: &'a Definition,
    pub(super) names: Names<'a>,
    pub(super) request: Request,
    pub(super) task: Task,
    /// Tables whose marts are done in this run, or given up; tests that look at them wait for that.
    pub(super) done: watch::Sender<BTreeSet<String>>,
    /// What it has done: steps, and batches that landed.
    pub(super) progress: std::sync::Mutex<BTreeSet<String>>,
    /// When the first attempt of the run began here.
    pub(super) begun: Instant,
    /// What the tables' files are after the last commit to each.
    pub(super) files: std::sync::Mutex<BTreeMap<TableName, Files>>,
    permits: Semaphore,
    /// Tables are staged side by side but share their rejects table, where two merges at once would fail each other.
    pub(super) rejecting: Mutex<()>,
}

/// How a step ended: done, or by the problem that is already remembered.
pub(super) type StepEnd = Result<(), Box<Problem>>;

impl<'a> Attempt<'a> {
    /// Begins an attempt of a run that was claimed.
    pub(super) fn new(app: &'a App, run: &'a Run, begun: Instant) -> Result<Self> {
        let definition = app.pipelines.get(&run.pipeline)?;
        let request = serde_json::from_value(run.request.clone()).map_err(Error::internal)?;
        let task = serde_json::from_value(run.task.clone()).map_err(Error::internal)?;

        Ok(Self {
            app,
            run,
            definition,
            names: Names::new(definition, &app.config),
            request,
            task,
            done: watch::Sender::default(),
            progress: std::sync::Mutex::default(),
            begun,
            files: std::sync::Mutex::default(),
            permits: Semaphore::new(app.config.runs.concurrency.max(1)),
            rejecting: Mutex::default(),
        })
    }

    /// A table of the pipeline, which a task names.
    pub(super) fn table(&self, name: &str) -> Result<&'a Table, Box<Problem>> {
        let tables = &self.definition.tables;
        tables.get(name).ok_or_else(|| {
            let error = Error::not_found("table", name, tables.keys().map(String::as_str));
            report_failure(&error, self.run, "run")
        })
    }

    /// Whether this run builds a table.
    pub(super) fn builds(&self, table: &str) -> bool {
        self.task.builds() && self.request.selects(table)
    }

    /// What it has done so far.
    pub(super) fn progress(&self) -> BTreeSet<String> {
        let progress = self.progress.lock();

        progress.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Notes what was done, which may be tried no more.
    pub(super) fn note(&self, done: impl Into<String>) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.insert(done.into());
    }

    /// Runs one step, remembering its begin and its end.
    pub(super) async fn step(
        &self,
        name: &str,
        work: impl AsyncFnOnce(Publisher<'_>) -> Result<Map<String, Value>>,
    ) -> StepEnd {
        let store = &self.app.store;
        let limit = self.step_limit();
        let done = async {
            if *self.app.stopping.borrow() {
                return Err(Error::Interrupted);
            }
            store.begin_step(self.run.attempt_id(), name).await?;
            // Boxed, because a run holds many of these at once.
            let work = Box::pin(work(self.publisher(name)));
            let Ok(done) = tokio::time::timeout(limit, work).await else {
                let stopped = Box::pin(stop::stop(self, Some(name))).await;
                let seconds = limit.as_secs();
                return Err(Error::TimedOut(format!(
                    "the step did not end within {seconds} s and was stopped; {stopped}"
                )));
            };
            done
        }
        .await;
        let ended = done.map_err(|error| report_failure(&error, self.run, name));
        let (state, counts, problem) = match &ended {
            Ok(counts) => (StepState::Succeeded, Value::Object(counts.clone()), None),
            Err(problem) => (
                StepState::Failed,
                json!({}),
                serde_json::to_value(problem).ok(),
            ),
        };
        store
            .finish_step(
                self.run.attempt_id(),
                name,
                state,
                &counts,
                problem.as_ref(),
            )
            .await
            .map_err(|error| report_failure(&error, self.run, name))?;

        if ended.is_ok() {
            self.note(name);
        }

        ended.map(drop)
    }

    /// Sends the statements of a step.
    pub(super) fn publisher<'b>(&'b self, step: &'b str) -> Publisher<'b> {
        Publisher {
            trino: &self.app.trino,
            store: &self.app.store,
            attempt: self.run.attempt_id(),
            pipeline: &self.run.pipeline,
            step,
            permits: &self.permits,
            files: &self.files,
        }
    }

    fn step_limit(&self) -> Duration {
        let asked = self.request.step_timeout_seconds;

        asked.map_or(self.app.config.runs.step_timeout, |seconds| {
            Duration::from_secs(seconds.into())
        })
    }

    /// Remembers a step that is left out, because what it needs failed.
    pub(super) async fn skip(&self, name: &str) {
        let attempt = self.run.attempt_id();
        let store = &self.app.store;
        let skipped = async {
            store.begin_step(attempt, name).await?;
            store
                .finish_step(attempt, name, StepState::Skipped, &json!({}), None)
                .await
        };
        if let Err(error) = skipped.await {
            tracing::warn!(run_id = %attempt.run, step = name, %error, "a skipped step was not recorded");
        }
    }
}

/// Adds numbers of the same name.
pub(super) fn add(counts: &mut Map<String, Value>, more: &Map<String, Value>) {
    for (name, value) in more {
        let sum =
            counts.get(name).and_then(Value::as_i64).unwrap_or(0) + value.as_i64().unwrap_or(0);
        counts.insert(name.clone(), sum.into());
    }
}

/// Gives the first problem that one of the steps side by side had: one that leaves the run to the next attempt before all others.
pub(super) fn all(ends: Vec<StepEnd>) -> StepEnd {
    let (left, failed): (Vec<_>, Vec<_>) = ends
        .into_iter()
        .filter_map(Result::err)
        .partition(|problem| problem.class == Class::Interrupted);
    let first = left.into_iter().chain(failed).next();

    first.map_or(Ok(()), Err)
}

/// The one place where a run's error is logged; what callers see of it is the problem.
pub(super) fn report_failure(error: &Error, run: &Run, step: &str) -> Box<Problem> {
    let cause = causes(error);
    if error.class() == Class::Interrupted {
        tracing::warn!(run_id = %run.id, pipeline = run.pipeline, step, %error, cause, "step is left to the next attempt");
    } else {
        tracing::error!(run_id = %run.id, pipeline = run.pipeline, step, %error, cause, "step failed");
    }

    Box::new(Problem::from(error).within(run.id, step))
}
