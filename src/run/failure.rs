//! How a run's errors are logged and reported.

use crate::error::{Class, Error, Problem, causes};
use crate::state::{Run, Transition};

/// How a step ended: done, or with the problem that is logged and recorded already.
pub(super) type StepEnd = Result<(), Box<Problem>>;

/// Logs an error of a run, with its causes, within the span of the run. Only this function does. Callers see the problem.
pub(super) fn report_failure(error: &Error, run: &Run, step: &str) -> Box<Problem> {
    let cause = causes(error);
    if error.class() == Class::Interrupted {
        tracing::warn!(step, %error, cause, "step is left to the next attempt");
    } else {
        tracing::error!(step, %error, cause, "step failed");
    }

    Box::new(Problem::from(error).within(run.id, step))
}

/// What lineage servers are told of the end by a problem: a fault, or that somebody or something stopped it.
pub(super) fn transition(problem: &Problem) -> Transition {
    if problem.is_cancelled() || problem.class == Class::Interrupted {
        Transition::Abort
    } else {
        Transition::Fail
    }
}

/// The first problem of steps that ran side by side. A problem that leaves the run to the next attempt comes before all others.
pub(super) fn first_failure(ends: Vec<StepEnd>) -> StepEnd {
    let (interrupted, failed): (Vec<_>, Vec<_>) = ends
        .into_iter()
        .filter_map(Result::err)
        .partition(|problem| problem.class == Class::Interrupted);
    let first = interrupted.into_iter().chain(failed).next();

    first.map_or(Ok(()), Err)
}
