//! Executes one attempt of a run: its steps in order, tables side by side, until they are done or the attempt is ended from outside.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures::FutureExt;
use futures::future::join_all;

use super::attempt::{Attempt, StepEnd, all, report_failure};
use super::patience::Patience;
use super::{StepKind, Task, extract, optimize, stop, table, tasks};
use crate::app::App;
use crate::error::{Class, Error, Problem, Result};
use crate::state::{Run, RunState};

/// So many attempts in a row may end with their service.
const MOST_LOST: i32 = 10;

/// What became of an attempt.
pub(super) enum End {
    /// The run has ended.
    Over,
    /// It failed by a fault that passes; the next attempt is to begin after so long.
    Again(Duration),
    /// Nothing of its end could be recorded, or it was handed back: whoever takes it up goes on.
    Left,
}

/// Executes a run that was claimed, and remembers how it ended.
pub(super) async fn execute(app: &App, run: &Run, patience: &mut Patience) -> End {
    tracing::info!(run_id = %run.id, pipeline = run.pipeline, attempt = run.attempt, "run begins");
    let begun = Instant::now();
    let attempt = Attempt::new(app, run, patience.begun(run.id));
    let attempted = async {
        if run.lost > MOST_LOST {
            let attempts = run.lost - 1;
            return Err(report_failure(&Error::GivenUp { attempts }, run, "run"));
        }
        match &attempt {
            Ok(attempt) => Box::pin(attempt.run()).await,
            Err(_) if run.cancel_requested_at.is_some() => {
                let detail = stop::stop_unread(app, run).await;
                Err(report_failure(&Error::Cancelled { detail }, run, "run"))
            }
            Err(error) => Err(report_failure(error, run, "run")),
        }
    };
    // A fault of ours ends the run like any other: taken up again, it would only come again.
    let ended = AssertUnwindSafe(attempted)
        .catch_unwind()
        .await
        .unwrap_or_else(|_| {
            let error = Error::internal("the run panicked; the log says where");
            Err(report_failure(&error, run, "run"))
        });
    let problem = ended.err();
    if let Some(problem) = &problem {
        if problem.class == Class::Interrupted {
            return End::Left;
        }
        let done = attempt.as_ref().map(Attempt::progress).unwrap_or_default();
        let failed = (problem.class, begun.elapsed());
        if let Some(pause) = patience.pause(run.id, failed, done) {
            let class = problem.class.as_str();
            metrics::counter!("icefront_run_retries_total", "pipeline" => run.pipeline.clone(), "class" => class).increment(1);
            tracing::warn!(run_id = %run.id, class, pause_ms = pause.as_millis(), "the run is tried again");
            let noted = app.store.schedule_retry(run.attempt_id()).await;
            return noted.map_or(End::Left, |()| End::Again(pause));
        }
    }
    let mut recorded = record(app, run, problem.as_deref(), begun).await;
    if let Err(error) = &recorded
        && error.class() == Class::Fault
    {
        // Left as it is, it would be taken up for ever.
        let problem = report_failure(error, run, "run");
        recorded = record(app, run, Some(&problem), begun).await;
    }
    match recorded {
        Ok(()) => End::Over,
        Err(error) => {
            tracing::warn!(run_id = %run.id, %error, "the end of the run was not recorded; its next attempt finds the same");
            End::Left
        }
    }
}

/// Resolves when a caller wants a run that is executed here to end.
pub(super) async fn cancelled(app: &App, run: &Run) {
    let mut is_asked = run.cancel_requested_at.is_some();
    while !is_asked {
        app.cancelled.notified().await;
        // It may have rung for another run; and it rings again.
        let now = app.store.run(run.id).await;
        is_asked = now.is_ok_and(|now| now.cancel_requested_at.is_some());
    }
}

async fn record(app: &App, run: &Run, problem: Option<&Problem>, begun: Instant) -> Result<()> {
    let state = match problem {
        None => RunState::Succeeded,
        Some(problem) if problem.is_cancelled() => RunState::Cancelled,
        Some(_) => RunState::Failed,
    };
    let problem = problem.map(serde_json::to_value).transpose();
    let problem = problem.map_err(Error::internal)?;
    app.store
        .close_steps(run.id, run.attempt + 1, problem.as_ref())
        .await?;
    app.store
        .finish_run(run.attempt_id(), state, problem.as_ref())
        .await?;
    tracing::info!(run_id = %run.id, pipeline = run.pipeline, state = state.as_str(), "run ends");
    let labels = [
        ("pipeline", run.pipeline.clone()),
        ("state", state.as_str().to_owned()),
    ];
    metrics::counter!("icefront_runs_total", &labels).increment(1);
    metrics::histogram!("icefront_run_duration_seconds", &labels).record(begun.elapsed());

    Ok(())
}

