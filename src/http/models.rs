//! `/v1/models`: the SQL models, how they are refreshed, and their refreshes.

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use icefront_project::Materialized;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::answer::PROBLEM_JSON;
use super::key::{IdempotencyKey, accepted};
use super::page::Page;
use super::pipelines::PipelinePath;
use super::read::{Body, Empty, Path, Query, limited};
use super::runs::Run;
use super::steps::SentSql;
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::models::{Explanation, UnitTestResult};
use crate::pipeline::{Names, PipelineModel};
use crate::report::{self, Graph, Validation};
use crate::run::{self, Request, StepKind, Task};
use crate::state::{
    ModelColumn, ModelState, Reading, RefreshAction, RefreshRecord, RefreshState, Trigger,
};

/// All models.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Models {
    /// Sorted by pipeline. A model comes after the models that it reads.
    models: Vec<Model>,
}

/// A SQL model.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Model {
    /// The model's name in the API.
    #[schema(example = "shop.daily_revenue")]
    name: String,
    /// The file below the pipeline's folder.
    #[schema(example = "models/daily_revenue.sql")]
    file: String,
    /// How it is kept: `view`, `table` or `incremental`.
    #[schema(example = "incremental")]
    materialized: &'static str,
    /// Its table or view in Trino.
    #[schema(example = "lake.marts.daily_revenue")]
    table: String,
    /// The columns that identify a row of an incremental model.
    unique_key: Vec<String>,
    /// The tags of its configuration.
    tags: Vec<String>,
    /// What it means.
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// The models and tables that it reads.
    depends_on: Vec<String>,
    /// Its columns; empty for a view, and before the first refresh.
    columns: Vec<ModelColumn>,
    /// The number of rows, as refreshes counted them.
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<i64>,
    /// The snapshot of the last refresh that changed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot_id: Option<String>,
    /// Whether runs leave it out.
    is_suspended: bool,
    /// How it is refreshed, and why; absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh: Option<Explanation>,
}

/// The SQL of a model.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ModelSql {
    /// As it is in the file.
    source: String,
    /// As Jinja rendered it.
    rendered: String,
    /// What the last refresh that wrote the table or view sent to Trino, in order. Absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    sent: Option<RefreshSql>,
}

/// What a refresh sent to Trino.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RefreshSql {
    /// The run of the refresh.
    run_id: Uuid,
    /// In the order in which they were sent.
    statements: Vec<SentSql>,
}

/// A page of refreshes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct RefreshPage {
    /// The latest first.
    refreshes: Vec<Refresh>,
    /// The `before` of the next page; absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A refresh of a model.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ModelRefresh, example = json!({
    "id": "17", "run_id": "019a6d3e-7f10-7c4c-9f5a-2b1c3d4e5f60", "trigger": "target_lag", "attempt": 1, "state": "succeeded", "action": "incremental",
    "reason": "`lake.marts.orders` changed", "scopes": 3, "inserted": 0, "updated": 3, "deleted": 0,
    "started_at": "2026-01-01T12:00:01Z", "finished_at": "2026-01-01T12:00:02Z", "duration_seconds": 1.0,
    "covered_until": "2026-01-01T12:00:00Z", "lag_seconds": 2.0, "target_lag_seconds": 300,
}))]
pub(super) struct Refresh {
    id: String,
    /// The run that did it.
    run_id: Uuid,
    /// What started that run.
    trigger: Trigger,
    attempt: i32,
    state: RefreshState,
    /// What was done; absent if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<RefreshAction>,
    /// Why that was done.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What it read: a snapshot of each input, and one time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Reading>)]
    reading: Option<Value>,
    /// The affected scopes of an incremental refresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    scopes: Option<i64>,
    /// Rows that it added to the table; absent for a full refresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    inserted: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    updated: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    deleted: Option<i64>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Problem>)]
    error: Option<Value>,
    started_at: Timestamp,
    finished_at: Timestamp,
    duration_seconds: f64,
    /// The time up to which every committed change of the sources was in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    covered_until: Option<Timestamp>,
    /// The time from `covered_until` to the end of the refresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    lag_seconds: Option<f64>,
    /// The model's target lag when the refresh ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    target_lag_seconds: Option<i64>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct ModelPath {
    /// The model's name in the API: pipeline and model.
    #[param(example = "shop.daily_revenue")]
    pub(super) model: String,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct RefreshesQuery {
    /// The `next` of the page before.
    #[param(example = "17", pattern = "^[0-9]{1,18}$", required = false)]
    before: Option<String>,
    /// The most refreshes of a page.
    #[param(example = 100, minimum = 1, maximum = 1000, required = false)]
    limit: Option<i64>,
}

/// List all models.
#[utoipa::path(
    get, path = "/v1/models", tag = "models",
    responses((status = OK, description = "All models", body = Models), Problem),
)]
pub(super) async fn list_models(State(app): State<App>) -> Result<Json<Models>> {
    let mut models = Vec::new();
    for model in app.pipelines.models() {
        let state = app.store.model(&model.id()).await?;
        models.push(view(model, state));
    }

    Ok(Json(Models { models }))
}

