//! `/v1/tables/{table}/forget`: erases all that is held of some keys.

use axum::response::Response;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::access::Granted;
use super::confirm::confirmed;
use super::key::{IdempotencyKey, StartedRun};
use super::read::{Body, Path};
use super::repair::{keys_of, start};
use super::tables::TablePath;
use crate::error::{Problem, Result};
use crate::run::Task;

/// Which keys to forget, and the confirmation.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"keys": [{"order_id": 42}], "confirm": "shop.orders"}))]
pub(super) struct Forget {
    /// The keys, each with a value for every key column.
    #[schema(min_items = 1, max_items = 1000, value_type = Vec<Object>, required)]
    keys: Vec<Map<String, Value>>,
    /// The table's name in the API once more. Without it, nothing is erased.
    #[schema(required)]
    confirm: Option<String>,
}

/// Erase all that is held of some keys, such as the data of a person who asks for that.
///
/// The run takes the content of the keys' landed events, makes log, current rows, history and models again without them, and then deletes
/// all older snapshots and files of these tables, so nobody can read rows as they were before. Events of these keys that come later become
/// rejects with the reason `forgotten` and without content. The source is not changed. The counts of the run's steps are the proof.
#[utoipa::path(
    post, path = "/v1/tables/{table}/forget", tag = "tables",
    params(TablePath, IdempotencyKey),
    request_body(content = Forget, description = "The keys and the confirmation"),
    responses(StartedRun, Problem),
)]
pub(super) async fn forget_keys(
    Granted(app): Granted,
    Path(TablePath { table }): Path<TablePath>,
    key: IdempotencyKey,
    Body(request): Body<Forget>,
) -> Result<Response> {
    let tracked = app.pipelines.table(&table)?.table;
    let keys = keys_of(tracked, &request.keys)?;
    let name = tracked.id.to_string();
    let send = format!("send `{{\"confirm\": \"{name}\"}}` with the keys");
    confirmed(request.confirm.as_deref(), &name, &send)?;
    let key_count = keys.len();

    start(&app, &table, key, |table| Task::Forget {
        table,
        keys,
        key_count,
    })
    .await
}
