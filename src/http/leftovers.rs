//! `/v1/leftovers`: what removed tables and models left behind.

use axum::Json;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::access::Granted;
use super::confirm::{confirmed, see_then_send};
use super::key::{IdempotencyKey, accepted};
use super::page::{Page, Paging};
use super::read::{AnyOf, Path, Query, any, without_nul};
use super::runs::Run;
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::pipeline::TableId;
use crate::report::{
    HeldLeftover, LeftoverPlan, find_leftover, held_leftovers, leftovers, plan_deletion,
};
use crate::run::{self, Task};
use crate::state::{AcceptedRun, LeftoverKind};
use crate::time::exact;

/// A table or model that Icefront holds, but that no definition declares any more.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Leftover {
    /// The name that it had in the API.
    #[schema(example = "shop.orders")]
    name: String,
    /// The pipeline that declared it.
    #[schema(example = "shop")]
    pipeline: String,
    /// What it was.
    kind: LeftoverKind,
    /// Whether its pipeline is still there.
    pipeline_declared: bool,
    /// The names of its tables and views in Trino, without those that its pipeline shares; empty if nothing is there.
    #[schema(example = json!(["lake.marts.orders", "lake.marts.orders_history", "lake.staging.orders"]))]
    trino_names: Vec<String>,
    /// When its rows changed last; `null` if that is not known, as for views.
    #[schema(required = true)]
    #[serde(serialize_with = "exact")]
    published_at: Option<Timestamp>,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct LeftoversQuery {
    /// Only leftovers of this pipeline. It may be removed.
    #[param(example = "shop", required = false)]
    pipeline: Option<String>,
    /// Only tables, or only models.
    #[param(value_type = Option<Vec<LeftoverKind>>, style = Form, explode = false, min_items = 1, required = false)]
    kind: Option<AnyOf<LeftoverKind>>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct LeftoverPath {
    /// The name that it had in the API: pipeline and table or model.
    #[param(example = "shop.orders")]
    leftover: String,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct Deletion {
    /// Say what would be deleted, and delete nothing. It needs no `confirm`.
    #[param(example = true, required = false)]
    dry_run: bool,
    /// The leftover's name once more. Without it, nothing is deleted.
    #[param(example = "shop.orders", required = false)]
    confirm: Option<String>,
}

/// With `dry_run`, a `LeftoverPlan`; else a `Run`.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) enum LeftoverAnswer {
    Plan(LeftoverPlan),
    Run(Box<Run>),
}

type LeftoverPage = Page<Leftover>;

/// List what removed tables and models left behind, sorted by pipeline and name.
///
/// A leftover is a table or model that Icefront holds, but that no definition declares: it was taken out of a definition, or its
/// pipeline was removed. While a definition cannot be read, what it may declare is not listed.
#[utoipa::path(
    get, path = "/v1/leftovers", tag = "leftovers",
    params(LeftoversQuery, Paging),
    responses((status = OK, description = "A page of leftovers", body = LeftoverPage), Problem),
)]
pub(super) async fn list_leftovers(
    Granted(app): Granted,
    Query(query): Query<LeftoversQuery>,
    paging: Paging,
) -> Result<Json<LeftoverPage>> {
    let kinds = any(query.kind);
    let all = leftovers(&app).await?;
    if let Some(pipeline) = &query.pipeline
        && !all.iter().any(|one| one.id.pipeline == *pipeline)
    {
        app.pipelines.chosen(Some(pipeline))?;
    }
    let fitting = all.into_iter().filter(|one| {
        query
            .pipeline
            .as_ref()
            .is_none_or(|of| one.id.pipeline == *of)
            && kinds.as_ref().is_none_or(|kinds| kinds.contains(&one.kind))
    });
    let page = paging.page_of(fitting, |one| (one.id.clone(), one.kind))?;
    let held = held_leftovers(&app, page.rows().to_vec()).await?;
    let views = held.into_iter().map(|held| view(&app, held)).collect();

    Ok(Json(page.with(views)))
}

/// Delete what a removed table or model left behind.
///
/// The run drops the tables and views in Trino that runs wrote for it, deletes its landed events and its rejects, and forgets it. With the last
/// leftover of a removed pipeline, it also drops the landing table and the rejects, and forgets how far the source was read.
/// Whoever declares the table again begins anew. Sums of changes and past runs stay.
#[utoipa::path(
    delete, path = "/v1/leftovers/{leftover}", tag = "leftovers",
    params(LeftoverPath, Deletion, IdempotencyKey),
    responses(
        (status = ACCEPTED, description = "The run is queued; ask at `Location`", body = Run),
        (status = OK, description = "With `dry_run`, what would be deleted; else the run that this key started before, which has ended", body = LeftoverAnswer),
        Problem,
    ),
)]
pub(super) async fn delete_leftover(
    Granted(app): Granted,
    Path(LeftoverPath { leftover }): Path<LeftoverPath>,
    Query(Deletion { dry_run, confirm }): Query<Deletion>,
    key: IdempotencyKey,
) -> Result<Response> {
    let name = without_nul(&leftover);
    let Some(found) = find_leftover(&app, &name).await? else {
        return deleted_before(&app, &name, key.0.as_deref().filter(|_| !dry_run)).await;
    };
    if dry_run {
        let plan = plan_deletion(&app, &found).await?;
        return Ok(Json(plan).into_response());
    }
    confirmed(
        confirm.as_deref(),
        &name,
        &see_then_send(&format!("confirm={name}")),
    )?;
    let TableId { pipeline, name } = found.id;
    if app.pipelines.get(&pipeline).is_err()
        && let Some(run) = app.store.active_run(&pipeline).await?
    {
        return Err(Error::RunActive { pipeline, run });
    }
    let task = match found.kind {
        LeftoverKind::Table => Task::Delete { table: name },
        LeftoverKind::Model => Task::DeleteModel { model: name },
    };
    let started = run::start_task(&app, &pipeline, &task, key.0.as_deref()).await?;

    Ok(accepted(started))
}

/// Answers with the run that the key started before, or that there is no leftover of this name.
async fn deleted_before(app: &App, name: &str, key: Option<&str>) -> Result<Response> {
    if let (Ok(id), Some(key)) = (name.parse::<TableId>(), key) {
        let kept = app.config.runs.keep_keys;
        if let Some(run) = app.store.run_of_key(&id.pipeline, key, kept).await? {
            let run = app.store.run(run).await?;
            let deleted = ["table", "model"].map(|kind| run.task.get(kind).cloned());
            let is_own = run.task["kind"]
                .as_str()
                .is_some_and(|kind| kind.starts_with("delete"))
                && deleted.contains(&Some(id.name.clone().into()));
            if !is_own {
                let (key, run) = (key.to_owned(), run.id);
                return Err(Error::KeyReused { key, run });
            }
            let is_replay = true;
            return Ok(accepted(AcceptedRun { run, is_replay }));
        }
    }
    let all = leftovers(app).await?;
    let names: Vec<String> = all.iter().map(|one| one.id.to_string()).collect();

    Err(Error::not_found(
        "leftover",
        name,
        names.iter().map(String::as_str),
    ))
}

fn view(app: &App, held: HeldLeftover) -> Leftover {
    let TableId { pipeline, .. } = &held.leftover.id;

    Leftover {
        name: held.leftover.id.to_string(),
        pipeline_declared: app.pipelines.get(pipeline).is_ok(),
        pipeline: pipeline.clone(),
        kind: held.leftover.kind,
        trino_names: held.trino_names,
        published_at: held.published_at,
    }
}
