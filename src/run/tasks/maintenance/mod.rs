//! Maintenance: what is older than the settings keep it goes from the state database and from the pipeline's Iceberg tables.
//!
//! Each part is a step. It goes in small parts, so a kill loses nothing, and a part that fails delays no other.

mod cutoffs;
mod rejects;
mod rows;
mod tables;

use self::cutoffs::Maintenance;
use crate::run::attempt::Attempt;
use crate::run::failure::{StepEnd, first_failure, report_failure};

pub(super) async fn maintain(attempt: &Attempt<'_>, dry_run: bool) -> StepEnd {
    let now = attempt.app.store.now().await;
    let maintenance = Maintenance {
        attempt,
        dry_run,
        now: now.map_err(|error| report_failure(&error, attempt.run, "run"))?,
    };
    let mut ends = rows::maintain(&maintenance).await;
    ends.extend(rejects::maintain(&maintenance).await);
    ends.extend(tables::maintain(&maintenance).await);

    first_failure(ends)
}