impl Attempt<'_> {
    /// Executes the attempt until it is done, or until the run's time is over, a caller cancels it, or the service's grace is over.
    async fn run(&self) -> StepEnd {
        let limit = self.run_limit();
        let until = tokio::time::Instant::from_std(self.begun + limit);
        let why = tokio::select! {
            ended = Box::pin(self.run_steps()) => {
                if ended.is_ok() {
                    self.optimize().await;
                }
                return ended;
            }
            () = tokio::time::sleep_until(until) => Stop::Late,
            () = self.cancelled() => Stop::Cancelled,
            () = self.grace_over() => Stop::Grace,
        };
        let run = self.run;
        let stopped = stop::stop(self, None).await;
        let error = match why {
            Stop::Late => {
                let seconds = limit.as_secs();
                Error::TimedOut(format!(
                    "the run did not end within {seconds} s; {stopped}. What it had published stays, the next run goes on from there"
                ))
            }
            Stop::Cancelled => Error::Cancelled { detail: stopped },
            Stop::Grace => {
                tracing::warn!(run_id = %run.id, stopped, "the service ends; the run is handed back");
                Error::Interrupted
            }
        };

        Err(report_failure(&error, run, "run"))
    }

    /// Writes crowded tables as few files. What the run published is published, so nobody who ends this ends the run.
    async fn optimize(&self) {
        let is_done = tokio::select! {
            is_done = optimize::optimize(self) => is_done,
            () = self.cancelled() => false,
            () = self.grace_over() => false,
        };
        if !is_done {
            let stopped = stop::stop(self, Some("optimize")).await;
            tracing::warn!(run_id = %self.run.id, stopped, "files were not written as few");
        }
    }

    fn run_limit(&self) -> Duration {
        let asked = self.request.timeout_seconds;

        asked.map_or(self.app.config.runs.timeout, |seconds| {
            Duration::from_secs(seconds.into())
        })
    }

    /// Resolves when a caller wants the run to end.
    async fn cancelled(&self) {
        cancelled(self.app, self.run).await;
    }

    /// Resolves when the service is about to end and steps had their time.
    async fn grace_over(&self) {
        self.app.stops().await;
        tokio::time::sleep(self.app.config.runs.shutdown_grace).await;
    }

    async fn run_steps(&self) -> StepEnd {
        if self.run.attempt > 1 {
            // What cannot be found out now, each step finds out before it writes.
            let ended = self.publisher("run").end_earlier_attempts().await;
            ended.unwrap_or_else(|error| {
                tracing::warn!(run_id = %self.run.id, %error, "statements of earlier attempts may still be read");
            });
        }
        match &self.task {
            Task::Build => self.build().await,
            Task::Resync { table } => {
                tasks::resync(self, table).await?;
                self.build().await
            }
            task => Box::pin(tasks::execute(self, task)).await,
        }
    }

    async fn build(&self) -> StepEnd {
        if self.request.has(StepKind::Extract) && !self.has_extracted().await? {
            let extracted = self.step("extract", async |publisher| {
                extract::extract(self, publisher).await
            });
            extracted.await?;
        }
        let tables = self
            .definition
            .tables
            .values()
            .filter(|table| self.request.selects(&table.id.name))
            .map(|table| table::build(self, table));
        all(join_all(tables).await)?;

        tasks::verify_when_due(self).await
    }

    /// Says whether an earlier attempt of the run has read the source: what came since is the next run's.
    async fn has_extracted(&self) -> Result<bool, Box<Problem>> {
        let known = self.app.store.has_succeeded(self.run.id, "extract").await;

        known.map_err(|error| report_failure(&error, self.run, "extract"))
    }
}

/// Why an attempt is ended from outside.
enum Stop {
    Late,
    Cancelled,
    Grace,
}
