//! Executes one attempt of a claimed run, until its steps are done or it is stopped from outside, and records the end of the run.

use std::panic::AssertUnwindSafe;
use std::time::{Duration, Instant};

use futures::FutureExt;
use tracing::{Instrument, Span};

use super::attempt::Attempt;
use super::failure::{StepEnd, report_failure, transition};
use super::retries::{FailedAttempt, Retries};
use super::steps::optimize;
use super::{stop, tasks};
use crate::app::App;
use crate::error::{Class, Error, Problem, Result};
use crate::pipeline::Definition;
use crate::state::{Run, RunState, Transition};
use crate::traces;
use crate::trino::Origin;

/// After this many lost attempts in a row, a run fails as `given-up`.
const MAX_LOST_ATTEMPTS: i32 = 10;

pub(super) enum AttemptEnd {
    /// The run has ended, and that is recorded.
    RunEnded,
    /// It failed by a temporary fault. The next attempt begins after this pause.
    RetryAfter(Duration),
    /// The run goes on elsewhere: the service stops, the lease was lost, or the end could not be recorded.
    Unfinished,
}

pub(super) async fn execute(app: &App, run: &Run, retries: &mut Retries) -> AttemptEnd {
    // A filter of the log that has a level for all leaves the fields of an error's span.
    let span = tracing::error_span!("run", run_id = %run.id, pipeline = run.pipeline, attempt = run.attempt);
    if let Some(call) = &run.traceparent {
        traces::continue_from(&span, call);
    }
    let attempt = Box::pin(execute_attempt(app, run, retries)).instrument(span);

    Origin::of_run(&run.pipeline, run.id).scope(attempt).await
}

async fn execute_attempt(app: &App, run: &Run, retries: &mut Retries) -> AttemptEnd {
    tracing::info!("run begins");
    let began = Instant::now();
    let first_attempt_began_at = retries.begin(run.id);
    let removed = Definition::removed(&run.pipeline);
    let attempt = Attempt::new(app, run, &removed, first_attempt_began_at);
    let work = async {
        match &attempt {
            _ if run.lost > MAX_LOST_ATTEMPTS => {
                // `lost` counts this attempt too.
                let attempts = run.lost - 1;
                Err(report_failure(&Error::GivenUp { attempts }, run, "run"))
            }
            Ok(attempt) => perform_until_stopped(attempt).await,
            Err(error) => refuse(app, run, error).await,
        }
    };
    // A panic ends the run like any other fault. A retry would only panic again.
    let end = AssertUnwindSafe(work)
        .catch_unwind()
        .await
        .unwrap_or_else(|_| {
            let error = Error::internal("the run panicked; the log says where");
            Err(report_failure(&error, run, "run"))
        });
    let problem = end.err();
    if let Some(problem) = &problem {
        traces::tell_failure(&Span::current(), problem.slug());
        if problem.class == Class::Interrupted {
            return AttemptEnd::Unfinished;
        }
        let failed = FailedAttempt {
            run: run.id,
            class: problem.class,
            lasted: began.elapsed(),
            progress: attempt.as_ref().map(Attempt::progress).unwrap_or_default(),
        };
        if let Some(pause) = retries.pause(failed) {
            return retry_after(app, run, problem.class, pause).await;
        }
    }

    end_run(app, run, problem.as_deref(), began).await
}

async fn retry_after(app: &App, run: &Run, class: Class, pause: Duration) -> AttemptEnd {
    let class = class.as_str();
    metrics::counter!("icefront_run_retries_total", "pipeline" => run.pipeline.clone(), "class" => class).increment(1);
    tracing::warn!(class, pause_ms = pause.as_millis(), "the run is retried");
    let recorded = app.store.record_failed_attempt(run.attempt_id()).await;

    recorded.map_or(AttemptEnd::Unfinished, |()| AttemptEnd::RetryAfter(pause))
}

async fn end_run(app: &App, run: &Run, problem: Option<&Problem>, began: Instant) -> AttemptEnd {
    let mut recorded = record_end(app, run, problem, began).await;
    if let Err(error) = &recorded
        && error.class() == Class::Fault
    {
        // This end cannot be recorded, not even later. Record a failure instead, or the run is claimed for ever.
        let problem = report_failure(error, run, "run");
        recorded = record_end(app, run, Some(&problem), began).await;
    }
    match recorded {
        Ok(()) => AttemptEnd::RunEnded,
        Err(error) => {
            tracing::warn!(%error, "the end of the run was not recorded; the next attempt repeats it");
            AttemptEnd::Unfinished
        }
    }
}

