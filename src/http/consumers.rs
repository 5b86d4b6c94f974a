//! `/v1/consumers`: readers of row changes that keep their cursor in the service.

use axum::Json;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::access::Granted;
use super::page::{Page, Paging};
use super::read::{Body, Path, Query, given, without_nul};
use super::row_changes::place;
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::report::{Followed, Position, seconds};
use crate::state::{self, ConsumerMove, ConsumerQuery, Moved};
use crate::time::exact;

/// The most consumers of a service.
const MOST: i64 = 1_000;
/// The most characters of a name.
const LONGEST_NAME: usize = 64;

/// A reader of row changes that keeps its cursor here.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "name": "search_index", "pipeline": "shop", "table": "shop.orders", "model": null, "cursor": "WyJzaG9wLm9yZGVycyIs",
    "publications_behind": 2, "lag_seconds": 61.5, "created_at": "2026-01-01T12:00:00.000000Z", "moved_at": null,
}))]
pub(super) struct Consumer {
    /// Its name.
    name: String,
    /// The pipeline of its table or model.
    pipeline: String,
    /// The table that it follows; `null` if it follows a model.
    #[schema(required = true)]
    table: Option<String>,
    /// The model that it follows; `null` if it follows a table.
    #[schema(required = true)]
    model: Option<String>,
    /// How far it is; `null` before the first row.
    #[schema(required = true)]
    cursor: Option<String>,
    /// The number of publications that it has not read to their end, up to 1000.
    publications_behind: i64,
    /// The age of the first of these publications; 0 if there is none.
    lag_seconds: f64,
    /// When it was added.
    #[serde(serialize_with = "exact")]
    created_at: Timestamp,
    /// When it said last how far it is; `null` before that.
    #[schema(required = true)]
    #[serde(serialize_with = "exact")]
    moved_at: Option<Timestamp>,
}

/// How far a consumer is.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(example = json!({"table": "shop.orders", "cursor": null}))]
#[expect(
    clippy::option_option,
    reason = "`null` differs from a field that is not there"
)]
pub(super) struct SetConsumer {
    /// The table that it follows. Give this or `model`.
    table: Option<String>,
    /// The model that it follows. Give this or `table`.
    model: Option<String>,
    /// The `cursor` of the page of row changes that it has applied; `null` to begin with all rows. Without it, the consumer stays
    /// where it is.
    #[schema(value_type = Option<String>)]
    #[serde(deserialize_with = "given")]
    cursor: Option<Option<String>>,
    /// Move it only if this is its cursor, so that two readers cannot both move it; `null` means that it has none yet.
    #[schema(value_type = Option<String>)]
    #[serde(deserialize_with = "given")]
    if_cursor: Option<Option<String>>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct ConsumerPath {
    /// The consumer's name: up to 64 letters, digits, `_`, `-` and `.`, of which the first is a letter or a digit.
    #[param(example = "search_index")]
    consumer: String,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct ConsumersQuery {
    /// Only consumers of tables and models of this pipeline.
    #[param(example = "shop", required = false)]
    pipeline: Option<String>,
    /// Only consumers of this table.
    #[param(example = "shop.orders", required = false)]
    table: Option<String>,
    /// Only consumers of this model.
    #[param(example = "shop.daily_revenue", required = false)]
    model: Option<String>,
}

type ConsumerPage = Page<Consumer>;

/// List consumers, sorted by name.
#[utoipa::path(
    get, path = "/v1/consumers", tag = "consumers",
    params(ConsumersQuery, Paging),
    responses((status = OK, description = "A page of consumers", body = ConsumerPage), Problem),
)]
pub(super) async fn list_consumers(
    Granted(app): Granted,
    Query(query): Query<ConsumersQuery>,
    paging: Paging,
) -> Result<Json<ConsumerPage>> {
    let ConsumersQuery {
        pipeline,
        table,
        model,
    } = query;
    if let Some(pipeline) = &pipeline {
        app.pipelines.chosen(Some(pipeline))?;
    }
    let followed = match (&table, &model) {
        (None, None) => None,
        (Some(_), Some(_)) => return Ok(Json(Page::empty())),
        _ => Some(followed(&app, table.as_deref(), model.as_deref())?),
    };
    let own = followed
        .as_ref()
        .map(|followed| followed.id.pipeline.clone());
    if pipeline.is_some() && own.is_some() && pipeline != own {
        return Ok(Json(Page::empty()));
    }
    let which = ConsumerQuery {
        pipeline: pipeline.or(own),
        pipelines: app.pipelines.seen(),
        of_name: followed.as_ref().map(|followed| followed.id.name.clone()),
        is_model: followed.as_ref().map(Followed::is_model),
        after: paging.after()?,
        limit: paging.asked_rows(),
        name: None,
    };
    let found = app.store.consumers(&which).await?;
    let page = paging.page(found, |last| last.name.clone())?;

    Ok(Json(page.map(Consumer::from)))
}

