//! `/v1/tables/{table}/verify`, `/test`, `/rebuild`, `/restage` and `/resync`: compare a table with its log, or remake it.

use std::collections::BTreeMap;

use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::access::Granted;
use super::key::{IdempotencyKey, StartedRun, accepted};
use super::read::{Body, Empty, Path, without_nul};
use super::tables::TablePath;
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::pipeline::{Table, TrackedTable};
use crate::run::{self, Task, whole_number};

const MOST_KEYS: usize = 1_000;

/// How much to compare.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"one_in": 10}))]
pub(super) struct Verify {
    /// Compare one key in so many, chosen by its hash; by default all keys.
    #[serde(deserialize_with = "whole_number")]
    #[schema(minimum = 1, maximum = 1_000_000)]
    one_in: Option<u32>,
}

/// Which keys to make again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"keys": [{"order_id": 42}]}))]
pub(super) struct Rebuild {
    /// Only these keys, each with a value for every key column; by default all keys.
    #[schema(min_items = 1, max_items = 1000, value_type = Option<Vec<Object>>)]
    keys: Option<Vec<Map<String, Value>>>,
}

/// Compare a table with its log.
///
/// The run computes current rows and history from the log, up to the last published batch, and counts the differences.
/// It succeeds without differences; otherwise it fails with `verify-failed` and the counts.
#[utoipa::path(
    post, path = "/v1/tables/{table}/verify", tag = "tables",
    params(TablePath, IdempotencyKey),
    request_body(content = Option<Verify>, description = "How much to compare; by default everything"),
    responses(StartedRun, Problem),
)]
pub(super) async fn verify_table(
    Granted(app): Granted,
    Path(TablePath { table }): Path<TablePath>,
    key: IdempotencyKey,
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

/// Run all declared tests of a table over all its rows.
///
/// A run of the pipeline tests only the rows that it changes. This run changes no table. It fails with `test-failed` if a test of
/// severity `error` fails. The results are at `GET /v1/runs/{run_id}/tests`.
#[utoipa::path(
    post,
    path = "/v1/tables/{table}/test",
    tag = "tables",
    params(TablePath, IdempotencyKey),
    responses(StartedRun, Problem)
)]
pub(super) async fn test_table(
    Granted(app): Granted,
    Path(TablePath { table }): Path<TablePath>,
    key: IdempotencyKey,
    Body(Empty {}): Body<Empty>,
) -> Result<Response> {
    start(&app, &table, key, |table| Task::Test { table }).await
}

/// Make a table's current rows and history again from its log.
///
/// Without `keys`, each new table replaces the old one in one commit; with `keys`, the run changes their rows in place. The source is not read.
#[utoipa::path(
    post, path = "/v1/tables/{table}/rebuild", tag = "tables",
    params(TablePath, IdempotencyKey),
    request_body(content = Option<Rebuild>, description = "Which keys to make again; by default all"),
    responses(StartedRun, Problem),
)]
pub(super) async fn rebuild_table(
    Granted(app): Granted,
    Path(TablePath { table }): Path<TablePath>,
    key: IdempotencyKey,
    Body(request): Body<Rebuild>,
) -> Result<Response> {
    let tracked = app.pipelines.table(&table)?.table;
    let keys = match &request.keys {
        Some(keys) => keys_of(tracked, keys)?,
        None => Vec::new(),
    };

    start(&app, &table, key, |table| Task::Rebuild {
        table,
        keys,
        are_keys_erased: false,
    })
    .await
}

/// Make a table's log again from landing with the present definition, then its current rows and history.
///
/// Use it after a change of a key or a type, or to fill a new column from old events. The source is not read.
#[utoipa::path(
    post,
    path = "/v1/tables/{table}/restage",
    tag = "tables",
    params(TablePath, IdempotencyKey),
    responses(StartedRun, Problem)
)]
pub(super) async fn restage_table(
    Granted(app): Granted,
    Path(TablePath { table }): Path<TablePath>,
    key: IdempotencyKey,
    Body(Empty {}): Body<Empty>,
) -> Result<Response> {
    start(&app, &table, key, |table| Task::Restage { table }).await
}

/// Read a whole table from its source again, then run the pipeline.
///
/// Use it for changes that the source did not show. For a `postgres_table`, the run reads every row and deletes the rows that the source no longer has.
/// For an audit log, it reads only rows without an event in the log; events of the log win, truncates included. Equal rows count as `unchanged`.
#[utoipa::path(
    post,
    path = "/v1/tables/{table}/resync",
    tag = "tables",
    params(TablePath, IdempotencyKey),
    responses(StartedRun, Problem)
)]
pub(super) async fn resync_table(
    Granted(app): Granted,
    Path(TablePath { table }): Path<TablePath>,
    key: IdempotencyKey,
    Body(Empty {}): Body<Empty>,
) -> Result<Response> {
    let definition = app.pipelines.table(&table)?.definition;
    if definition.source.files().is_some() {
        return Err(Error::Invalid {
            field: "table".into(),
            detail: format!(
                "`{table}` is made of files, and each file is read once; drop the missing files again, or call `POST /v1/tables/{table}/restage` to stage the landed rows again"
            ),
        });
    }

    start(&app, &table, key, |table| Task::Resync { table }).await
}

/// Starts a run for a table.
pub(super) async fn start(
    app: &App,
    table: &str,
    key: IdempotencyKey,
    task: impl FnOnce(String) -> Task,
) -> Result<Response> {
    let TrackedTable { definition, table } = app.pipelines.table(table)?;
    let task = task(table.id.name.clone());
    let started = run::start_task(app, &definition.name, &task, key.0.as_deref()).await?;

    Ok(accepted(started))
}

/// The keys that a caller named: the values of each as texts, by column.
pub(super) fn keys_of(
    table: &Table,
    keys: &[Map<String, Value>],
) -> Result<Vec<BTreeMap<String, String>>> {
    if !(1..=MOST_KEYS).contains(&keys.len()) {
        return Err(Error::Invalid {
            field: "keys".into(),
            detail: format!("`keys` takes 1 to {MOST_KEYS} keys, not {}", keys.len()),
        });
    }
    let columns = table.key_names();
    let each = keys.iter().enumerate();

    each.map(|(at, key)| values(&columns, key, at)).collect()
}

/// The values of a key as texts, by column.
fn values(
    columns: &[String],
    key: &Map<String, Value>,
    at: usize,
) -> Result<BTreeMap<String, String>> {
    let value = |column: &String| {
        let text = match key.get(column)? {
            Value::String(text) => without_nul(text),
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
                "`keys[{at}]` must have a value for each of {}, and nothing else",
                columns.join(", ")
            ),
        })
}
