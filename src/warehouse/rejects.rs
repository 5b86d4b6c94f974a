//! Rejects that are replayed or dismissed.

use serde::{Deserialize, Serialize};

use super::slices::{Slice, Slicing};
use super::staging::{self, StagingContext};
use super::target::TableContext;
use super::{Refresh, Target};
use crate::error::{Error, Result};
use crate::sql::render;
use crate::state::{LastEvent, RejectsLeft, Replayable};

/// Which rejects of a table a caller chose.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectFilter {
    /// Only those with this reason.
    pub reason: Option<String>,
    /// Only those of these names.
    pub ids: Vec<String>,
    /// Only those that were rejected before this time, written as [`crate::sql::timestamp_text`] does.
    #[serde(default)]
    pub before: Option<String>,
}

/// What a replay did.
#[derive(Debug)]
pub struct Replayed {
    /// The events that could be taken.
    pub taken: i64,
    /// Their highest id and time.
    pub last_event: LastEvent,
    pub left: RejectsLeft,
}

/// What a dismissal did.
#[derive(Debug, Clone, Copy)]
pub struct Dismissed {
    pub dismissed: i64,
    pub left: RejectsLeft,
}

/// The context of the statements about chosen rejects.
#[derive(Serialize)]
struct ChosenContext<'a> {
    #[serde(flatten)]
    table: TableContext<'a>,
    #[serde(flatten)]
    filter: &'a RejectFilter,
}

/// The context of the statements of a replay.
#[derive(Serialize)]
struct ReplayContext<'a> {
    #[serde(flatten)]
    staging: StagingContext<'a>,
    #[serde(flatten)]
    filter: &'a RejectFilter,
    /// The batch that the replayed events become.
    batch: i64,
}

/// The row of `staging/replayable.sql`.
#[derive(Deserialize)]
struct ReplayableRow {
    events: i64,
    truncates: i64,
    last_event: Option<i64>,
    last_time: Option<String>,
}

/// Counts the events that a replay may bring.
pub async fn replayable(target: Target<'_>, filter: &RejectFilter) -> Result<Replayable> {
    let context = ChosenContext {
        table: target.context(),
        filter,
    };
    let row: ReplayableRow = target
        .publisher
        .row("staging/replayable.sql", context)
        .await?;

    Ok(Replayable {
        events: row.events,
        truncates: row.truncates,
        last_event: row.last_event,
        last_time: row.last_time,
    })
}

/// Replays rejects as the batch of `refresh`. Events that can be taken are no longer rejects.
pub async fn replay(
    target: Target<'_>,
    refresh: &Refresh,
    filter: &RejectFilter,
) -> Result<Replayed> {
    let context = |slice| ReplayContext {
        staging: StagingContext::replaying(target, refresh).sliced(slice),
        filter,
        batch: refresh.window.upto_batch,
    };
    let rejected = refresh.landed.summary.replayed;
    let staging = target.staging();
    target.publisher.resolve(&staging).await?;
    let mut taken = 0;
    let mut slicing = Slicing::expected(target, rejected);
    while let Some(slice) = slicing.slice() {
        let replay = render("staging/replay.sql", context(slice))?;
        let merged = target.publisher.merge(&staging, &replay).await;
        if let Some(committed) = slicing.ended(slice, merged)? {
            taken += committed.rows.ok_or_else(|| {
                Error::internal("Trino did not answer how many rejects a replay took")
            })?;
        }
    }
    let last_event = staging::last_event_of_batch(target, context(Slice::ALL)).await?;
    let rejects = target.names.rejects();
    let _turn = target.rejecting.lock().await;
    target.publisher.resolve(&rejects).await?;
    let mut slicing = Slicing::expected(target, rejected);
    while let Some(slice) = slicing.slice() {
        let replayed = render("staging/replayed.sql", context(slice))?;
        let deleted = target.publisher.merge(&rejects, &replayed).await;
        slicing.ended(slice, deleted)?;
    }

    Ok(Replayed {
        taken,
        last_event,
        left: staging::rejects(target).await?,
    })
}

pub async fn dismiss(target: Target<'_>, filter: &RejectFilter) -> Result<Dismissed> {
    let context = ChosenContext {
        table: target.context(),
        filter,
    };
    let before = staging::rejects(target).await?;
    let dismiss = render("staging/dismiss.sql", context)?;
    let left = {
        let rejects = target.names.rejects();
        let _turn = target.rejecting.lock().await;
        target.publisher.resolve(&rejects).await?;
        target.publisher.merge(&rejects, &dismiss).await?;
        staging::rejects(target).await?
    };

    Ok(Dismissed {
        dismissed: before.count - left.count,
        left,
    })
}
