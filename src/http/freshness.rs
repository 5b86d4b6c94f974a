//! `/v1/freshness`: how old the data is.

use axum::Json;
use serde::Deserialize;
use utoipa::IntoParams;

use super::access::Granted;
use super::models::ModelPath;
use super::of::Of;
use super::page::{Page, Paging};
use super::read::{AnyOf, Path, Query};
use super::tables::TablePath;
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::pipeline::{TableId, TrackedTable};
use crate::report::{self, Freshness, LagReason, Subject};
use crate::state::Status;

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct FreshnessQuery {
    /// Only tables and models of this pipeline.
    #[param(example = "shop", required = false)]
    pipeline: Option<String>,
    /// Only this table.
    #[param(example = "shop.orders", required = false)]
    table: Option<String>,
    /// Only this model.
    #[param(example = "shop.daily_revenue", required = false)]
    model: Option<String>,
    /// Only with one of these.
    #[param(value_type = Option<Vec<Status>>, style = Form, explode = false, min_items = 1, required = false)]
    status: Option<AnyOf<Status>>,
    /// Only with one of these reasons.
    #[param(value_type = Option<Vec<LagReason>>, inline, style = Form, explode = false, min_items = 1, required = false)]
    lag_reason: Option<AnyOf<LagReason>>,
}

type FreshnessPage = Page<Freshness>;

/// List the freshness of tables and models, sorted by pipeline and name.
#[utoipa::path(
    get, path = "/v1/freshness", tag = "reports",
    params(FreshnessQuery, Paging),
    responses((status = OK, description = "A page of tables and models", body = FreshnessPage), Problem),
)]
pub(super) async fn list_freshness(
    Granted(app): Granted,
    Query(query): Query<FreshnessQuery>,
    paging: Paging,
) -> Result<Json<FreshnessPage>> {
    let of = Of::find(&app, query.table.as_deref(), query.model.as_deref())?;
    if of.is_beside(query.pipeline.as_deref()) {
        return Ok(Json(Page::empty()));
    }
    let fits = |subject: &Subject<'_>| match subject {
        Subject::Table(table) => {
            let name = Some(&table.table.id.name);
            of.model.is_none() && (of.table.is_none() || of.table.as_ref() == name)
        }
        Subject::Model(model) => {
            let name = Some(&model.model.name);
            of.table.is_none() && (of.model.is_none() || of.model.as_ref() == name)
        }
    };
    let pipeline = query.pipeline.as_deref().or(of.pipeline.as_deref());
    let definitions = app.pipelines.chosen(pipeline)?;
    let all = definitions.into_iter().flat_map(Subject::all).filter(fits);
    if query.status.is_none() && query.lag_reason.is_none() {
        let page = paging.page_of(all, Subject::id)?;
        let found = report::freshness(&app, page.rows()).await?;
        return Ok(Json(page.with(found)));
    }
    // Whether something fits is known only when it was looked at.
    let after: Option<TableId> = paging.after()?;
    let rest = all.filter(|subject| after.as_ref().is_none_or(|after| subject.id() > *after));
    let rest: Vec<Subject<'_>> = rest.collect();
    let has = |one: &Freshness| {
        let statuses = query.status.as_ref();
        let reasons = query.lag_reason.as_ref();

        statuses.is_none_or(|AnyOf(statuses)| statuses.contains(&one.status))
            && reasons.is_none_or(|AnyOf(reasons)| reasons.contains(&one.lag_reason))
    };
    let found = report::freshness_where(&app, &rest, paging.asked(), has).await?;

    Ok(Json(paging.page(found, |last| {
        let name = last.table.as_ref().or(last.model.as_ref());
        name.and_then(|name| name.parse::<TableId>().ok())
    })?))
}

/// Get the freshness of a table.
#[utoipa::path(
    get, path = "/v1/tables/{table}/freshness", tag = "reports",
    params(TablePath),
    responses((status = OK, description = "The table's freshness", body = Freshness), Problem),
)]
pub(super) async fn get_table_freshness(
    Granted(app): Granted,
    Path(TablePath { table }): Path<TablePath>,
) -> Result<Json<Freshness>> {
    let table: TrackedTable<'_> = app.pipelines.table(&table)?;

    one(&app, Subject::Table(table)).await
}

/// Get the freshness of a model: its lag behind the sources, now and over the last 24 hours.
#[utoipa::path(
    get, path = "/v1/models/{model}/freshness", tag = "reports",
    params(ModelPath),
    responses((status = OK, description = "The model's freshness", body = Freshness), Problem),
)]
pub(super) async fn get_model_freshness(
    Granted(app): Granted,
    Path(ModelPath { model }): Path<ModelPath>,
) -> Result<Json<Freshness>> {
    let model = app.pipelines.model(&model)?;

    one(&app, Subject::Model(model)).await
}

async fn one(app: &App, subject: Subject<'_>) -> Result<Json<Freshness>> {
    let found = report::freshness(app, &[subject]).await?.pop();

    found
        .map(Json)
        .ok_or_else(|| Error::internal("a subject without freshness"))
}
