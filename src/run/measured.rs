//! Counts what steps do, by names of the catalogue of metrics.

use std::time::Instant;

use crate::error::{Class, Problem};
use crate::pipeline::TableId;
use crate::state::{Published, Staged};

/// A step that has begun.
pub(super) struct MeasuredStep {
    kind: String,
    began: Instant,
}

impl MeasuredStep {
    pub(super) fn begin(step: &str) -> Self {
        Self {
            kind: kind_of(step).to_owned(),
            began: Instant::now(),
        }
    }

    pub(super) fn end(self, problem: Option<&Problem>) {
        let outcome = problem.map_or("succeeded", |problem| problem.class.as_str());
        let labels = [("kind", self.kind.clone()), ("outcome", outcome.to_owned())];
        metrics::counter!("icefront_steps_total", &labels).increment(1);
        metrics::histogram!("icefront_step_duration_seconds", "kind" => self.kind)
            .record(self.began.elapsed());
    }
}

/// `stage` of `stage.orders`.
fn kind_of(step: &str) -> &str {
    step.split_once('.').map_or(step, |(kind, _)| kind)
}

pub(super) fn count_staged(pipeline: &str, staged: &Staged) {
    for (outcome, events) in [
        ("staged", staged.staged),
        ("duplicate", staged.duplicate),
        ("rejected", staged.rejected),
    ] {
        metrics::counter!("icefront_staged_events_total", "pipeline" => pipeline.to_owned(), "outcome" => outcome)
            .increment(u64::try_from(events).unwrap_or(0));
    }
}

pub(super) fn count_changes(table: &TableId, rows: &Published) {
    for (kind, changed) in [
        ("inserted", rows.inserted),
        ("updated", rows.updated),
        ("deleted", rows.deleted + rows.truncated),
    ] {
        metrics::counter!("icefront_row_changes_total", "pipeline" => table.pipeline.clone(), "table" => table.to_string(), "kind" => kind)
            .increment(u64::try_from(changed).unwrap_or(0));
    }
}

/// A poll that failed, though not because the state database is away.
pub(super) fn count_poll_fault(pipeline: &str, class: Class) {
    if class != Class::Interrupted {
        metrics::counter!("icefront_poll_faults_total", "pipeline" => pipeline.to_owned())
            .increment(1);
    }
}
