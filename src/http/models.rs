//! `/v1/models`: the SQL models, and how they are kept.

use std::collections::HashSet;

use axum::Json;
use axum::response::Response;
use icefront_project::Materialized;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::access::Granted;
use super::key::{IdempotencyKey, StartedRun, accepted};
use super::page::{Page, Paging};
use super::pipelines::PipelinePath;
use super::read::{AnyOf, Body, Empty, Path, Query};
use super::steps::{MOST_SQL_BYTES, SentSql};
use crate::app::App;
use crate::error::{Problem, Result};
use crate::models::Explanation;
use crate::pipeline::{Names, PipelineModel, TableId};
use crate::report::{self, Graph};
use crate::run::{self, Task};
use crate::state::{ModelColumn, ModelState, SqlQuery};

/// A refresh sends a few.
const MOST_STATEMENTS: u16 = 1_000;

/// A SQL model.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Model {
    /// The model's name in the API.
    #[schema(example = "shop.daily_revenue")]
    name: String,
    /// The model's pipeline.
    #[schema(example = "shop")]
    pipeline: String,
    /// The file below the pipeline's folder.
    #[schema(example = "models/daily_revenue.sql")]
    file: String,
    /// How it is kept.
    materialized: Materialized,
    /// Its table or view in Trino.
    #[schema(example = "lake.marts.daily_revenue")]
    trino_table: String,
    /// The columns that identify a row of an incremental model.
    key: Vec<String>,
    /// The tags of its configuration.
    tags: Vec<String>,
    /// What it means.
    description: Option<String>,
    /// The models, tables and sources that it reads, each after the pipeline.
    #[schema(example = json!(["shop.orders_derived"]))]
    depends_on: Vec<String>,
    /// Its columns; empty for a view, and before the first refresh.
    columns: Vec<ModelColumn>,
    /// The number of rows, as refreshes counted them.
    rows: Option<i64>,
    /// The snapshot of the last refresh that changed it.
    snapshot_id: Option<String>,
    /// Whether runs leave it out.
    suspended: bool,
    /// How it is refreshed, and why; `null` in lists.
    refresh: Option<Explanation>,
}

/// The SQL of a model.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ModelSql {
    /// As it is in the file.
    source: String,
    /// As Jinja rendered it.
    rendered: String,
    /// What the last refresh that wrote the table or view sent to Trino, in order. `null` before the first.
    sent: Option<RefreshSql>,
}

/// What a refresh sent to Trino.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RefreshSql {
    /// The run of the refresh.
    run_id: Uuid,
    /// In the order in which they were sent.
    statements: Vec<SentSql>,
    /// Whether these are all. If not, `GET /v1/runs/{run_id}/steps/{step}/sql` lists all.
    complete: bool,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct ModelPath {
    /// The model's name in the API: pipeline and model.
    #[param(example = "shop.daily_revenue")]
    pub(super) model: String,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct ModelsQuery {
    /// Only models of this pipeline.
    #[param(example = "shop", required = false)]
    pipeline: Option<String>,
    /// Only models with one of these tags.
    #[param(value_type = Option<Vec<String>>, style = Form, explode = false, min_items = 1, example = json!(["nightly"]), required = false)]
    tag: Option<AnyOf<String>>,
    /// Only models that are kept in one of these ways.
    #[param(value_type = Option<Vec<Materialized>>, style = Form, explode = false, min_items = 1, required = false)]
    materialized: Option<AnyOf<Materialized>>,
    /// Only models that runs leave out, or only others.
    #[param(example = false, required = false)]
    suspended: Option<bool>,
}

type ModelPage = Page<Model>;

/// List models, sorted by pipeline and name.
#[utoipa::path(
    get, path = "/v1/models", tag = "models",
    params(ModelsQuery, Paging),
    responses((status = OK, description = "A page of models", body = ModelPage), Problem),
)]
pub(super) async fn list_models(
    Granted(app): Granted,
    Query(query): Query<ModelsQuery>,
    paging: Paging,
) -> Result<Json<ModelPage>> {
    let suspended = match query.suspended {
        Some(_) => app.store.suspended_models().await?,
        None => HashSet::new(),
    };
    let definitions = app.pipelines.chosen(query.pipeline.as_deref())?;
    let fits = |of: &PipelineModel<'_>| {
        let config = &of.model.config;
        let tags = query.tag.as_ref();
        let kinds = query.materialized.as_ref();

        tags.is_none_or(|AnyOf(tags)| tags.iter().any(|tag| config.tags.contains(tag)))
            && kinds.is_none_or(|AnyOf(kinds)| kinds.contains(&config.materialized))
            && query
                .suspended
                .is_none_or(|asked| asked == suspended.contains(&of.id()))
    };
    let all = definitions
        .into_iter()
        .flat_map(PipelineModel::all)
        .filter(fits);
    let page = paging.page_of(all, PipelineModel::id)?;
    let ids: Vec<TableId> = page.rows().iter().map(PipelineModel::id).collect();
    let mut states = app.store.models(&ids.iter().collect::<Vec<_>>()).await?;

    Ok(Json(page.map(|of| {
        let state = states.remove(&of.id()).unwrap_or_default();
        view(of, state)
    })))
}

