//! The rest after a run that was given up: its service ended during each of its attempts, and a new run may end it, too.

use std::time::Duration;

use jiff::Timestamp;

use crate::state::{Run, RunState};

/// So long after the end of such a run, polls and target lags start none. Callers and schedules may.
const REST: Duration = Duration::from_mins(10);

/// Whether the last run of a pipeline was given up, and its rest is not over.
///
/// The state database knows it, because the memory of the service ended with it.
pub(super) fn is_resting(last: &Run) -> bool {
    let is_given_up = last.state == RunState::Failed
        && last
            .error
            .as_ref()
            .is_some_and(|error| error["type"] == "urn:icefront:problem:given-up");
    let since_end = last
        .finished_at
        .and_then(|at| Duration::try_from(Timestamp::now().duration_since(at)).ok());

    is_given_up && since_end.unwrap_or_default() < REST
}
