//! `/v1/pipelines`: the pipelines, usable and broken.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::read::{Body, Empty, Path};
use crate::app::App;
use crate::error::{Problem, Result};
use crate::pipeline::{Definition, Names, Schedule, Table};
use crate::report::{self, Plan};

/// All pipelines.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Pipelines {
    /// The usable ones by name, then the broken ones.
    pipelines: Vec<Pipeline>,
}

/// A pipeline.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Pipeline {
    /// The pipeline's name.
    #[schema(example = "shop")]
    name: String,
    /// Whether the pipeline can run.
    usable: bool,
    /// Why the pipeline is broken, with file and line.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
    /// The kind of the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "postgres_audit_log")]
    source: Option<&'static str>,
    /// When runs start by themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "0 2 * * *")]
    schedule: Option<String>,
    /// The time zone of the schedule; absent for `every …`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Europe/Berlin")]
    timezone: Option<String>,
    /// The next time of the schedule; absent while the pipeline is paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_run_at: Option<Timestamp>,
    /// How often the service looks for changes, and starts a run if there are some.
    #[serde(skip_serializing_if = "Option::is_none")]
    poll_seconds: Option<u64>,
    /// Whether the pipeline is paused: nothing starts runs of it but calls of the API.
    is_paused: bool,
    /// The tracked tables.
    tables: Vec<PipelineTable>,
}

/// A tracked table, and the names of its Iceberg tables.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TrackedTable)]
pub(super) struct PipelineTable {
    /// The table's name in the API.
    #[schema(example = "shop.orders")]
    name: String,
    /// The source table, or `files.<table>` for files.
    #[schema(example = "public.orders")]
    from: String,
    /// The columns that identify a row.
    key: Vec<String>,
    /// The Iceberg table of the typed log.
    #[schema(example = "lake.staging.orders")]
    staging: String,
    /// The Iceberg table of the current rows, or the view with `current: view`.
    #[schema(example = "lake.marts.orders")]
    current: String,
    /// The Iceberg table of the history; absent with `history: off`.
    #[schema(example = "lake.marts.orders_history")]
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct PipelinePath {
    /// The pipeline's name.
    #[param(example = "shop")]
    pub(super) pipeline: String,
}

/// List all pipelines.
#[utoipa::path(
    get, path = "/v1/pipelines", tag = "pipelines",
    responses((status = OK, description = "All pipelines", body = Pipelines), Problem),
)]
pub(super) async fn list_pipelines(State(app): State<App>) -> Result<Json<Pipelines>> {
    let mut pipelines = Vec::new();
    for pipeline in app.pipelines.usable() {
        pipelines.push(view(&app, pipeline).await?);
    }
    pipelines.extend(app.pipelines.broken().map(|broken| Pipeline {
        name: broken.name.to_owned(),
        usable: false,
        fault: Some(broken.fault.to_owned()),
        source: None,
        schedule: None,
        timezone: None,
        next_run_at: None,
        poll_seconds: None,
        is_paused: false,
        tables: Vec::new(),
    }));

    Ok(Json(Pipelines { pipelines }))
}

/// Get a pipeline.
#[utoipa::path(
    get, path = "/v1/pipelines/{pipeline}", tag = "pipelines",
    params(PipelinePath),
    responses((status = OK, description = "The pipeline", body = Pipeline), Problem),
)]
pub(super) async fn get_pipeline(
    State(app): State<App>,
    Path(PipelinePath { pipeline }): Path<PipelinePath>,
) -> Result<Json<Pipeline>> {
    let definition = app.pipelines.get(&pipeline)?;

    Ok(Json(view(&app, definition).await?))
}

/// Pause a pipeline.
///
/// While it is paused, only calls of the API start runs of it.
#[utoipa::path(
    post, path = "/v1/pipelines/{pipeline}/pause", tag = "pipelines",
    params(PipelinePath),
    responses((status = OK, description = "The pipeline", body = Pipeline), Problem),
)]
pub(super) async fn pause_pipeline(
    State(app): State<App>,
    Path(PipelinePath { pipeline }): Path<PipelinePath>,
    Body(Empty {}): Body<Empty>,
) -> Result<Json<Pipeline>> {
    pause(&app, &pipeline, true).await
}

/// Resume a paused pipeline.
///
/// Times of its schedule that passed in the pause get no run.
#[utoipa::path(
    post, path = "/v1/pipelines/{pipeline}/resume", tag = "pipelines",
    params(PipelinePath),
    responses((status = OK, description = "The pipeline", body = Pipeline), Problem),
)]
pub(super) async fn resume_pipeline(
    State(app): State<App>,
    Path(PipelinePath { pipeline }): Path<PipelinePath>,
    Body(Empty {}): Body<Empty>,
) -> Result<Json<Pipeline>> {
    pause(&app, &pipeline, false).await
}

async fn pause(app: &App, pipeline: &str, is_paused: bool) -> Result<Json<Pipeline>> {
    let definition = app.pipelines.get(pipeline)?;
    app.store.pause_pipeline(pipeline, is_paused).await?;

    Ok(Json(view(app, definition).await?))
}

/// Tell how the next run would change the columns of a pipeline's tables, and which models it would build again; the call changes nothing.
#[utoipa::path(
    get, path = "/v1/pipelines/{pipeline}/plan", tag = "pipelines",
    params(PipelinePath),
    responses((status = OK, description = "The plan", body = Plan), Problem),
)]
pub(super) async fn plan_pipeline(
    State(app): State<App>,
    Path(PipelinePath { pipeline }): Path<PipelinePath>,
) -> Result<Json<Plan>> {
    let definition = app.pipelines.get(&pipeline)?;

    Ok(Json(report::plan(&app, definition).await?))
}

async fn view(app: &App, definition: &Definition) -> Result<Pipeline> {
    let state = app.store.pipeline(&definition.name).await?;
    let schedule = definition.schedule.as_ref();
    let next = |schedule: &Schedule| {
        // A time that has passed has its run in a moment.
        let until = state
            .scheduled_until
            .filter(|_| state.schedule.as_ref() == Some(&schedule.text));
        schedule.after(until.unwrap_or_else(Timestamp::now))
    };
    let names = Names::new(definition, &app.config);
    let table = |(name, table): (&String, &Table)| PipelineTable {
        name: table.id.to_string(),
        from: table.from.clone(),
        key: table.key.clone(),
        staging: names.staging(name).to_string(),
        current: names.current(name).to_string(),
        history: table
            .marts()
            .has_history()
            .then(|| names.history(name).to_string()),
    };
    Ok(Pipeline {
        name: definition.name.clone(),
        usable: true,
        fault: None,
        source: Some(definition.source.kind()),
        schedule: schedule.map(|schedule| schedule.times.clone()),
        timezone: schedule.and_then(|schedule| schedule.timezone.clone()),
        next_run_at: schedule.filter(|_| !state.is_paused).and_then(next),
        poll_seconds: definition.poll.map(|poll| poll.as_secs()),
        is_paused: state.is_paused,
        tables: definition.tables.iter().map(table).collect(),
    })
}