/// Get a model: how it is kept and refreshed, and why.
#[utoipa::path(
    get, path = "/v1/models/{model}", tag = "models",
    params(ModelPath),
    responses((status = OK, description = "The model", body = Model), Problem),
)]
pub(super) async fn get_model(
    Granted(app): Granted,
    Path(ModelPath { model }): Path<ModelPath>,
) -> Result<Json<Model>> {
    let model = app.pipelines.model(&model)?;
    let state = app.store.model(&model.id()).await?;
    let explanation = report::explain_model(&app, model).await?;

    Ok(Json(Model {
        refresh: Some(explanation),
        ..view(model, state)
    }))
}

/// Get the SQL of a model: as it is in the file, as it was rendered, and what the last refresh sent.
#[utoipa::path(
    get, path = "/v1/models/{model}/sql", tag = "models",
    params(ModelPath),
    responses((status = OK, description = "The SQL", body = ModelSql), Problem),
)]
pub(super) async fn get_model_sql(
    Granted(app): Granted,
    Path(ModelPath { model }): Path<ModelPath>,
) -> Result<Json<ModelSql>> {
    let of = app.pipelines.model(&model)?;
    let sent = match app.store.last_sending_run(&of.id()).await? {
        None => None,
        Some(run_id) => {
            let step = format!("model.{}", of.model.name);
            let which = SqlQuery {
                run: run_id,
                step: &step,
                after: None,
                limit: i64::from(MOST_STATEMENTS) + 1,
                bytes: MOST_SQL_BYTES,
            };
            let sent = app.store.step_sql(&which).await?;
            let listed = sent.statements.into_iter().map(SentSql::from);
            let mut statements: Vec<_> = listed.collect();
            let complete = !sent.is_cut && statements.len() <= usize::from(MOST_STATEMENTS);
            statements.truncate(usize::from(MOST_STATEMENTS));
            Some(RefreshSql {
                run_id,
                statements,
                complete,
            })
        }
    };

    Ok(Json(ModelSql {
        source: of.model.source.clone(),
        rendered: of.model.sql.clone(),
        sent,
    }))
}

/// Get what a model is made of, and what is made of it.
#[utoipa::path(
    get, path = "/v1/models/{model}/lineage", tag = "models",
    params(ModelPath),
    responses((status = OK, description = "The part of the graph", body = Graph), Problem),
)]
pub(super) async fn get_lineage(
    Granted(app): Granted,
    Path(ModelPath { model }): Path<ModelPath>,
) -> Result<Json<Graph>> {
    let model = app.pipelines.model(&model)?;

    Ok(Json(report::lineage(model)))
}

