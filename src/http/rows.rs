//! `/v1/tables/{table}/history`: the versions of one row.

use axum::Json;
use axum::extract::{RawQuery, State};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

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

/// The key as the document tells it: its columns are the table's.
struct Key;

impl ToSchema for Key {}

impl PartialSchema for Key {
    fn schema() -> RefOr<Schema> {
        let text = |pattern: Option<&str>| {
            let text = ObjectBuilder::new().schema_type(Type::String);
            text.pattern(pattern)
        };

        ObjectBuilder::new()
            .schema_type(Type::Object)
            .property_names(Some(text(Some(r"^key\..+$")).build()))
            .additional_properties(Some(AdditionalProperties::from(text(None))))
            .min_properties(Some(1))
            .build()
            .into()
    }
}

/// Get all versions of one row, by its key.
///
/// Every column of the key is a parameter `key.<column>`, such as `?key.order_id=42`.
#[utoipa::path(
    get, path = "/v1/tables/{table}/history", tag = "tables",
    params(
        TablePath,
        ("key" = inline(Key), Query, style = Form, explode,
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
    let given = given(query.as_deref().unwrap_or_default())?;
    let key = key(&state, &given)?;
    let sql = render(
        "report/history.sql",
        json!({
            "history": Names::new(definition, &app.config).history(short),
            "columns": state.columns,
            "key": key,
            "limit": MOST_VERSIONS + 1,
        }),
    )?;
    let found = app.trino.read("icefront/api", &sql).await;
    let found = found.map_err(|error| misfit(error, &given))?;
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

/// Reads `key.<column>=value`, each once, and nothing else.
fn given(query: &str) -> Result<BTreeMap<String, String>> {
    let mut given = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()).into_owned() {
        let fault = match name.strip_prefix(KEY) {
            None | Some("") => "only `key.<column>` is read",
            Some(_) if given.contains_key(&name) => "it is given twice",
            Some(_) => {
                given.insert(name, value);
                continue;
            }
        };
        return Err(Error::Invalid {
            detail: format!("`{name}`: {fault}"),
            field: name,
        });
    }
    if given.is_empty() {
        return Err(Error::Invalid {
            detail: "the key is missing; give every column of it, such as `?key.order_id=42`"
                .into(),
            field: "key".into(),
        });
    }

    Ok(given)
}

/// Pairs every column of the key with its value; other columns than these tell no rows apart.
fn key(state: &TableState, given: &BTreeMap<String, String>) -> Result<Vec<Value>> {
    let columns = state.columns.iter().filter(|column| column.is_key);
    let key: Option<Vec<Value>> = columns
        .clone()
        .map(|column| {
            let value = given.get(&format!("{KEY}{}", column.name))?;
            Some(json!({"name": column.name, "data_type": column.data_type, "value": value}))
        })
        .collect();
    let whole: Vec<String> = columns
        .map(|column| format!("{KEY}{}=…", column.name))
        .collect();

    key.filter(|key| key.len() == given.len())
        .ok_or_else(|| Error::NotFound {
            kind: "key",
            name: given
                .keys()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join("&"),
            hint: Some(format!("give the whole key: `?{}`", whole.join("&"))),
            field: Some("key".into()),
        })
}

/// No row has a key that is no value of the column's type; Trino cannot even look for it.
fn misfit(error: Error, given: &BTreeMap<String, String>) -> Error {
    let pairs = given.iter().map(|(name, value)| format!("{name}={value}"));
    match error {
        Error::Trino(failure) if failure.name == "INVALID_CAST_ARGUMENT" => Error::NotFound {
            kind: "row",
            name: pairs.collect::<Vec<_>>().join("&"),
            hint: Some(format!("the key cannot be read: {}", failure.message)),
            field: Some("key".into()),
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