/// Resolves when a caller wants a run that is executed here to end.
pub(super) async fn cancelled(app: &App, run: &Run) {
    let mut is_asked = run.cancel_requested_at.is_some();
    while !is_asked {
        app.signals.run_cancelled.notified().await;
        // The signal may be for another run. If the state database did not answer, the lease repeats the signal every
        // second.
        let now = app.store.run(run.id).await;
        is_asked = now.is_ok_and(|now| now.cancel_requested_at.is_some());
    }
}

/// Ends a run whose definition or request cannot be read: by that error, or as cancelled if a caller asked for it.
async fn refuse(app: &App, run: &Run, error: &Error) -> StepEnd {
    if run.cancel_requested_at.is_none() {
        return Err(report_failure(error, run, "run"));
    }
    let detail = stop::stop_without_definition(app, run).await;

    Err(report_failure(&Error::Cancelled { detail }, run, "run"))
}

/// Performs the task of the run, until it is done, the run's time is over, a caller cancels it, or the service's grace is over.
async fn perform_until_stopped(attempt: &Attempt<'_>) -> StepEnd {
    let Attempt { app, run, .. } = attempt;
    let limit = attempt.run_limit();
    let until = tokio::time::Instant::from_std(attempt.run_began + limit);
    let reason = tokio::select! {
        end = Box::pin(tasks::perform(attempt)) => {
            if end.is_ok() {
                optimize_unless_stopped(attempt).await;
            }
            return end;
        }
        () = tokio::time::sleep_until(until) => StopReason::TimeIsOver,
        () = cancelled(app, run) => StopReason::Cancelled,
        () = grace_over(app) => StopReason::ServiceStops,
    };
    let stopped = stop::stop(attempt, None).await;
    if matches!(reason, StopReason::ServiceStops) {
        tracing::warn!(stopped, "the service stops; another one continues the run");
    }

    Err(report_failure(&reason.error(limit, stopped), run, "run"))
}

/// Why an attempt is stopped from outside.
enum StopReason {
    TimeIsOver,
    Cancelled,
    ServiceStops,
}

impl StopReason {
    fn error(self, limit: Duration, stopped: String) -> Error {
        match self {
            Self::TimeIsOver => {
                let seconds = limit.as_secs();
                Error::TimedOut(format!(
                    "the run did not end within {seconds} s; {stopped}. What it had published stays, the next run goes on from there"
                ))
            }
            Self::Cancelled => Error::Cancelled { detail: stopped },
            Self::ServiceStops => Error::Interrupted,
        }
    }
}

/// The run has published everything by now, so a cancellation or the end of the service stops only this step, not the run.
async fn optimize_unless_stopped(attempt: &Attempt<'_>) {
    let Attempt { app, run, .. } = attempt;
    let is_done = tokio::select! {
        is_done = optimize::optimize(attempt) => is_done,
        () = cancelled(app, run) => false,
        () = grace_over(app) => false,
    };
    if !is_done {
        let stopped = stop::stop(attempt, Some("optimize")).await;
        tracing::warn!(stopped, "tables with many files were not rewritten");
    }
}

/// Resolves when the service is about to end and the shutdown grace for steps is over.
async fn grace_over(app: &App) {
    app.signals.stops().await;
    tokio::time::sleep(app.config.runs.shutdown_grace).await;
}

async fn record_end(app: &App, run: &Run, problem: Option<&Problem>, began: Instant) -> Result<()> {
    let state = match problem {
        None => RunState::Succeeded,
        Some(problem) if problem.is_cancelled() => RunState::Cancelled,
        Some(_) => RunState::Failed,
    };
    // A step that is still open was given up, also if the run has succeeded.
    let transition = problem.map_or(Transition::Abort, transition);
    let problem = problem.map(serde_json::to_value).transpose();
    let problem = problem.map_err(Error::internal)?;
    // Closes the steps of all attempts below this number.
    app.store
        .close_steps(
            run.id,
            run.attempt + 1,
            problem.as_ref(),
            transition,
            &app.subscriptions,
        )
        .await?;
    app.store
        .finish_run(
            run.attempt_id(),
            state,
            problem.as_ref(),
            &app.subscriptions,
        )
        .await?;
    tracing::info!(state = state.as_str(), "run ends");
    let labels = [
        ("pipeline", run.pipeline.clone()),
        ("state", state.as_str().to_owned()),
    ];
    metrics::counter!("icefront_runs_total", &labels).increment(1);
    metrics::histogram!("icefront_run_duration_seconds", &labels).record(began.elapsed());

    Ok(())
}
