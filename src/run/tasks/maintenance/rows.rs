//! The steps `retain.<what>`: old rows of the state database go, in transactions of limited size.

use std::time::Duration;

use jiff::Timestamp;

use super::cutoffs::Maintenance;
use crate::error::Result;
use crate::run::counts::Counts;
use crate::run::failure::StepEnd;
use crate::run::step;
use crate::state::OldRows;

/// So long, sums of changes are kept by run, and refreshes at all. Then sums are kept by day.
const CHANGES_KEPT: Duration = Duration::from_hours(400 * 24);

/// A part of what goes.
struct Part {
    step: &'static str,
    /// The name of its count.
    count: &'static str,
    rows: OldRows,
    before: Timestamp,
}

pub(super) async fn maintain(maintenance: &Maintenance<'_>) -> Vec<StepEnd> {
    let kept = &maintenance.attempt.app.config.retention;
    let changes = maintenance.before(CHANGES_KEPT);
    let part = |step, count, rows, before| Part {
        step,
        count,
        rows,
        before,
    };
    let runs = maintenance.before(kept.runs);
    let parts = [
        part(
            "retain.sql",
            "sql_expired",
            OldRows::Sql,
            maintenance.before(kept.sql),
        ),
        part(
            "retain.events",
            "events_expired",
            OldRows::Events,
            maintenance.before(kept.events),
        ),
        part(
            "retain.publications",
            "publications_expired",
            OldRows::Publications,
            runs,
        ),
        part(
            "retain.refreshes",
            "refreshes_expired",
            OldRows::Refreshes,
            changes,
        ),
        part(
            "retain.changes",
            "changes_put_together",
            OldRows::Changes,
            start_of_day(changes),
        ),
    ];
    let mut ends = Vec::new();
    for part in parts {
        let end = step::run(maintenance.attempt, part.step, async |_| {
            maintenance.expire_rows(&part).await
        });
        ends.push(end.await);
    }
    // Refreshes go after their runs, so in a later maintenance: a dry run then counts the same.
    let end = step::run(maintenance.attempt, "retain.runs", async |_| {
        maintenance.expire_runs(runs).await
    });
    ends.push(end.await);

    ends
}

/// The start of the day in UTC: the sums of one day are put together at once.
fn start_of_day(time: Timestamp) -> Timestamp {
    let second = time.as_second();

    Timestamp::from_second(second - second.rem_euclid(86_400)).unwrap_or(time)
}

impl Maintenance<'_> {
    async fn expire_rows(&self, part: &Part) -> Result<Counts> {
        let store = &self.attempt.app.store;
        let pipeline = &self.attempt.run.pipeline;
        let found = store.count_old(pipeline, part.rows, part.before).await?;
        if !self.dry_run {
            while store.delete_old(pipeline, part.rows, part.before).await? {}
        }

        Ok(Counts::from([(part.count, found)]))
    }

    async fn expire_runs(&self, before: Timestamp) -> Result<Counts> {
        let store = &self.attempt.app.store;
        let keys_since = self.before(self.attempt.app.config.runs.keep_keys);
        let pipeline = &self.attempt.run.pipeline;
        let verify = self.attempt.definition.verify.as_ref();
        let counted = verify.map_or(0, |due| i64::from(due.every_runs));
        let old = store.old_runs(pipeline, before, keys_since, counted);
        let old = old.await?;
        let found = store.count_old_runs(&old).await?;
        if !self.dry_run {
            while store.delete_old_runs(&old).await? > 0 {}
        }

        Ok(Counts::from([("runs_expired", found)]))
    }
}