/// Get a model: how it is kept and refreshed, and why.
#[utoipa::path(
    get, path = "/v1/models/{model}", tag = "models",
    params(ModelPath),
    responses((status = OK, description = "The model", body = Model), Problem),
)]
pub(super) async fn get_model(
    State(app): State<App>,
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
    State(app): State<App>,
    Path(ModelPath { model }): Path<ModelPath>,
) -> Result<Json<ModelSql>> {
    let of = app.pipelines.model(&model)?;
    let sent = match app.store.last_sending_run(&of.id()).await? {
        None => None,
        Some(run_id) => {
            let step = format!("model.{}", of.model.name);
            let statements = app.store.statements(run_id, Some(&step)).await?;
            Some(RefreshSql {
                run_id,
                statements: statements.into_iter().map(SentSql::from).collect(),
            })
        }
    };

    Ok(Json(ModelSql {
        source: of.model.source.clone(),
        rendered: of.model.sql.clone(),
        sent,
    }))
}

/// List the refreshes of a model: what each did, and why.
#[utoipa::path(
    get, path = "/v1/models/{model}/refreshes", tag = "models",
    params(ModelPath, RefreshesQuery),
    responses((status = OK, description = "The refreshes", body = RefreshPage), Problem),
)]
pub(super) async fn list_refreshes(
    State(app): State<App>,
    Path(ModelPath { model }): Path<ModelPath>,
    Query(query): Query<RefreshesQuery>,
) -> Result<Json<RefreshPage>> {
    let limit = limited(query.limit, 100, 1_000)?;
    let model = app.pipelines.model(&model)?;
    let before = query.before.as_deref().map(id).transpose()?;
    let found = app.store.refreshes(&model.id(), before, limit + 1).await?;
    let page = Page::of(found, usize::try_from(limit).map_err(Error::internal)?);
    let next = page.next(|last| last.id.to_string());

    Ok(Json(RefreshPage {
        refreshes: page.rows.into_iter().map(Refresh::from).collect(),
        next,
    }))
}

/// Get what a model is made of, and what is made of it.
#[utoipa::path(
    get, path = "/v1/models/{model}/lineage", tag = "models",
    params(ModelPath),
    responses((status = OK, description = "The part of the graph", body = Graph), Problem),
)]
pub(super) async fn get_lineage(
    State(app): State<App>,
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
    State(app): State<App>,
    Path(PipelinePath { pipeline }): Path<PipelinePath>,
) -> Result<Json<Graph>> {
    let definition = app.pipelines.get(&pipeline)?;

    Ok(Json(report::graph(definition)))
}

/// What Trino says about the models of a pipeline.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Validations {
    /// Whether Trino takes all of them.
    are_valid: bool,
    /// A model comes after the models that it reads.
    models: Vec<Validation>,
}

/// Ask Trino whether it takes the SQL of each model; nothing runs.
///
/// A model that reads a table or a model which was never built is not valid yet.
#[utoipa::path(
    post, path = "/v1/pipelines/{pipeline}/validate", tag = "models",
    params(PipelinePath),
    responses((status = OK, description = "What Trino says", body = Validations), Problem),
)]
pub(super) async fn validate_models(
    State(app): State<App>,
    Path(PipelinePath { pipeline }): Path<PipelinePath>,
    Query(Empty {}): Query<Empty>,
    Body(Empty {}): Body<Empty>,
) -> Result<Json<Validations>> {
    let definition = app.pipelines.get(&pipeline)?;
    let models = report::validate(&app, definition).await?;

    Ok(Json(Validations {
        are_valid: models.iter().all(|model| model.is_valid),
        models,
    }))
}

/// Which unit tests to run.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"model": "daily_revenue"}))]
pub(super) struct RunUnitTests {
    /// Only those of this model, by its name in the pipeline; by default all.
    model: Option<String>,
}

/// What the unit tests of a pipeline found.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct UnitTests {
    passed: usize,
    failed: usize,
    tests: Vec<UnitTestResult>,
}

/// Run the unit tests of a pipeline's models: over given rows, in Trino, without a table.
#[utoipa::path(
    post, path = "/v1/pipelines/{pipeline}/unit_tests", tag = "models",
    params(PipelinePath),
    request_body(content = Option<RunUnitTests>, description = "Which tests; by default all"),
    responses((status = OK, description = "What the tests found", body = UnitTests), Problem),
)]
pub(super) async fn run_unit_tests(
    State(app): State<App>,
    Path(PipelinePath { pipeline }): Path<PipelinePath>,
    Query(Empty {}): Query<Empty>,
    Body(request): Body<RunUnitTests>,
) -> Result<Json<UnitTests>> {
    let definition = app.pipelines.get(&pipeline)?;
    if let Some(model) = &request.model {
        definition
            .model(model)
            .map_err(|error| error.at_field("model".into()))?;
    }
    let tests = report::unit_tests(&app, definition, request.model.as_deref()).await?;
    let passed = tests.iter().filter(|test| test.passed).count();

    Ok(Json(UnitTests {
        passed,
        failed: tests.len() - passed,
        tests,
    }))
}

