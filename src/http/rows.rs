//! `/v1/tables/{table}/history`: the versions of one row.

use axum::Json;
use axum::extract::{RawQuery, State};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::read::Path;
use super::tables::TablePath;
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::pipeline::Names;
use crate::sql::render;
use crate::state::TableState;

const MOST_VERSIONS: usize = 1_000;
const KEY: &str = "key.";

/// The versions of one row.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "table": "shop.orders", "truncated": false,
    "versions": [{"order_id": 42, "status": "new", "order_sum": "19.90", "valid_from": "2026-01-01T12:00:00.000000Z",
                  "valid_to": null, "is_current": true, "is_deleted": false, "_event_id": 7}],
}))]
pub(super) struct History {
    /// The table's name.
    table: String,
    /// Oldest first. Numbers longer than JavaScript's are text, as are decimals.
    #[schema(value_type = Vec<Object>)]
    versions: Vec<Map<String, Value>>,
    /// Whether there are more than 1,000 and the newest are missing.
    truncated: bool,
}

/// Get all versions of one row, by its key.
///
/// Every column of the key is a parameter `key.<column>`, such as `?key.order_id=42`.
#[utoipa::path(
    get, path = "/v1/tables/{table}/history", tag = "tables",
    params(
        TablePath,
        ("key" = inline(std::collections::BTreeMap<String, String>), Query, style = Form, explode,
         description = "A parameter `key.<column>` for each column of the key", example = json!({"key.order_id": "42"})),
    ),
    responses((status = OK, description = "The versions, oldest first", body = History), Problem),
)]
pub(super) async fn get_history(
    State(app): State<App>,
    Path(TablePath { table }): Path<TablePath>,
    RawQuery(query): RawQuery,
) -> Result<Json<History>> {
    let (definition, _) = app.pipelines.table(&table)?;
    let short = table.rsplit('.').next().unwrap_or_default();
    let state = app.store.table(&definition.name, short).await?;
    let state = state.filter(|state| state.history_batch > 0);
    let Some(state) = state else {
        return Err(Error::not_found("published history of table", &table, []));
    };
    let key = key(&state, query.as_deref().unwrap_or_default())?;
    let sql = render(
        "report/history.sql",
        json!({
            "history": Names::new(definition, &app.config).history(short),
            "columns": state.columns,
            "key": key,
            "limit": MOST_VERSIONS + 1,
        }),
    )?;
    let found = app.trino.read("icefront/api", &sql).await.map_err(misfit)?;
    let truncated = found.rows.len() > MOST_VERSIONS;
    let versions = found
        .rows
        .into_iter()
        .take(MOST_VERSIONS)
        .map(|row| {
            let cells = found.columns.iter().zip(row);
            cells
                .map(|((name, kind), value)| (name.clone(), exact(kind, value)))
                .collect()
        })
        .collect();

    Ok(Json(History {
        table,
        versions,
        truncated,
    }))
}

/// Reads `key.<column>=value` for every column of the key, and nothing else.
fn key(state: &TableState, query: &str) -> Result<Vec<Value>> {
    let mut given: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    let mut key = Vec::new();
    for column in state.columns.iter().filter(|column| column.is_key) {
        let name = format!("{KEY}{}", column.name);
        let at = given.iter().position(|(parameter, _)| *parameter == name);
        let Some((_, value)) = at.map(|at| given.swap_remove(at)) else {
            return Err(Error::Invalid {
                detail: format!(
                    "`{name}` is missing; give every column of the key, such as `?{name}=42`"
                ),
                field: name,
            });
        };
        key.push(json!({"name": column.name, "data_type": column.data_type, "value": value}));
    }
    if let Some((name, _)) = given.first() {
        return Err(Error::Invalid {
            detail: format!("`{name}` is no column of the key; only `key.<column>` is read"),
            field: name.clone(),
        });
    }

    Ok(key)
}

/// A value that is no key of this type is the caller's fault, not Trino's.
fn misfit(error: Error) -> Error {
    match error {
        Error::Trino(failure) if failure.name == "INVALID_CAST_ARGUMENT" => Error::Invalid {
            field: "key".into(),
            detail: format!("the key cannot be read: {}", failure.message),
        },
        other => other,
    }
}

/// Keeps what JavaScript would round as text, and writes times as RFC 3339 has them.
fn exact(kind: &str, value: Value) -> Value {
    const LONGEST: u64 = 1 << 53;
    match (&value, value.as_i64()) {
        (_, Some(number)) if number.unsigned_abs() > LONGEST => number.to_string().into(),
        (Value::String(time), _) if kind.starts_with("timestamp") => {
            time.replacen(' ', "T", 1).replace(" UTC", "Z").into()
        }
        _ => value,
    }
}
