//! `/v1/tables/{table}/verify`, `/rebuild`, `/restage`, `/resync`: compare tables with their logs, and make them anew.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::key::{IdempotencyKey, accepted};
use super::read::{Body, Nothing, Path, Query};
use super::rejects::kept;
use super::runs::Run;
use super::tables::TablePath;
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::run::{self, Task, whole_number};

const MOST_KEYS: usize = 1_000;

/// How much to compare.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"one_in": 10}))]
pub(super) struct Verify {
    /// Only one key in so many, found by its hash; all keys when absent.
    #[serde(deserialize_with = "whole_number")]
    #[schema(minimum = 1, maximum = 1_000_000)]
    one_in: Option<u32>,
}

/// What to make again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"keys": [{"order_id": 42}]}))]
pub(super) struct Rebuild {
    /// Only these keys, each with a value for every column of the key. All when absent.
    #[schema(min_items = 1, max_items = 1000, value_type = Option<Vec<Object>>)]
    keys: Option<Vec<Map<String, Value>>>,
}

/// Compare a table with its log.
///
/// A run of its own makes current rows and history again in a query, up to the last published batch, and counts what differs.
/// It succeeds where nothing does, else it fails with `verify-failed` and the numbers.
#[utoipa::path(
    post, path = "/v1/tables/{table}/verify", tag = "tables",
    params(TablePath, IdempotencyKey),
    request_body(content = Option<Verify>, description = "How much to compare; everything when left out"),
    responses(
        (status = ACCEPTED, description = "The run is queued; `Location` tells where to ask", body = Run),
        (status = OK, description = "The run that the key came to before is over", body = Run),
        Problem,
    ),
)]
pub(super) async fn verify_table(
    State(app): State<App>,
    Path(TablePath { table }): Path<TablePath>,
    key: IdempotencyKey,
    Query(Nothing {}): Query<Nothing>,
    Body(request): Body<Verify>,
) -> Result<Response> {
    let one_in = request.one_in.unwrap_or(1);
    if !(1..=1_000_000).contains(&one_in) {
        return Err(Error::Invalid {
            field: "one_in".into(),
            detail: format!("`one_in` is {one_in}; it must be between 1 and 1000000"),
        });
    }

    start(&app, &table, key, |table| Task::Verify { table, one_in }).await
}

/// Make a table's current rows and history again from its log.
///
/// All of it aside, swapped in by one commit each; or some keys in place. The source is not read.
#[utoipa::path(
    post, path = "/v1/tables/{table}/rebuild", tag = "tables",
    params(TablePath, IdempotencyKey),
    request_body(content = Option<Rebuild>, description = "What to make again; everything when left out"),
    responses(
        (status = ACCEPTED, description = "The run is queued; `Location` tells where to ask", body = Run),
        (status = OK, description = "The run that the key came to before is over", body = Run),
        Problem,
    ),
)]
pub(super) async fn rebuild_table(
    State(app): State<App>,
    Path(TablePath { table }): Path<TablePath>,
    key: IdempotencyKey,
    Query(Nothing {}): Query<Nothing>,
    Body(request): Body<Rebuild>,
) -> Result<Response> {
    let (_, tracked) = app.pipelines.table(&table)?;
    let given = request.keys.as_ref().map(Vec::len);
    if given.is_some_and(|given| !(1..=MOST_KEYS).contains(&given)) {
        return Err(Error::Invalid {
            field: "keys".into(),
            detail: format!(
                "`keys` takes 1 to {MOST_KEYS} keys, not {}; leave it out to make all again",
                given.unwrap_or_default()
            ),
        });
    }
    let keys = request
        .keys
        .iter()
        .flatten()
        .enumerate()
        .map(|(at, key)| values(&tracked.key_names(), key, at))
        .collect::<Result<_>>()?;

    start(&app, &table, key, |table| Task::Rebuild { table, keys }).await
}

/// Make a table's log again from landing, by its definition as it is now, then its current rows and history.
///
/// For a new column in old events, another type, another key. The source is not read.
#[utoipa::path(
    post, path = "/v1/tables/{table}/restage", tag = "tables",
    params(TablePath, IdempotencyKey),
    responses(
        (status = ACCEPTED, description = "The run is queued; `Location` tells where to ask", body = Run),
        (status = OK, description = "The run that the key came to before is over", body = Run),
        Problem,
    ),
)]
pub(super) async fn restage_table(
    State(app): State<App>,
    Path(TablePath { table }): Path<TablePath>,
    key: IdempotencyKey,
    Query(Nothing {}): Query<Nothing>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Response> {
    start(&app, &table, key, |table| Task::Restage { table }).await
}

/// Read a table from its source again, all of it, then run the pipeline.
///
/// For rows that changed where nobody could see it. Of a `postgres_table` every row is read, and what the source no longer has is deleted. Of an
/// audit log those rows are read of which the log has no event; what the log tells of a row stays, a truncate of all of them, too. Rows that are the same are counted `unchanged`.
#[utoipa::path(
    post, path = "/v1/tables/{table}/resync", tag = "tables",
    params(TablePath, IdempotencyKey),
    responses(
        (status = ACCEPTED, description = "The run is queued; `Location` tells where to ask", body = Run),
        (status = OK, description = "The run that the key came to before is over", body = Run),
        Problem,
    ),
)]
pub(super) async fn resync_table(
    State(app): State<App>,
    Path(TablePath { table }): Path<TablePath>,
    key: IdempotencyKey,
    Query(Nothing {}): Query<Nothing>,
    Body(Nothing {}): Body<Nothing>,
) -> Result<Response> {
    let (definition, _) = app.pipelines.table(&table)?;
    if definition.source.files().is_some() {
        return Err(Error::Invalid {
            field: "table".into(),
            detail: format!(
                "`{table}` is made of files, of which each is read once; drop those that are missing again, or call `POST /v1/tables/{table}/restage` to take what has landed anew"
            ),
        });
    }

    start(&app, &table, key, |table| Task::Resync { table }).await
}

async fn start(
    app: &App,
    table: &str,
    key: IdempotencyKey,
    task: impl FnOnce(String) -> Task,
) -> Result<Response> {
    let (definition, table) = app.pipelines.table(table)?;
    let task = task(table.id.name.clone());
    let started = run::start_task(app, definition, &task, key.0.as_deref()).await?;

    Ok(accepted(started))
}

/// The values of a key as texts, by column.
fn values(
    columns: &[String],
    key: &Map<String, Value>,
    at: usize,
) -> Result<BTreeMap<String, String>> {
    let value = |column: &String| {
        let text = match key.get(column)? {
            Value::String(text) => kept(text),
            Value::Number(number) => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
            _ => return None,
        };
        Some((column.clone(), text))
    };
    let values: Option<BTreeMap<String, String>> = columns.iter().map(value).collect();

    values
        .filter(|values| values.len() == key.len())
        .ok_or_else(|| Error::Invalid {
            field: format!("keys[{at}]"),
            detail: format!(
                "`keys[{at}]` must have a value for each of {} and nothing else",
                columns.join(", ")
            ),
        })
}