/// Refresh a model, and no other.
///
/// The run does not refresh its inputs. To refresh them first, start a run with `select: ["+daily_revenue"]`.
#[utoipa::path(
    post, path = "/v1/models/{model}/refresh", tag = "models",
    params(ModelPath, IdempotencyKey),
    responses(
        (status = ACCEPTED, description = "The run is queued; ask at `Location`", body = Run),
        (status = OK, description = "The run that this key started before has ended", body = Run),
        (status = CONFLICT, description = "The model is suspended", body = Problem, content_type = PROBLEM_JSON),
        Problem,
    ),
)]
pub(super) async fn refresh_model(
    State(app): State<App>,
    Path(ModelPath { model }): Path<ModelPath>,
    key: IdempotencyKey,
    Query(Empty {}): Query<Empty>,
    Body(Empty {}): Body<Empty>,
) -> Result<Response> {
    let of = app.pipelines.model(&model)?;
    if app.store.model(&of.id()).await?.is_suspended {
        return Err(Error::ModelSuspended { model });
    }
    let PipelineModel { definition, model } = of;
    let request = Request {
        steps: vec![StepKind::Models],
        select: vec![model.name.clone()],
        ..Request::default()
    };
    let started = run::start(&app, definition, &request, key.0.as_deref()).await?;

    Ok(accepted(started))
}

/// Compare a model's table with its query, at the snapshots that the last refresh read.
///
/// The run succeeds without differences; otherwise it fails with `verify-failed` and the counts.
#[utoipa::path(
    post, path = "/v1/models/{model}/verify", tag = "models",
    params(ModelPath, IdempotencyKey),
    responses(
        (status = ACCEPTED, description = "The run is queued; ask at `Location`", body = Run),
        (status = OK, description = "The run that this key started before has ended", body = Run),
        Problem,
    ),
)]
pub(super) async fn verify_model(
    State(app): State<App>,
    Path(ModelPath { model }): Path<ModelPath>,
    key: IdempotencyKey,
    Query(Empty {}): Query<Empty>,
    Body(Empty {}): Body<Empty>,
) -> Result<Response> {
    let PipelineModel { definition, model } = app.pipelines.model(&model)?;
    let task = Task::VerifyModel {
        model: model.name.clone(),
    };
    let started = run::start_task(&app, definition, &task, key.0.as_deref()).await?;

    Ok(accepted(started))
}

/// Leave a model out of runs, until it is resumed.
#[utoipa::path(
    post, path = "/v1/models/{model}/suspend", tag = "models",
    params(ModelPath),
    responses((status = OK, description = "The model", body = Model), Problem),
)]
pub(super) async fn suspend_model(
    State(app): State<App>,
    Path(ModelPath { model }): Path<ModelPath>,
    Query(Empty {}): Query<Empty>,
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
    State(app): State<App>,
    Path(ModelPath { model }): Path<ModelPath>,
    Query(Empty {}): Query<Empty>,
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

    Model {
        name: of.id().to_string(),
        file: model.file.clone(),
        materialized: config.materialized.as_str(),
        table: Names::model(model).to_string(),
        unique_key: config.unique_key.clone(),
        tags: config.tags.clone(),
        description: described.or_else(|| model.properties.description.clone()),
        depends_on: model.refs.iter().cloned().chain(sources).collect(),
        columns: if is_view { Vec::new() } else { state.columns },
        rows: state.rows.filter(|_| !is_view),
        snapshot_id: state.snapshot.filter(|_| !is_view),
        is_suspended: state.is_suspended,
        refresh: None,
    }
}

fn id(text: &str) -> Result<i64> {
    text.parse().map_err(|_| Error::Invalid {
        field: "before".into(),
        detail: format!("`before` is `{text}`; take the `next` of the page before"),
    })
}

impl From<RefreshRecord> for Refresh {
    fn from(record: RefreshRecord) -> Self {
        let lasted = record.finished_at.duration_since(record.started_at);
        let lag = |covered| report::seconds(record.finished_at.duration_since(covered));
        Self {
            id: record.id.to_string(),
            run_id: record.run_id,
            trigger: record.trigger,
            attempt: record.attempt,
            state: record.state,
            action: record.action,
            reason: record.reason,
            reading: record.reading,
            scopes: record.scopes,
            inserted: record.inserted,
            updated: record.updated,
            deleted: record.deleted,
            error: record.problem,
            started_at: record.started_at,
            finished_at: record.finished_at,
            duration_seconds: report::seconds(lasted),
            covered_until: record.covered_until,
            lag_seconds: record.covered_until.map(lag),
            target_lag_seconds: record.target_lag_seconds,
        }
    }
}
