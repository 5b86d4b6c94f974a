//! Executes one attempt of a run: its steps in order, tables side by side.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::join_all;
use serde_json::{Map, Value, json};

use super::attempt::{Attempt, StepEnd, add, all, told};
use super::{StepKind, Task, extract, optimize, table, tasks};
use crate::app::App;
use crate::error::Error;
use crate::state::{Run, RunState};

const RECORD_PAUSE: Duration = Duration::from_secs(1);

/// Executes a run that was claimed, and remembers how it ended.
pub(super) async fn execute(app: &App, run: &Run) {
    tracing::info!(run_id = %run.id, pipeline = run.pipeline, attempt = run.attempt, "run begins");
    let begun = Instant::now();
    let attempted = async {
        match Attempt::new(app, run) {
            Ok(attempt) => {
                let ended = attempt.run_within_time().await;
                if ended.is_ok() {
                    optimize::optimize(&attempt).await;
                }
                ended
            }
            Err(error) => Err(told(&error, run, "run")),
        }
    };
    // A fault of ours ends the run like any other: taken up again, it would only come again.
    let ended = AssertUnwindSafe(attempted)
        .catch_unwind()
        .await
        .unwrap_or_else(|_| {
            let error = Error::internal("the run panicked; the log says where");
            Err(told(&error, run, "run"))
        });
    let (state, counts, problem) = match ended {
        Ok(counts) => (RunState::Succeeded, Value::Object(counts), None),
        Err(problem) => (
            RunState::Failed,
            json!({}),
            serde_json::to_value(problem).ok(),
        ),
    };
    tracing::info!(run_id = %run.id, pipeline = run.pipeline, state = state.as_str(), "run ends");
    let labels = [
        ("pipeline", run.pipeline.clone()),
        ("state", state.as_str().to_owned()),
    ];
    metrics::counter!("icefront_runs_total", &labels).increment(1);
    metrics::histogram!("icefront_run_duration_seconds", &labels).record(begun.elapsed());
    app.store
        .close_steps(run.id, run.attempt + 1, problem.as_ref())
        .await
        .unwrap_or_else(|error| tracing::warn!(run_id = %run.id, %error, "steps were left open"));
    while let Err(error) = app
        .store
        .finish_run((run.id, run.attempt), state, &counts, problem.as_ref())
        .await
    {
        tracing::warn!(run_id = %run.id, %error, "the end of the run waits to be recorded");
        if !error.retryable() {
            return;
        }
        tokio::time::sleep(RECORD_PAUSE).await;
    }
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
        match &self.task {
            Task::Build => self.build().await,
            Task::Resync { table } => {
                tasks::resync(self, table).await?;
                self.build().await
            }
            task => tasks::execute(self, task).await,
        }
    }

    async fn build(&self) -> StepEnd {
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
        let built = all(join_all(tables).await)?;
        add(&mut counts, &built);
        let verified = tasks::verify_when_due(self).await?;
        add(&mut counts, &verified);

        Ok(counts)
    }
}
