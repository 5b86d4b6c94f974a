//! `/v1/rejects`: events that could not be taken, tried again or dismissed.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::key::{IdempotencyKey, accepted};
use super::read::{Body, Query, limited};
use super::runs::Run;
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::pipeline::Definition;
use crate::report::{self, Reject, RejectQuery};
use crate::run::{self, Task};
use crate::warehouse::RejectFilter;

const MOST_IDS: usize = 1_000;

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct RejectsQuery {
    /// Of this pipeline; may be left out where there is only one, or where `table` names it.
    #[param(example = "shop", required = false)]
    pipeline: Option<String>,
    /// Only of this table.
    #[param(example = "shop.orders", required = false)]
    table: Option<String>,
    /// Only with this reason.
    #[param(example = "bad_value", required = false)]
    reason: Option<String>,
    /// Only after this one: the `next` of the page before.
    #[param(required = false)]
    before: Option<String>,
    /// At most so many.
    #[param(example = 100, minimum = 1, maximum = 1000, required = false)]
    limit: Option<i64>,
}

/// A page of rejects.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RejectPage {
    /// Newest batch first.
    rejects: Vec<Reject>,
    /// What to give as `before` for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Which rejects are meant. `replay` takes all of the pipeline where nothing else is said, `dismiss` wants `table`, `reason` or `ids`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"table": "shop.orders", "reason": "bad_value"}))]
pub(super) struct MeantRejects {
    /// Of this pipeline; may be left out where there is only one, or where `table` names it.
    pipeline: Option<String>,
    /// Only of this table.
    table: Option<String>,
    /// Only with this reason.
    reason: Option<String>,
    /// Only these, by their `id`.
    #[schema(min_items = 1, max_items = 1000)]
    ids: Option<Vec<String>>,
}

/// List events that could not be taken.
#[utoipa::path(
    get, path = "/v1/rejects", tag = "rejects",
    params(RejectsQuery),
    responses((status = OK, description = "A page of rejects", body = RejectPage), Problem),
)]
pub(super) async fn list_rejects(
    State(app): State<App>,
    Query(query): Query<RejectsQuery>,
) -> Result<Json<RejectPage>> {
    let limit = usize::try_from(limited(query.limit, 100, 1_000)?).map_err(Error::internal)?;
    let definition = pipeline(&app, query.pipeline.as_deref(), query.table.as_deref())?;
    let which = RejectQuery {
        table: query.table,
        reason: query.reason,
        before: query.before,
        limit: limit + 1,
    };
    let mut rejects = report::rejects(&app, definition, &which).await?;
    let more = rejects.len() > limit;
    rejects.truncate(limit);

    Ok(Json(RejectPage {
        next: rejects.last().filter(|_| more).map(|last| last.id.clone()),
        rejects,
    }))
}

/// Try rejects again, after the contract or the data was mended.
///
/// A run takes those that can be taken by now; each takes its old place in the order of its key, even in the past.
#[utoipa::path(
    post, path = "/v1/rejects/replay", tag = "rejects",
    params(IdempotencyKey),
    request_body(content = Option<MeantRejects>, description = "Which ones"),
    responses(
        (status = ACCEPTED, description = "The run is queued; `Location` tells where to ask", body = Run),
        (status = OK, description = "The run that the key came to before is over", body = Run),
        Problem,
    ),
)]
pub(super) async fn replay_rejects(
    State(app): State<App>,
    key: IdempotencyKey,
    Body(request): Body<MeantRejects>,
) -> Result<Response> {
    start(&app, request, key, |tables, filter| Task::Replay {
        tables,
        filter,
    })
    .await
}

/// Forget rejects; they stay in the landing table.
#[utoipa::path(
    post, path = "/v1/rejects/dismiss", tag = "rejects",
    params(IdempotencyKey),
    request_body(content = Option<MeantRejects>, description = "Which ones"),
    responses(
        (status = ACCEPTED, description = "The run is queued; `Location` tells where to ask", body = Run),
        (status = OK, description = "The run that the key came to before is over", body = Run),
        Problem,
    ),
)]
pub(super) async fn dismiss_rejects(
    State(app): State<App>,
    key: IdempotencyKey,
    Body(request): Body<MeantRejects>,
) -> Result<Response> {
    if request.table.is_none() && request.reason.is_none() && request.ids.is_none() {
        return Err(Error::Invalid {
            field: "body".into(),
            detail: "say which rejects to dismiss, by `table`, `reason` or `ids`".into(),
        });
    }

    start(&app, request, key, |tables, filter| Task::Dismiss {
        tables,
        filter,
    })
    .await
}

async fn start(
    app: &App,
    request: MeantRejects,
    key: IdempotencyKey,
    task: impl FnOnce(Vec<String>, RejectFilter) -> Task,
) -> Result<Response> {
    if let Some(ids) = &request.ids
        && !(1..=MOST_IDS).contains(&ids.len())
    {
        return Err(Error::Invalid {
            field: "ids".into(),
            detail: format!("`ids` takes 1 to {MOST_IDS} names, not {}", ids.len()),
        });
    }
    let definition = pipeline(app, request.pipeline.as_deref(), request.table.as_deref())?;
    let tables = match &request.table {
        Some(table) => vec![app.pipelines.table(table)?.1.id.name.clone()],
        None => definition.tables.keys().cloned().collect(),
    };
    // The name alone finds the event; the batch before it is its place in the list.
    let ids = request
        .ids
        .iter()
        .flatten()
        .map(|id| kept(id.rsplit('.').next().unwrap_or(id)))
        .collect();
    let filter = RejectFilter {
        reason: request.reason.as_deref().map(kept),
        ids,
    };
    let task = task(tables, filter);
    let started = run::start_task(app, definition, &task, key.0.as_deref()).await?;

    Ok(accepted(started))
}

/// A text as Postgres can keep it, which holds no NUL; what is called by one that does is not there under either.
pub(super) fn kept(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// The pipeline that is named, by itself or by a table; the only one where none is.
fn pipeline<'a>(app: &'a App, named: Option<&str>, table: Option<&str>) -> Result<&'a Definition> {
    let of_table = table.map(|table| app.pipelines.table(table)).transpose()?;
    match (named, of_table) {
        (Some(name), Some((definition, _))) if definition.name != name => Err(Error::not_found(
            "table of that pipeline",
            table.unwrap_or_default(),
            [],
        )),
        (_, Some((definition, _))) => Ok(definition),
        (Some(name), None) => app.pipelines.get(name),
        (None, None) => {
            let usable: Vec<&Definition> = app.pipelines.usable().collect();
            if let [only] = usable[..] {
                return Ok(only);
            }
            let known: Vec<String> = usable.iter().map(|of| format!("`{}`", of.name)).collect();

            Err(Error::NotFound {
                kind: "default for",
                name: "pipeline".into(),
                hint: Some(match known[..] {
                    [] => "no pipeline can be used; `GET /v1/pipelines` says why".into(),
                    _ => format!(
                        "give `pipeline`, one of {}, or give `table`",
                        known.join(", ")
                    ),
                }),
                field: Some("pipeline".into()),
            })
        }
    }
}