/// Get a consumer: how far it is, and what it has not read.
#[utoipa::path(
    get, path = "/v1/consumers/{consumer}", tag = "consumers",
    params(ConsumerPath),
    responses((status = OK, description = "The consumer", body = Consumer), Problem),
)]
pub(super) async fn get_consumer(
    Granted(app): Granted,
    Path(ConsumerPath { consumer }): Path<ConsumerPath>,
) -> Result<Json<Consumer>> {
    found(&app, &consumer).await.map(Json)
}

/// Set how far a consumer is, and add it if it is new.
///
/// Call this after the changes of a page are applied. Nothing else moves a consumer.
#[utoipa::path(
    put, path = "/v1/consumers/{consumer}", tag = "consumers",
    params(ConsumerPath),
    request_body = SetConsumer,
    responses((status = OK, description = "The consumer", body = Consumer), Problem),
)]
pub(super) async fn set_consumer(
    Granted(app): Granted,
    Path(ConsumerPath { consumer }): Path<ConsumerPath>,
    Body(request): Body<SetConsumer>,
) -> Result<Json<Consumer>> {
    check_name(&consumer)?;
    let followed = followed(&app, request.table.as_deref(), request.model.as_deref())?;
    let position = match &request.cursor {
        Some(Some(cursor)) => place(&followed, cursor, "cursor")?,
        Some(None) | None => Position::default(),
    };
    let to = ConsumerMove {
        name: &consumer,
        of: &followed.id,
        is_model: followed.is_model(),
        cursor: request.cursor.as_ref().map(Option::as_deref),
        publication: position.publication(),
        if_cursor: request.if_cursor.as_ref().map(Option::as_deref),
        most: MOST,
    };
    match app.store.move_consumer(&to).await? {
        Moved::Done => found(&app, &consumer).await.map(Json),
        Moved::IsElsewhere => Err(Error::ConsumerMoved { consumer }),
        Moved::IsUnknown => {
            Err(Error::not_found("consumer", &consumer, []).at_field("if_cursor".into()))
        }
        Moved::FollowsOther => Err(Error::Invalid {
            field: if followed.is_model() {
                "model"
            } else {
                "table"
            }
            .into(),
            detail: format!(
                "consumer `{consumer}` does not follow `{}`; choose another name, or delete the consumer first",
                followed.id
            ),
        }),
        Moved::TooMany => Err(Error::Invalid {
            field: "consumer".into(),
            detail: format!(
                "pipeline `{}` has {MOST} consumers, and no more are kept; delete those that nobody uses, or keep the cursor yourself",
                followed.id.pipeline
            ),
        }),
    }
}

/// Delete a consumer; the answer is as it was.
#[utoipa::path(
    delete, path = "/v1/consumers/{consumer}", tag = "consumers",
    params(ConsumerPath),
    responses((status = OK, description = "The consumer that was deleted", body = Consumer), Problem),
)]
pub(super) async fn delete_consumer(
    Granted(app): Granted,
    Path(ConsumerPath { consumer }): Path<ConsumerPath>,
) -> Result<Json<Consumer>> {
    let deleted = found(&app, &consumer).await?;
    if !app.store.delete_consumer(&consumer).await? {
        return Err(Error::not_found("consumer", &consumer, []));
    }

    Ok(Json(deleted))
}

async fn found(app: &App, name: &str) -> Result<Consumer> {
    let found = app.store.consumer(&without_nul(name)).await?;

    found
        .filter(|found| app.pipelines.has(&found.pipeline))
        .map(Consumer::from)
        .ok_or_else(|| Error::not_found("consumer", name, []))
}

/// The table or model that is meant. Exactly one of the two must be given.
fn followed(app: &App, table: Option<&str>, model: Option<&str>) -> Result<Followed> {
    let (followed, field) = match (table, model) {
        (Some(table), None) => (Followed::table(app, table), "table"),
        (None, Some(model)) => (Followed::model(app, model), "model"),
        _ => {
            return Err(Error::Invalid {
                field: "table".into(),
                detail: "give either `table` or `model`".into(),
            });
        }
    };

    followed.map_err(|error| error.at_field(field.into()))
}

fn check_name(name: &str) -> Result<()> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let begins_well = name.starts_with(|first: char| first.is_ascii_alphanumeric());
    if name.len() <= LONGEST_NAME && begins_well && name.chars().all(is_allowed) {
        return Ok(());
    }

    Err(Error::Invalid {
        field: "consumer".into(),
        detail: format!(
            "the name of a consumer has at most {LONGEST_NAME} letters, digits, `_`, `-` and `.`, and begins with a letter or a digit"
        ),
    })
}

impl From<state::Consumer> for Consumer {
    fn from(kept: state::Consumer) -> Self {
        let of = Some(format!("{}.{}", kept.pipeline, kept.of_name));
        let (table, model) = if kept.is_model {
            (None, of)
        } else {
            (of, None)
        };
        let waiting = kept
            .waiting_since
            .map(|since| Timestamp::now().duration_since(since));

        Self {
            name: kept.name,
            pipeline: kept.pipeline,
            table,
            model,
            cursor: kept.cursor,
            publications_behind: kept.publications,
            lag_seconds: waiting.map_or(0.0, seconds),
            created_at: kept.created_at,
            moved_at: kept.moved_at,
        }
    }
}
