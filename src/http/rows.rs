//! `/v1/tables/{table}/history` and `/rows`: look-ups with a bounded result.

use axum::Json;
use axum::extract::RawQuery;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use super::access::Granted;
use super::members::{Key, Members};
use super::page::{Page, Paging};
use super::read::{Path, moment};
use super::tables::TablePath;
use crate::error::{Error, Problem, Result};
use crate::report::{self, OrderedRows, RowQuery, SomeRows, VersionQuery};

const KEY: &str = "key.";

/// A row of a table: its values by column. `bigint` and `decimal` are text.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct Row(Map<String, Value>);

pub(super) type RowPage = Page<Row>;

impl From<Map<String, Value>> for Row {
    fn from(row: Map<String, Value>) -> Self {
        Self(row)
    }
}

impl ToSchema for Row {}

impl PartialSchema for Row {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("A row of a table: its values by column. `bigint` and `decimal` are text; smaller integers and doubles are numbers."))
            .additional_properties(Some(AdditionalProperties::FreeForm(true)))
            .examples([json!({"order_id": "42", "status": "new", "order_sum": "19.90", "_event_id": "7"})])
            .build()
            .into()
    }
}

/// List all versions of one row by its key, oldest first.
///
/// Give every key column as a parameter `key.<column>`, such as `?key.order_id=42`.
#[utoipa::path(
    get, path = "/v1/tables/{table}/history", tag = "tables",
    params(
        TablePath,
        ("key" = inline(Key), Query, style = Form, explode,
         description = "A parameter `key.<column>` for each key column", example = json!({"key.order_id": "42"})),
        Paging,
    ),
    responses((status = OK, description = "A page of versions", body = RowPage), Problem),
)]
pub(super) async fn list_versions(
    Granted(app): Granted,
    Path(TablePath { table }): Path<TablePath>,
    RawQuery(query): RawQuery,
    paging: Paging,
) -> Result<Json<RowPage>> {
    let Members { of: key, .. } = Members::read(KEY, query.as_deref().unwrap_or_default())?;
    app.pipelines.table(&table)?;
    if key.is_empty() {
        return Err(Error::Invalid {
            detail: "the key is missing; give every key column, such as `?key.order_id=42`".into(),
            field: "key".into(),
        });
    }
    let which = VersionQuery {
        key,
        after: paging.after()?,
        limit: paging.asked(),
    };
    let SomeRows { rows, is_cut } = report::versions(&app, &table, &which).await?;
    let page = paging.page_of_some(rows, is_cut, |last| last["valid_from"].clone())?;

    Ok(Json(page.map(Row)))
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
         description = "Only the row of this key: a parameter `key.<column>` for each key column", example = json!({"key.order_id": "42"})),
        ("as_of" = Option<Timestamp>, Query, description = "The rows that were valid at this event time", example = "2026-01-01T12:00:00Z"),
        ("loaded_as_of" = Option<Timestamp>, Query, description = "The rows that were published at this time", example = "2026-01-01T12:00:00Z"),
        Paging,
    ),
    responses((status = OK, description = "A page of rows", body = RowPage), Problem),
)]
pub(super) async fn list_rows(
    Granted(app): Granted,
    Path(TablePath { table }): Path<TablePath>,
    RawQuery(query): RawQuery,
    paging: Paging,
) -> Result<Json<RowPage>> {
    let Members { of: key, others } = Members::read(KEY, query.as_deref().unwrap_or_default())?;
    let time = |name: &str| {
        let text = others.get(name);
        text.map(|text| moment(name, text)).transpose()
    };
    let which = RowQuery {
        key,
        as_of: time("as_of")?,
        loaded_as_of: time("loaded_as_of")?,
        after: paging.after()?,
        limit: paging.asked(),
    };
    let OrderedRows { rows, key } = report::rows(&app, &table, &which).await?;
    let SomeRows { rows, is_cut } = rows;
    let page = paging.page_of_some(rows, is_cut, |last| {
        let values = key.iter().map(|name| plain(&last[name]));
        values.collect::<Vec<String>>()
    })?;

    Ok(Json(page.map(Row)))
}

/// A key's value, written as the text of a parameter.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
