//! `/v1/tables/{table}/history` and `/rows`: bounded look-ups.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{RawQuery, State};
use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::read::{Path, limited, moment};
use super::tables::TablePath;
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::report::{self, OrderedRows, RowQuery, Rows};

const MOST_VERSIONS: usize = 1_000;
const MOST_ROWS: i64 = 1_000;
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
    versions: Rows,
    /// Whether there are more than 1,000 and the newest are missing.
    truncated: bool,
}

/// A page of a table's rows.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "table": "shop.orders", "rows": [{"order_id": 42, "status": "new", "order_sum": "19.90", "_event_id": 7}], "next": "[\"42\"]",
}))]
pub(super) struct RowPage {
    /// The table's name.
    table: String,
    /// In the order of their key. Numbers longer than JavaScript's are text, as are decimals.
    #[schema(value_type = Vec<Object>)]
    rows: Rows,
    /// What to give as `after` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
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
    let (key, others) = split(query.as_deref().unwrap_or_default())?;
    app.pipelines.table(&table)?;
    refuse_others(&others, &[])?;
    if key.is_empty() {
        return Err(Error::Invalid {
            detail: "the key is missing; give every column of it, such as `?key.order_id=42`"
                .into(),
            field: "key".into(),
        });
    }
    let mut versions = report::versions(&app, &table, &key, MOST_VERSIONS + 1).await?;
    let truncated = versions.len() > MOST_VERSIONS;
    versions.truncate(MOST_VERSIONS);

    Ok(Json(History {
        table,
        versions,
        truncated,
    }))
}

/// List rows of a table, in the order of their key: as they are, or as they were.
///
/// With `as_of` the rows are those that were valid at that time of their events, by the history. With `loaded_as_of` they are
/// what the table, or with both the history, held at that time, as long as Iceberg keeps the snapshot.
#[utoipa::path(
    get, path = "/v1/tables/{table}/rows", tag = "tables",
    params(
        TablePath,
        ("as_of" = Option<Timestamp>, Query, description = "As the rows were at this time of their events", example = "2026-01-01T12:00:00Z"),
        ("loaded_as_of" = Option<Timestamp>, Query, description = "As the table had been published by this time"),
        ("after" = Option<String>, Query, description = "Only rows after this key: the `next` of the page before"),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 1000, description = "At most so many; 100 when absent", example = 100),
    ),
    responses((status = OK, description = "A page of rows", body = RowPage), Problem),
)]
pub(super) async fn list_rows(
    State(app): State<App>,
    Path(TablePath { table }): Path<TablePath>,
    RawQuery(query): RawQuery,
) -> Result<Json<RowPage>> {
    let (key, others) = split(query.as_deref().unwrap_or_default())?;
    refuse_others(&others, &["as_of", "loaded_as_of", "after", "limit"])?;
    let limit = others
        .get("limit")
        .map(|text| text.parse().map_err(|_| unreadable("limit", text)))
        .transpose()?;
    let limit = usize::try_from(limited(limit, 100, MOST_ROWS)?).map_err(Error::internal)?;
    let time = |name: &str| {
        let text = others.get(name);
        text.map(|text| moment(name, text)).transpose()
    };
    let after = others
        .get("after")
        .map(|text| serde_json::from_str(text).map_err(|_| unreadable("after", text)))
        .transpose()?;
    let which = RowQuery {
        key,
        as_of: time("as_of")?,
        loaded_as_of: time("loaded_as_of")?,
        after,
        limit: limit + 1,
    };
    let OrderedRows { mut rows, key } = report::rows(&app, &table, &which).await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|last| {
        let values: Vec<String> = key.iter().map(|name| plain(&last[name])).collect();
        Value::from(values).to_string()
    });

    Ok(Json(RowPage { table, rows, next }))
}

/// Parts `key.<column>=value` from other parameters; each may come once.
fn split(query: &str) -> Result<(BTreeMap<String, String>, BTreeMap<String, String>)> {
    let (mut key, mut others) = (BTreeMap::new(), BTreeMap::new());
    for (name, value) in form_urlencoded::parse(query.as_bytes()).into_owned() {
        let (into, short) = match name.strip_prefix(KEY) {
            Some(column) => (&mut key, column.to_owned()),
            None => (&mut others, name.clone()),
        };
        let fault = if short.is_empty() {
            "only `key.<column>` is read"
        } else if into.insert(short, value).is_some() {
            "it is given twice"
        } else {
            continue;
        };
        return Err(Error::Invalid {
            detail: format!("`{name}`: {fault}"),
            field: name,
        });
    }

    Ok((key, others))
}

fn refuse_others(given: &BTreeMap<String, String>, known: &[&str]) -> Result<()> {
    match given.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => {
            let mut read: Vec<String> = vec!["`key.<column>`".into()];
            read.extend(known.iter().map(|known| format!("`{known}`")));
            Err(Error::Invalid {
                field: name.clone(),
                detail: format!("`{name}`: only {} is read", read.join(", ")),
            })
        }
    }
}

fn unreadable(name: &str, text: &str) -> Error {
    Error::Invalid {
        field: name.into(),
        detail: format!("`{name}` is `{text}`, which cannot be read"),
    }
}

/// A key's value as the text that a look-up takes.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
