//! `/v1/tables/{table}/history` and `/rows`: look-ups with a bounded result.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{RawQuery, State};
use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::page::Page;
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
    /// Oldest first. Decimals, and numbers too long for JavaScript, are text.
    #[schema(value_type = Vec<Object>)]
    versions: Rows,
    /// Whether the row has more than 1,000 versions, and the newest are missing here.
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
    /// In the order of the key. Decimals, and numbers too long for JavaScript, are text.
    #[schema(value_type = Vec<Object>)]
    rows: Rows,
    /// The `after` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// The parameters of the key in the document. Their names depend on the table.
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

/// Get all versions of one row by its key.
///
/// Give every key column as a parameter `key.<column>`, such as `?key.order_id=42`.
#[utoipa::path(
    get, path = "/v1/tables/{table}/history", tag = "tables",
    params(
        TablePath,
        ("key" = inline(Key), Query, style = Form, explode,
         description = "A parameter `key.<column>` for each key column", example = json!({"key.order_id": "42"})),
    ),
    responses((status = OK, description = "The versions, oldest first", body = History), Problem),
)]
pub(super) async fn get_history(
    State(app): State<App>,
    Path(TablePath { table }): Path<TablePath>,
    RawQuery(query): RawQuery,
) -> Result<Json<History>> {
    let Parameters { key, .. } = parameters(query.as_deref().unwrap_or_default())?;
    app.pipelines.table(&table)?;
    if key.is_empty() {
        return Err(Error::Invalid {
            detail: "the key is missing; give every key column, such as `?key.order_id=42`".into(),
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

/// List rows of a table in the order of the key, present or past.
///
/// `as_of` gives the rows that were valid at that event time, from the history. `loaded_as_of` reads the snapshot of the table at that
/// time (with `as_of`, of the history), as long as Iceberg keeps it.
#[utoipa::path(
    get, path = "/v1/tables/{table}/rows", tag = "tables",
    params(
        TablePath,
        ("key" = inline(Option<Key>), Query, style = Form, explode,
         description = "Only the row with this key: a parameter `key.<column>` for each key column"),
        ("as_of" = Option<Timestamp>, Query, description = "The rows that were valid at this event time", example = "2026-01-01T12:00:00Z"),
        ("loaded_as_of" = Option<Timestamp>, Query, description = "The rows that were published at this time"),
        ("after" = Option<String>, Query, description = "The `next` of the page before"),
        ("limit" = Option<i64>, Query, minimum = 1, maximum = 1000, description = "The most rows of a page; by default 100", example = 100),
    ),
    responses((status = OK, description = "A page of rows", body = RowPage), Problem),
)]
pub(super) async fn list_rows(
    State(app): State<App>,
    Path(TablePath { table }): Path<TablePath>,
    RawQuery(query): RawQuery,
) -> Result<Json<RowPage>> {
    let Parameters { key, others } = parameters(query.as_deref().unwrap_or_default())?;
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
    let OrderedRows { rows, key } = report::rows(&app, &table, &which).await?;
    let page = Page::of(rows, limit);
    let next = page.next(|last| {
        let values: Vec<String> = key.iter().map(|name| plain(&last[name])).collect();
        Value::from(values).to_string()
    });

    Ok(Json(RowPage {
        table,
        rows: page.rows,
        next,
    }))
}

/// The parameters of a look-up.
#[derive(Default)]
struct Parameters {
    /// Those called `key.<column>`, by column.
    key: BTreeMap<String, String>,
    others: BTreeMap<String, String>,
}

/// Refuses a parameter that comes twice.
fn parameters(query: &str) -> Result<Parameters> {
    let mut parameters = Parameters::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()).into_owned() {
        let (into, short) = match name.strip_prefix(KEY) {
            Some(column) => (&mut parameters.key, column.to_owned()),
            None => (&mut parameters.others, name.clone()),
        };
        let fault = if short.is_empty() {
            "only `key.<column>` is read"
        } else if into.insert(short, value).is_some() {
            "it is given twice; give it once"
        } else {
            continue;
        };
        return Err(Error::Invalid {
            detail: format!("`{name}`: {fault}"),
            field: name,
        });
    }

    Ok(parameters)
}

fn unreadable(name: &str, text: &str) -> Error {
    Error::Invalid {
        field: name.into(),
        detail: format!("`{name}` is `{text}`, which cannot be parsed"),
    }
}

/// A key's value, written as the text of a parameter.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
