//! `/v1/rejects`: list, replay and dismiss the events that staging could not take.

use axum::Json;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::access::Granted;
use super::key::{IdempotencyKey, StartedRun, accepted};
use super::page::{Page, Paging};
use super::read::{AnyOf, Body, Query, any, number_of_id, without_nul};
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::pipeline::Definition;
use crate::report::{self, Operation, Reason, Reject, RejectQuery};
use crate::run::{self, Task};
use crate::warehouse::RejectFilter;

const MOST_IDS: usize = 1_000;

/// Pipelines that one page asks Trino about. A page is shorter if more of them have rejects that do not fit.
const MOST_PIPELINES: usize = 10;

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct RejectsQuery {
    /// Only this pipeline.
    #[param(example = "shop", required = false)]
    pipeline: Option<String>,
    /// Only this table.
    #[param(example = "shop.orders", required = false)]
    table: Option<String>,
    /// Only with one of these reasons.
    #[param(value_type = Option<Vec<Reason>>, inline, style = Form, explode = false, min_items = 1, required = false)]
    reason: Option<AnyOf<Reason>>,
    /// Only with a fault in this column.
    #[param(example = "order_sum", required = false)]
    column: Option<String>,
    /// Only of this batch.
    #[param(example = "12", required = false)]
    batch_id: Option<String>,
    /// Only with one of these operations.
    #[param(value_type = Option<Vec<Operation>>, style = Form, explode = false, min_items = 1, required = false)]
    operation: Option<AnyOf<Operation>>,
}

type RejectPage = Page<Reject>;

/// Where a reject is in the list.
#[derive(Debug, Serialize, Deserialize)]
struct RejectPlace {
    pipeline: String,
    /// The reject's id; `None` behind all rejects of the pipeline.
    id: Option<String>,
}

/// Which rejects to replay or dismiss. By default, `replay` takes all rejects of the pipeline; `dismiss` needs `table`, `reason` or `ids`.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = MeantRejects, example = json!({"table": "shop.orders", "reason": "bad_value"}))]
pub(super) struct RejectSelection {
    /// The pipeline; not needed with `table`, or if there is only one pipeline.
    pipeline: Option<String>,
    /// Only this table.
    table: Option<String>,
    /// Only with this reason.
    reason: Option<Reason>,
    /// Only the rejects with these `id`s.
    #[schema(min_items = 1, max_items = 1000)]
    ids: Option<Vec<String>>,
}

/// List rejects, events that staging could not take: by pipeline, newest batch first.
#[utoipa::path(
    get, path = "/v1/rejects", tag = "rejects",
    params(RejectsQuery, Paging),
    responses((status = OK, description = "A page of rejects", body = RejectPage), Problem),
)]
pub(super) async fn list_rejects(
    Granted(app): Granted,
    Query(query): Query<RejectsQuery>,
    paging: Paging,
) -> Result<Json<RejectPage>> {
    let after: Option<RejectPlace> = paging.after()?;
    let is_next = |of: &&Definition| match &after {
        Some(RejectPlace { pipeline, id: None }) => of.name > *pipeline,
        Some(RejectPlace {
            pipeline,
            id: Some(_),
        }) => of.name >= *pipeline,
        None => true,
    };
    let definitions = with_rejects(&app, query.pipeline.as_deref(), query.table.as_deref()).await?;
    let mut which = RejectQuery {
        table: query.table,
        reasons: any(query.reason).unwrap_or_default(),
        column: query.column.as_deref().map(without_nul),
        batch: query.batch_id.as_deref().map(number_of_id),
        operations: any(query.operation).unwrap_or_default(),
        after: None,
        limit: 0,
        bytes: report::MOST_BYTES,
    };
    let mut found: Vec<Reject> = Vec::new();
    let mut last: Option<&str> = None;
    let mut is_cut = false;
    for (asked, of) in definitions.into_iter().filter(is_next).enumerate() {
        if let Some(last) = last.filter(|_| asked >= MOST_PIPELINES || which.bytes == 0) {
            let place = RejectPlace {
                pipeline: last.to_owned(),
                id: None,
            };
            return Ok(Json(paging.page_until(found, place)?));
        }
        let begun = after.as_ref().filter(|after| after.pipeline == of.name);
        which.after = begun.and_then(|after| after.id.clone());
        which.limit = paging.asked() - found.len();
        let mut some = report::rejects(&app, of, &which).await?;
        found.append(&mut some.rejects);
        if some.is_cut {
            is_cut = true;
            break;
        }
        if found.len() == paging.asked() {
            break;
        }
        which.bytes = which.bytes.saturating_sub(some.bytes);
        last = Some(&of.name);
    }

    Ok(Json(paging.page_of_some(found, is_cut, |last| {
        RejectPlace {
            pipeline: last.pipeline.clone(),
            id: Some(last.id.clone()),
        }
    })?))
}

/// The pipelines that may have rejects, sorted by name.
async fn with_rejects<'a>(
    app: &'a App,
    pipeline: Option<&str>,
    table: Option<&str>,
) -> Result<Vec<&'a Definition>> {
    if pipeline.is_some() || table.is_some() {
        return Ok(vec![chosen(app, pipeline, table)?]);
    }
    let known = app.store.pipelines_with_rejects().await?;

    Ok(app
        .pipelines
        .usable()
        .filter(|of| known.contains(&of.name))
        .collect())
}

/// Replay rejects, after the definition was corrected.
///
/// A run takes every reject that is right by now. Each gets its old place among the events of its key, even in the past.
#[utoipa::path(
    post, path = "/v1/rejects/replay", tag = "rejects",
    params(IdempotencyKey),
    request_body(content = Option<RejectSelection>, description = "Which rejects"),
    responses(StartedRun, Problem),
)]
pub(super) async fn replay_rejects(
    Granted(app): Granted,
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
    responses(StartedRun, Problem),
)]
pub(super) async fn dismiss_rejects(
    Granted(app): Granted,
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
    let definition = chosen(app, request.pipeline.as_deref(), request.table.as_deref())?;
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
        reason: request.reason.map(|reason| reason.as_str().to_owned()),
        ids,
        before: None,
    };
    let task = task(tables, filter);
    let started = run::start_task(app, &definition.name, &task, key.0.as_deref()).await?;

    Ok(accepted(started))
}

/// The named pipeline, or that of the named table, or the only one.
fn chosen<'a>(app: &'a App, named: Option<&str>, table: Option<&str>) -> Result<&'a Definition> {
    let at = |field: &str, error: Error| error.at_field(field.into());
    let of_table = table
        .map(|table| app.pipelines.table(table))
        .transpose()
        .map_err(|error| at("table", error))?;
    match (named, of_table) {
        (Some(name), Some(tracked)) if tracked.definition.name != name => Err(at(
            "table",
            Error::not_found("table of that pipeline", table.unwrap_or_default(), []),
        )),
        (_, Some(tracked)) => Ok(tracked.definition),
        (Some(name), None) => app
            .pipelines
            .get(name)
            .map_err(|error| at("pipeline", error)),
        (None, None) => {
            let usable: Vec<&Definition> = app.pipelines.usable().collect();
            if let [only] = usable[..] {
                return Ok(only);
            }
            let known: Vec<String> = usable.iter().map(|of| format!("`{}`", of.name)).collect();
            let detail = match known[..] {
                [] => "no pipeline is usable; `GET /v1/pipelines` says why".into(),
                _ => format!(
                    "give `pipeline`, one of {}, or give `table`",
                    known.join(", ")
                ),
            };

            Err(Error::Invalid {
                field: "pipeline".into(),
                detail,
            })
        }
    }
}