/// Get what reads what in a pipeline: tables, sources and models.
#[utoipa::path(
    get, path = "/v1/pipelines/{pipeline}/graph", tag = "models",
    params(PipelinePath),
    responses((status = OK, description = "The graph", body = Graph), Problem),
)]
pub(super) async fn get_graph(
    Granted(app): Granted,
    Path(PipelinePath { pipeline }): Path<PipelinePath>,
) -> Result<Json<Graph>> {
    let definition = app.pipelines.get(&pipeline)?;

    Ok(Json(report::graph(definition)))
}

/// Compare a model's table with its query, at the snapshots that the last refresh read.
///
/// The run succeeds without differences; otherwise it fails with `verify-failed` and the counts.
#[utoipa::path(
    post,
    path = "/v1/models/{model}/verify",
    tag = "models",
    params(ModelPath, IdempotencyKey),
    responses(StartedRun, Problem)
)]
pub(super) async fn verify_model(
    Granted(app): Granted,
    Path(ModelPath { model }): Path<ModelPath>,
    key: IdempotencyKey,
    Body(Empty {}): Body<Empty>,
) -> Result<Response> {
    let PipelineModel { definition, model } = app.pipelines.model(&model)?;
    let task = Task::VerifyModel {
        model: model.name.clone(),
    };
    let started = run::start_task(&app, &definition.name, &task, key.0.as_deref()).await?;

    Ok(accepted(started))
}

/// Leave a model out of runs, until it is resumed.
#[utoipa::path(
    post, path = "/v1/models/{model}/suspend", tag = "models",
    params(ModelPath),
    responses((status = OK, description = "The model", body = Model), Problem),
)]
pub(super) async fn suspend_model(
    Granted(app): Granted,
    Path(ModelPath { model }): Path<ModelPath>,
    Body(Empty {}): Body<Empty>,
) -> Result<Json<Model>> {
    suspend(&app, &model, true).await
}

/// Take a model into runs again. The next one brings it up to date.
#[utoipa::path(
    post, path = "/v1/models/{model}/resume", tag = "models",
    params(ModelPath),
    responses((status = OK, description = "The model", body = Model), Problem),
)]
pub(super) async fn resume_model(
    Granted(app): Granted,
    Path(ModelPath { model }): Path<ModelPath>,
    Body(Empty {}): Body<Empty>,
) -> Result<Json<Model>> {
    suspend(&app, &model, false).await
}

async fn suspend(app: &App, model: &str, is_suspended: bool) -> Result<Json<Model>> {
    let model = app.pipelines.model(model)?;
    app.store.suspend_model(&model.id(), is_suspended).await?;
    let state = app.store.model(&model.id()).await?;

    Ok(Json(view(model, state)))
}

fn view(of: PipelineModel<'_>, state: ModelState) -> Model {
    let PipelineModel { model, .. } = of;
    let config = &model.config;
    let described = config.description.clone();
    // A model that was a table before and is a view now has none of its own.
    let is_view = config.materialized == Materialized::View;
    let sources = model.sources.iter();
    let sources = sources.map(|key| format!("{}.{}", key.source, key.table));
    let read = model.refs.iter().cloned().chain(sources);
    let pipeline = &of.definition.name;

    Model {
        name: of.id().to_string(),
        pipeline: pipeline.clone(),
        file: model.file.clone(),
        materialized: config.materialized,
        trino_table: Names::model(model).to_string(),
        key: config.unique_key.clone(),
        tags: config.tags.clone(),
        description: described.or_else(|| model.properties.description.clone()),
        depends_on: read.map(|name| format!("{pipeline}.{name}")).collect(),
        columns: if is_view { Vec::new() } else { state.columns },
        rows: state.rows.filter(|_| !is_view),
        snapshot_id: state.snapshot.filter(|_| !is_view),
        suspended: state.is_suspended,
        refresh: None,
    }
}
