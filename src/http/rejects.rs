//! `/v1/rejects`: list, replay and dismiss the events that staging could not take.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::key::{IdempotencyKey, accepted};
use super::page::Page;
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
    /// Only this pipeline; not needed with `table`, or if there is only one pipeline.
    #[param(example = "shop", required = false)]
    pipeline: Option<String>,
    /// Only this table.
    #[param(example = "shop.orders", required = false)]
    table: Option<String>,
    /// Only with this reason.
    #[param(example = "bad_value", required = false)]
    reason: Option<String>,
    /// The `next` of the page before.
    #[param(required = false)]
    before: Option<String>,
    /// The most rejects of a page.
    #[param(example = 100, minimum = 1, maximum = 1000, required = false)]
    limit: Option<i64>,
}

/// A page of rejects.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RejectPage {
    /// Newest batch first.
    rejects: Vec<Reject>,
    /// The `before` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// Which rejects to replay or dismiss. By default, `replay` takes all rejects of the pipeline; `dismiss` needs `table`, `reason` or `ids`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = MeantRejects, example = json!({"table": "shop.orders", "reason": "bad_value"}))]
pub(super) struct RejectSelection {
    /// Only this pipeline; not needed with `table`, or if there is only one pipeline.
    pipeline: Option<String>,
    /// Only this table.
    table: Option<String>,
    /// Only with this reason.
    reason: Option<String>,
    /// Only the rejects with these `id`s.
    #[schema(min_items = 1, max_items = 1000)]
    ids: Option<Vec<String>>,
}

/// List rejects: events that staging could not take.
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
    let page = Page::of(report::rejects(&app, definition, &which).await?, limit);

    Ok(Json(RejectPage {
        next: page.next(|last| last.id.clone()),
        rejects: page.rows,
    }))
}

/// Replay rejects, after the definition was corrected.
///
/// A run takes every reject that is right by now. Each gets its old place among the events of its key, even in the past.
#[utoipa::path(
    post, path = "/v1/rejects/replay", tag = "rejects",
    params(IdempotencyKey),
    request_body(content = Option<RejectSelection>, description = "Which rejects"),
    responses(
        (status = ACCEPTED, description = "The run is queued; ask at `Location`", body = Run),
        (status = OK, description = "The run that this key started before has ended", body = Run),
        Problem,
    ),
)]
pub(super) async fn replay_rejects(
    State(app): State<App>,
    key: IdempotencyKey,
    Body(request): Body<RejectSelection>,
) -> Result<Response> {
    start(&app, request, key, |tables, filter| Task::Replay {
        tables,
        filter,
    })
    .await
}

/// Dismiss rejects: delete them from the rejects; they stay in the landing table.
#[utoipa::path(
    post, path = "/v1/rejects/dismiss", tag = "rejects",
    params(IdempotencyKey),
    request_body(content = Option<RejectSelection>, description = "Which rejects"),
    responses(
        (status = ACCEPTED, description = "The run is queued; ask at `Location`", body = Run),
        (status = OK, description = "The run that this key started before has ended", body = Run),
        Problem,
    ),
)]
pub(super) async fn dismiss_rejects(
    State(app): State<App>,
    key: IdempotencyKey,
    Body(request): Body<RejectSelection>,
) -> Result<Response> {
    if request.table.is_none() && request.reason.is_none() && request.ids.is_none() {
        return Err(Error::Invalid {
            field: "body".into(),
            detail: "name the rejects to dismiss by `table`, `reason` or `ids`".into(),
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
    request: RejectSelection,
    key: IdempotencyKey,
    task: impl FnOnce(Vec<String>, RejectFilter) -> Task,
) -> Result<Response> {
    if let Some(ids) = &request.ids
        && !(1..=MOST_IDS).contains(&ids.len())
    {
        return Err(Error::Invalid {
            field: "ids".into(),
            detail: format!("`ids` takes 1 to {MOST_IDS} ids, not {}", ids.len()),
        });
    }
    let definition = pipeline(app, request.pipeline.as_deref(), request.table.as_deref())?;
    let tables = match &request.table {
        Some(table) => vec![app.pipelines.table(table)?.table.id.name.clone()],
        None => definition.tables.keys().cloned().collect(),
    };
    // The part behind the point identifies the event; the batch before it is only for paging.
    let ids = request
        .ids
        .iter()
        .flatten()
        .map(|id| without_nul(id.rsplit('.').next().unwrap_or(id)))
        .collect();
    let filter = RejectFilter {
        reason: request.reason.as_deref().map(without_nul),
        ids,
    };
    let task = task(tables, filter);
    let started = run::start_task(app, definition, &task, key.0.as_deref()).await?;

    Ok(accepted(started))
}

/// Postgres cannot store NUL. Nothing has a name with NUL, so nothing has the replaced one either.
pub(super) fn without_nul(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

/// The named pipeline, or that of the named table, or the only one.
fn pipeline<'a>(app: &'a App, named: Option<&str>, table: Option<&str>) -> Result<&'a Definition> {
    let of_table = table.map(|table| app.pipelines.table(table)).transpose()?;
    match (named, of_table) {
        (Some(name), Some(tracked)) if tracked.definition.name != name => Err(Error::not_found(
            "table of that pipeline",
            table.unwrap_or_default(),
            [],
        )),
        (_, Some(tracked)) => Ok(tracked.definition),
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
                    [] => "no pipeline is usable; `GET /v1/pipelines` says why".into(),
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
