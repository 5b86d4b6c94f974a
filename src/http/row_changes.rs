//! `/v1/tables/{table}/changes/rows`, and the same for models: which rows changed, as a caller needs it who keeps a copy.

use axum::Json;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{
    AdditionalProperties, KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type,
};
use utoipa::{IntoParams, PartialSchema, ToSchema};

use super::access::Granted;
use super::models::ModelPath;
use super::page;
use super::read::{Path, Query, without_nul};
use super::tables::TablePath;
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::report::{self, Followed, Position};

/// How a row can change.
const CHANGE_TYPES: [&str; 4] = ["insert", "update_preimage", "update_postimage", "delete"];

/// A changed row.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(super) struct RowChange(Map<String, Value>);

impl ToSchema for RowChange {}

impl PartialSchema for RowChange {
    fn schema() -> RefOr<Schema> {
        let kind = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(CHANGE_TYPES))
            .description(Some("How it changed. `update_preimage` is the row as it was, `update_postimage` as it is."));
        let changed_at = ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
            .description(Some("When the change was published."));
        ObjectBuilder::new()
            .schema_type(Type::Object)
            .description(Some("A changed row: its values by column, and how it changed. A row of a table also has `_batch_id`, the last batch of the publication; a row of a model has `_refresh_id`, its refresh."))
            .property("_change_type", kind)
            .property("_changed_at", changed_at)
            .additional_properties(Some(AdditionalProperties::FreeForm(true)))
            .examples([json!({
                "order_id": "42", "status": "paid", "_change_type": "update_postimage", "_batch_id": "17",
                "_changed_at": "2026-01-01T12:00:00.000000Z",
            })])
            .build()
            .into()
    }
}

/// A page of row changes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RowChangePage {
    /// In the order in which they are to be applied.
    data: Vec<RowChange>,
    /// The `after` of the next page; `null` if there are no more changes by now.
    #[schema(required = true)]
    next: Option<String>,
    /// How far you are after this page. It is the `after` of a later call, and never `null`.
    cursor: String,
}

/// Where a reader begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ReadFrom {
    /// With all rows, as inserts.
    #[default]
    Beginning,
    /// With the next change.
    End,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct RowChangesQuery {
    /// Compare with the newest publication in one step: a row that changed several times is told once. By default each publication is told.
    #[param(example = true, required = false)]
    net: bool,
    /// Where to begin, without `after` and `consumer`: with all rows as inserts, or with the next change.
    #[param(inline, required = false)]
    from: Option<ReadFrom>,
    /// Begin at the cursor of this consumer, without `after` and `from`.
    #[param(example = "search_index", required = false)]
    consumer: Option<String>,
    /// Begin where this `next` or `cursor` of a page ends, also with other parameters.
    #[param(max_length = 32_768, required = false)]
    after: Option<String>,
    /// The most rows of a page
    #[param(value_type = Option<u32>, minimum = 1, maximum = 1_000, default = 100, required = false)]
    limit: Option<String>,
}

/// List changed rows of a table, publication by publication, in the order of the key within each.
///
/// Apply the changes in their order, and your copy has the rows of the table. Keep `cursor` for the next call. `410` means that you
/// have to read all rows again.
#[utoipa::path(
    get, path = "/v1/tables/{table}/changes/rows", tag = "tables",
    params(TablePath, RowChangesQuery),
    responses((status = OK, description = "A page of changed rows", body = RowChangePage), Problem),
)]
pub(super) async fn list_row_changes(
    Granted(app): Granted,
    Path(TablePath { table }): Path<TablePath>,
    Query(query): Query<RowChangesQuery>,
) -> Result<Json<RowChangePage>> {
    let followed = Followed::table(&app, &table)?;

    changes(&app, &followed, query).await
}

/// List changed rows of an incremental model, refresh by refresh, in the order of the unique key within each.
///
/// As [`GET /v1/tables/{table}/changes/rows`](#list-row-changes).
#[utoipa::path(
    get, path = "/v1/models/{model}/changes/rows", tag = "models",
    params(ModelPath, RowChangesQuery),
    responses((status = OK, description = "A page of changed rows", body = RowChangePage), Problem),
)]
pub(super) async fn list_model_row_changes(
    Granted(app): Granted,
    Path(ModelPath { model }): Path<ModelPath>,
    Query(query): Query<RowChangesQuery>,
) -> Result<Json<RowChangePage>> {
    let followed = Followed::model(&app, &model)?;

    changes(&app, &followed, query).await
}

async fn changes(
    app: &App,
    followed: &Followed,
    query: RowChangesQuery,
) -> Result<Json<RowChangePage>> {
    let limit = page::limit(query.limit.as_deref())?;
    let which = report::ChangesQuery {
        position: position(app, followed, &query).await?,
        is_net: query.net,
        limit,
    };
    let is_start = query.from == Some(ReadFrom::End);
    let found = if is_start {
        report::RowChanges {
            rows: Vec::new(),
            position: which.position,
            has_more: false,
        }
    } else {
        followed.changes(app, which).await?
    };
    let cursor = page::lasting_cursor(&followed.id.to_string(), &found.position)?;

    Ok(Json(RowChangePage {
        data: found.rows.into_iter().map(RowChange).collect(),
        next: found.has_more.then(|| cursor.clone()),
        cursor,
    }))
}

/// Where a caller begins, by one of three parameters.
async fn position(app: &App, followed: &Followed, query: &RowChangesQuery) -> Result<Position> {
    let given = [
        query.after.is_some(),
        query.from.is_some(),
        query.consumer.is_some(),
    ];
    if given.iter().filter(|given| **given).count() > 1 {
        return Err(Error::Invalid {
            field: if given[0] { "after" } else { "consumer" }.into(),
            detail: "give only one of `after`, `from` and `consumer`: each says where to begin"
                .into(),
        });
    }
    if let Some(cursor) = &query.after {
        return place(followed, cursor, "after");
    }
    if let Some(name) = &query.consumer {
        return position_of(app, followed, name).await;
    }

    match query.from.unwrap_or_default() {
        ReadFrom::Beginning => Ok(Position::default()),
        ReadFrom::End => followed.end(app).await,
    }
}

/// The position that a cursor of the table or model stands for. `field` is the parameter with it.
pub(super) fn place(followed: &Followed, cursor: &str, field: &str) -> Result<Position> {
    page::lasting_place(&followed.id.to_string(), cursor, field)
}

async fn position_of(app: &App, followed: &Followed, name: &str) -> Result<Position> {
    let found = app.store.consumer(&without_nul(name)).await?;
    let Some(consumer) = found.filter(|found| app.pipelines.has(&found.pipeline)) else {
        return Err(Error::not_found("consumer", name, []).at_field("consumer".into()));
    };
    let follows = (&consumer.pipeline, &consumer.of_name, consumer.is_model);
    if follows
        != (
            &followed.id.pipeline,
            &followed.id.name,
            followed.is_model(),
        )
    {
        return Err(Error::Invalid {
            field: "consumer".into(),
            detail: format!(
                "consumer `{name}` follows `{}.{}`, not `{}`; name another consumer",
                consumer.pipeline, consumer.of_name, followed.id
            ),
        });
    }

    consumer.cursor.map_or_else(
        || Ok(Position::default()),
        |cursor| place(followed, &cursor, "consumer"),
    )
}
