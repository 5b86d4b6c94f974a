//! The sliced log: a copy of the typed log in files by the keys' buckets. While marts are built from many slices, each slice
//! reads only its own part. Without the copy, the cost of a build grows with the square of its events.

use serde::Serialize;

use super::build::{self, drop_leftover, made_of};
use super::slices::BUCKETS;
use super::{Target, target::TableContext};
use crate::error::{Error, Result};
use crate::sql::render;
use crate::state::{EndedStatement, Fit, Layer};

/// From so many slices on, one copy costs less than reading the whole log for each slice: to copy an event took thirteen times
/// as long as to read it.
pub(super) const MIN_SLICES: u32 = 16;

/// The context of `marts/slice_log.sql`.
#[derive(Serialize)]
struct SliceLogContext<'a> {
    #[serde(flatten)]
    table: TableContext<'a>,
    upto_batch: i64,
}

/// Makes the sliced log of all batches up to one, if neither another mart nor an earlier attempt made it. False if Trino
/// refuses it for its memory: the typed log itself must be read then.
pub(super) async fn ensure(target: Target<'_>, upto_batch: i64) -> Result<bool> {
    let _turn = target.slicing.lock().await;
    if is_usable(target, upto_batch).await? {
        return Ok(true);
    }
    match copy(target, upto_batch).await {
        Err(error) if error.is_out_of_memory() => {
            tracing::warn!(table = %target.sliced_log(), "Trino refuses a copy of the typed log for its memory, so each slice reads the whole log");
            Ok(false)
        }
        copied => copied.map(|()| true),
    }
}

async fn is_usable(target: Target<'_>, upto_batch: i64) -> Result<bool> {
    let store = target.publisher.store;
    let made_of = made_of(target, true);
    let kept = store.build(&target.table.id, Layer::Sliced).await?;
    let kept = kept.filter(|build| {
        // Each slice leaves out the events of later batches.
        build
            .usable_upto(&made_of)
            .is_some_and(|made| made >= upto_batch)
            && build.position == BUCKETS.cast_signed()
    });
    let Some(kept) = kept else {
        return Ok(false);
    };

    Ok(build::rows(target, &target.sliced_log()).await? == Some(kept.rows))
}

async fn copy(target: Target<'_>, upto_batch: i64) -> Result<()> {
    let (publisher, id) = (target.publisher, &target.table.id);
    let store = publisher.store;
    let table = target.sliced_log();
    publisher.resolve(&table).await?;
    let made_of = made_of(target, true);
    store
        .begin_build(id, Layer::Sliced, upto_batch, &made_of)
        .await?;
    store
        .begin_slice(id, Layer::Sliced, BUCKETS.cast_signed())
        .await?;
    let context = SliceLogContext {
        table: target.context(),
        upto_batch,
    };
    let copy = render("marts/slice_log.sql", context)?;
    let committed = publisher.copy_unrecorded(&table, &copy).await?;
    let rows = committed
        .rows
        .ok_or_else(|| Error::internal(format!("Trino did not say how many rows `{table}` got")))?;
    let ended = committed.statement.map(|id| EndedStatement {
        id,
        end: committed.end(),
    });

    store
        .record_slice(id, Layer::Sliced, rows, Fit::default(), ended.as_ref())
        .await
}

/// Drops the sliced log once no mart is built from it any more.
pub async fn drop_sliced_log(target: Target<'_>) -> Result<()> {
    let (store, id) = (target.publisher.store, &target.table.id);
    if store.build(id, Layer::Sliced).await?.is_none() {
        return Ok(());
    }
    let _turn = target.slicing.lock().await;
    for layer in [Layer::Current, Layer::History] {
        let build = store.build(id, layer).await?;
        if build.is_some_and(|build| build.is_under_way()) {
            return Ok(());
        }
    }
    store.end_build(id, Layer::Sliced).await?;

    drop_leftover(target, Layer::Sliced).await
}
