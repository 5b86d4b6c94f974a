//! Runs one step: records its begin and its end, limits its time, stops its statements. Knows nothing of what a step does.

use serde_json::json;
use tracing::{Instrument, Span};

use super::attempt::Attempt;
use super::counts::Counts;
use super::failure::{StepEnd, report_failure, transition};
use super::measured::MeasuredStep;
use super::stop;
use crate::error::{Error, Result};
use crate::publish::Publisher;
use crate::state::{self, StepState, Subscriptions, Transition};
use crate::traces;

pub(super) async fn run(
    attempt: &Attempt<'_>,
    name: &str,
    work: impl AsyncFnOnce(Publisher<'_>) -> Result<Counts>,
) -> StepEnd {
    let span = tracing::error_span!("step", step = name);

    Box::pin(run_step(attempt, name, work))
        .instrument(span)
        .await
}

async fn run_step(
    attempt: &Attempt<'_>,
    name: &str,
    work: impl AsyncFnOnce(Publisher<'_>) -> Result<Counts>,
) -> StepEnd {
    let (store, subscriptions) = (&attempt.app.store, &attempt.app.subscriptions);
    let (id, limit) = (attempt.run.attempt_id(), attempt.step_limit());
    let measured = MeasuredStep::begin(name);
    let result = async {
        if attempt.app.signals.is_stopping() {
            return Err(Error::Interrupted);
        }
        store.begin_step(id, name, subscriptions).await?;
        // Boxed, because a run holds many of these at once.
        let work = Box::pin(work(attempt.publisher(name)));
        let Ok(result) = tokio::time::timeout(limit, work).await else {
            let stopped = Box::pin(stop::stop(attempt, Some(name))).await;
            let seconds = limit.as_secs();
            return Err(Error::TimedOut(format!(
                "the step did not end within {seconds} s and was stopped; {stopped}"
            )));
        };
        result
    }
    .await;
    let end = result.map_err(|error| report_failure(&error, attempt.run, name));
    measured.end(end.as_ref().err().map(Box::as_ref));
    if let Err(problem) = &end {
        traces::tell_failure(&Span::current(), problem.slug());
    }
    let counts = end.as_ref().map_or_else(|_| json!({}), Counts::to_json);
    let problem = end
        .as_ref()
        .err()
        .and_then(|problem| serde_json::to_value(problem).ok());
    let (state, told) = match &end {
        Ok(_) => (StepState::Succeeded, Transition::Complete),
        Err(problem) => (StepState::Failed, transition(problem)),
    };
    let recorded = state::StepEnd {
        state,
        transition: told,
        counts: &counts,
        problem: problem.as_ref(),
    };
    store
        .finish_step(id, name, &recorded, subscriptions)
        .await
        .map_err(|error| report_failure(&error, attempt.run, name))?;
    if end.is_ok() {
        attempt.note(name);
    }

    end.map(drop)
}

/// Records a step that is left out, because what it needs failed.
pub(super) async fn skip(attempt: &Attempt<'_>, name: &str) {
    let id = attempt.run.attempt_id();
    let store = &attempt.app.store;
    // A step that does nothing reads and writes nothing.
    let nobody = Subscriptions::default();
    let skipped = state::StepEnd {
        state: StepState::Skipped,
        transition: Transition::Abort,
        counts: &json!({}),
        problem: None,
    };
    let recorded = async {
        store.begin_step(id, name, &nobody).await?;
        store.finish_step(id, name, &skipped, &nobody).await
    }
    .await;
    if let Err(error) = recorded {
        tracing::warn!(step = name, %error, "a skipped step was not recorded");
    }
}
