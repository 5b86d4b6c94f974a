//! Executes one attempt of a run: its steps in order, tables side by side, every step remembered as it goes.

use std::time::Duration;

use futures::future::join_all;
use serde_json::{Map, Value, json};
use tokio::sync::Semaphore;

use super::{Request, StepKind, extract, table};
use crate::app::App;
use crate::error::{Error, Problem, Result, causes};
use crate::pipeline::{Definition, Names};
use crate::publish::Publisher;
use crate::state::{Run, RunState, StepState};

const RECORD_PAUSE: Duration = Duration::from_secs(1);

/// What a run's steps share.
pub(super) struct Attempt<'a> {
    pub(super) app: &'a App,
    pub(super) run: &'a Run,
    pub(super) definition: &'a Definition,
    pub(super) names: Names<'a>,
    pub(super) request: Request,
    permits: Semaphore,
}

/// How a step ended: what it did, or the problem that is already remembered.
pub(super) type StepEnd = Result<Map<String, Value>, Box<Problem>>;

/// Executes a run that was claimed, and remembers how it ended.
pub(super) async fn execute(app: &App, run: &Run) {
    tracing::info!(run_id = %run.id, pipeline = run.pipeline, attempt = run.attempt, "run begins");
    let ended = match attempt(app, run) {
        Ok(attempt) => attempt.run_within_time().await,
        Err(error) => Err(told(&error, run, "run")),
    };
    let (state, counts, problem) = match ended {
        Ok(counts) => (RunState::Succeeded, Value::Object(counts), None),
        Err(problem) => (
            RunState::Failed,
            json!({}),
            serde_json::to_value(problem).ok(),
        ),
    };
    tracing::info!(run_id = %run.id, pipeline = run.pipeline, state = state.as_str(), "run ends");
    while let Err(error) = app
        .store
        .finish_run((run.id, run.attempt), state, &counts, problem.as_ref())
        .await
    {
        tracing::warn!(run_id = %run.id, %error, "the end of the run waits to be recorded");
        tokio::time::sleep(RECORD_PAUSE).await;
    }
}

fn attempt<'a>(app: &'a App, run: &'a Run) -> Result<Attempt<'a>> {
    let definition = app.pipelines.get(&run.pipeline)?;
    let request = serde_json::from_value(run.request.clone()).map_err(Error::internal)?;

    Ok(Attempt {
        app,
        run,
        definition,
        names: Names::new(definition, &app.config),
        request,
        permits: Semaphore::new(app.config.runs.concurrency.max(1)),
    })
}

impl Attempt<'_> {
    async fn run_within_time(&self) -> StepEnd {
        let limit = self
            .request
            .timeout_seconds
            .map_or(self.app.config.runs.timeout, |seconds| {
                Duration::from_secs(seconds.into())
            });
        let late = || {
            let error = Error::TimedOut(format!(
                "the run did not end within {} s and was stopped; what it had published stays, the next run goes on from there",
                limit.as_secs()
            ));
            Err(told(&error, self.run, "run"))
        };

        tokio::time::timeout(limit, self.run_steps())
            .await
            .unwrap_or_else(|_| late())
    }

    async fn run_steps(&self) -> StepEnd {
        let mut counts = Map::new();
        if self.request.has(StepKind::Extract) {
            let extracted = self.step("extract", async |publisher| {
                extract::extract(self, publisher).await
            });
            counts = extracted.await?;
        }
        let tables = self
            .definition
            .tables
            .iter()
            .filter(|(name, _)| self.request.selects(name))
            .map(|(name, definition)| table::build(self, name, definition));
        let mut failed = None;
        for built in join_all(tables).await {
            match built {
                Ok(built) => add(&mut counts, &built),
                Err(problem) => failed = failed.or(Some(problem)),
            }
        }

        failed.map_or(Ok(counts), Err)
    }

    /// Runs one step, remembering its begin and its end.
    pub(super) async fn step(
        &self,
        name: &str,
        work: impl AsyncFnOnce(Publisher<'_>) -> Result<Map<String, Value>>,
    ) -> StepEnd {
        let store = &self.app.store;
        let publisher = Publisher {
            trino: &self.app.trino,
            store,
            run: self.run.id,
            pipeline: &self.run.pipeline,
            step: name,
            attempt: self.run.attempt,
            permits: &self.permits,
        };
        let done = async {
            store
                .begin_step(self.run.id, name, self.run.attempt)
                .await?;
            work(publisher).await
        }
        .await;
        let ended = done.map_err(|error| told(&error, self.run, name));
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
                self.run.id,
                name,
                self.run.attempt,
                state,
                &counts,
                problem.as_ref(),
            )
            .await
            .map_err(|error| told(&error, self.run, name))?;

        ended
    }

    /// Remembers a step that is left out, because what it needs failed.
    pub(super) async fn skip(&self, name: &str) {
        let (run, attempt) = (self.run.id, self.run.attempt);
        let store = &self.app.store;
        let skipped = async {
            store.begin_step(run, name, attempt).await?;
            store
                .finish_step(run, name, attempt, StepState::Skipped, &json!({}), None)
                .await
        };
        if let Err(error) = skipped.await {
            tracing::warn!(run_id = %run, step = name, %error, "a skipped step was not recorded");
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

/// The one place where a run's error is logged; what callers see of it is the problem.
fn told(error: &Error, run: &Run, step: &str) -> Box<Problem> {
    let cause = causes(error);
    tracing::error!(run_id = %run.id, pipeline = run.pipeline, step, %error, cause, "step failed");

    Box::new(Problem::from(error).within(run.id, step))
}
