//! Maintenance: what is older than the settings keep it goes from the state database and from the pipeline's Iceberg tables.
//!
//! Each part is a step. It goes in small parts, so a kill loses nothing, and a part that fails delays no other.

mod rows;
mod tables;

use std::time::Duration;

use jiff::Timestamp;

use crate::run::attempt::Attempt;
use crate::run::failure::{StepEnd, first_failure, report_failure};

/// What the parts of one maintenance share.
struct Maintenance<'a> {
    attempt: &'a Attempt<'a>,
    /// Whether it only counts.
    dry_run: bool,
    /// When it began, by the state database.
    now: Timestamp,
}

impl Maintenance<'_> {
    /// The time before which everything is old that is kept for so long.
    fn before(&self, kept: Duration) -> Timestamp {
        self.now.checked_sub(kept).unwrap_or(Timestamp::UNIX_EPOCH)
    }
}

pub(super) async fn maintain(attempt: &Attempt<'_>, dry_run: bool) -> StepEnd {
    let now = attempt.app.store.now().await;
    let maintenance = Maintenance {
        attempt,
        dry_run,
        now: now.map_err(|error| report_failure(&error, attempt.run, "run"))?,
    };
    let mut ends = rows::maintain(&maintenance).await;
    ends.extend(tables::maintain(&maintenance).await);

    first_failure(ends)
}
