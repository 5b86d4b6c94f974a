//! Dismiss: forgets rejects.

use futures::future::join_all;
use jiff::Timestamp;

use crate::error::Result;
use crate::pipeline::Table;
use crate::publish::Publisher;
use crate::run::attempt::Attempt;
use crate::run::counts::Counts;
use crate::run::failure::{StepEnd, first_failure};
use crate::run::step;
use crate::sql::timestamp_text;
use crate::warehouse::{self, RejectFilter};

pub(super) async fn dismiss(
    attempt: &Attempt<'_>,
    tables: &[String],
    filter: &RejectFilter,
) -> StepEnd {
    let tables = attempt.tables(tables)?;
    let dismissed = tables
        .into_iter()
        .map(|table| dismiss_in(attempt, table, filter));

    first_failure(join_all(dismissed).await)
}

async fn dismiss_in(attempt: &Attempt<'_>, table: &Table, filter: &RejectFilter) -> StepEnd {
    let name = format!("dismiss.{}", table.id.name);

    step::run(attempt, &name, async |publisher| {
        dismiss_rejects(attempt, table, filter, publisher).await
    })
    .await
}

async fn dismiss_rejects(
    attempt: &Attempt<'_>,
    table: &Table,
    filter: &RejectFilter,
    publisher: Publisher<'_>,
) -> Result<Counts> {
    let store = &attempt.app.store;
    let known = store.table(&table.id).await?;
    let Some(state) = known.filter(|state| state.staged_batch > 0) else {
        return Ok(Counts::default());
    };
    let target = attempt.target(table, &state, publisher);
    let dismissed = warehouse::dismiss(target, filter).await?;
    store.record_rejects(&table.id, dismissed.left).await?;

    Ok(Counts::from([
        ("dismissed", dismissed.dismissed),
        ("rejects_left", dismissed.left.count),
    ]))
}

/// Counts the rejects of a table from before a time, and dismisses them unless this is a dry run. Gives their number.
pub(super) async fn expire_rejects(
    attempt: &Attempt<'_>,
    table: &Table,
    before: Timestamp,
    dry_run: bool,
    publisher: Publisher<'_>,
) -> Result<i64> {
    let store = &attempt.app.store;
    let known = store.table(&table.id).await?;
    let Some(state) = known.filter(|state| state.staged_batch > 0) else {
        return Ok(0);
    };
    let filter = RejectFilter {
        before: Some(timestamp_text(before)),
        ..RejectFilter::default()
    };
    let target = attempt.target(table, &state, publisher);
    let old = warehouse::replayable(target, &filter).await?.events;
    if old > 0 && !dry_run {
        dismiss_rejects(attempt, table, &filter, publisher).await?;
    }

    Ok(old)
}
