//! Builds as tables: whether one can be used, what is in it, and how its table goes.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Target;
use super::slices::{self, Slice};
use super::target::TableContext;
use crate::error::{Error, Result};
use crate::landing;
use crate::sql::TableName;
use crate::state::Layer;

/// The context of statements about a table as it is.
#[derive(Serialize)]
struct TableOnly<'a> {
    table: &'a TableName,
}

/// The context of `staging/repeated_ids.sql`.
#[derive(Serialize)]
struct RepeatedContext<'a> {
    table: &'a TableName,
    slice: Option<Slice>,
}

/// The context of `marts/largest_key.sql`.
#[derive(Serialize)]
struct SliceContext<'a> {
    #[serde(flatten)]
    table: TableContext<'a>,
    upto_batch: i64,
    slice: Slice,
}

/// The row of `staging/repeated_ids.sql`.
#[derive(Deserialize)]
struct RepeatedRow {
    ids: i64,
}

/// The row of `marts/built_rows.sql`.
#[derive(Deserialize)]
struct BuiltRow {
    rows: i64,
}

/// The row of `marts/largest_key.sql`.
#[derive(Deserialize)]
struct LargestKeyRow {
    key: String,
    events: i64,
}

/// The last batch of the build of a layer that an earlier attempt or run began, if it can still be used.
pub async fn build_upto(target: Target<'_>, layer: Layer) -> Result<Option<i64>> {
    let store = target.publisher.store;
    let kept = store.build(&target.table.id, layer).await?;
    let usable = |by_key| {
        let made_of = made_of(target, by_key);
        kept.as_ref().and_then(|build| build.usable_upto(&made_of))
    };

    Ok(usable(true).or_else(|| usable(false)))
}

/// Rises with each change of the columns that a build has.
const SHAPE: u32 = 2;

/// The definition that a build follows. After a change of it, the table is built again.
pub(super) fn made_of(target: Target<'_>, slices_by_key: bool) -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "shape": SHAPE,
        "slices_by_key": slices_by_key,
        "from": target.table.from,
        "columns": target.columns,
        "properties": target.table.properties,
        "is_by_clock": target.table.is_by_clock,
        "max_clock_skew": target.definition.max_clock_skew,
    })
}

/// Drops the table of a published build, if it is still there.
pub async fn drop_leftover(target: Target<'_>, layer: Layer) -> Result<()> {
    let store = target.publisher.store;
    let id = &target.table.id;
    let kept = store.build(id, layer).await?;
    if kept.is_some_and(|build| build.is_published_and_left()) {
        let table = target.build_of(layer);
        landing::drop_table(target.publisher, &table).await?;
        store.record_dropped_build(id, layer).await?;
    }

    Ok(())
}

/// Whether a table has no rows, or does not exist.
pub(super) async fn is_empty(target: Target<'_>, table: &TableName) -> Result<bool> {
    let context = TableOnly { table };
    let rows = target
        .publisher
        .rows::<serde::de::IgnoredAny>("marts/any.sql", context)
        .await;
    match rows {
        Err(Error::Trino(failure)) if failure.name == "TABLE_NOT_FOUND" => Ok(true),
        rows => Ok(rows?.is_empty()),
    }
}

/// The rows of a table; `None` if it does not exist.
pub(super) async fn rows(target: Target<'_>, table: &TableName) -> Result<Option<i64>> {
    let context = TableOnly { table };
    match target.publisher.row("marts/built_rows.sql", context).await {
        Ok(BuiltRow { rows }) => Ok(Some(rows)),
        Err(Error::Trino(failure)) if failure.name == "TABLE_NOT_FOUND" => Ok(None),
        Err(error) => Err(error),
    }
}

/// Names the largest key of a slice that Trino refused. If that fails, gives the refusal.
pub(super) async fn key_too_large(
    target: Target<'_>,
    upto_batch: i64,
    slice: Slice,
    refusal: Error,
) -> Error {
    let context = SliceContext {
        table: target.context(),
        upto_batch,
        slice,
    };
    match target.publisher.row("marts/largest_key.sql", context).await {
        Ok(LargestKeyRow { key, events }) => Error::KeyTooLarge {
            table: target.table.id.to_string(),
            key,
            events,
            cause: refusal.into(),
        },
        Err(_) => refusal,
    }
}

/// Fails if an id occurs twice in a build of the typed log from so many events. Slices by key cannot see which event came
/// first.
pub(super) async fn refuse_repeated_ids(target: Target<'_>, events: i64) -> Result<()> {
    let table = target.build_of(Layer::Log);
    let context = |slice: Slice| RepeatedContext {
        table: &table,
        slice: slice.restriction(),
    };
    let repeated: RepeatedRow =
        slices::count(target, events, "staging/repeated_ids.sql", context).await?;
    if repeated.ids == 0 {
        return Ok(());
    }

    Err(Error::Unbalanced {
        detail: format!(
            "table `{}`: {} event ids occur with two keys in `{}`, and the table is too large to tell in one statement which came first. Raise `trino.statement_memory_bytes`, or correct the audit log",
            target.table.id.name,
            repeated.ids,
            target.names.landing()
        ),
    })
}
