//! Runs one step: records its begin and its end, limits its time, stops its statements. Knows nothing of what a step does.

use serde_json::json;

use super::attempt::Attempt;
use super::counts::Counts;
use super::failure::{StepEnd, report_failure};
use super::stop;
use crate::error::{Error, Result};
use crate::publish::Publisher;
use crate::state::StepState;

pub(super) async fn run(
    attempt: &Attempt<'_>,
    name: &str,
    work: impl AsyncFnOnce(Publisher<'_>) -> Result<Counts>,
) -> StepEnd {
    let store = &attempt.app.store;
    let (id, limit) = (attempt.run.attempt_id(), attempt.step_limit());
    let result = async {
        if attempt.app.signals.is_stopping() {
            return Err(Error::Interrupted);
        }
        store.begin_step(id, name).await?;
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
    let (state, counts, problem) = match &end {
        Ok(counts) => (StepState::Succeeded, counts.to_json(), None),
        Err(problem) => (
            StepState::Failed,
            json!({}),
            serde_json::to_value(problem).ok(),
        ),
    };
    store
        .finish_step(id, name, state, &counts, problem.as_ref())
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
    let recorded = async {
        store.begin_step(id, name).await?;
        store
            .finish_step(id, name, StepState::Skipped, &json!({}), None)
            .await
    }
    .await;
    if let Err(error) = recorded {
        tracing::warn!(run_id = %id.run, step = name, %error, "a skipped step was not recorded");
    }
}
