//! `/v1/pipelines`: the pipelines, usable and broken.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::read::Path;
use crate::app::App;
use crate::error::{Problem, Result};
use crate::pipeline::{Definition, Names, Table};
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
pub(super) async fn list_pipelines(State(app): State<App>) -> Json<Pipelines> {
    let usable = app.pipelines.usable().map(|pipeline| view(&app, pipeline));
    let broken = app.pipelines.broken().map(|broken| Pipeline {
        name: broken.name.to_owned(),
        usable: false,
        fault: Some(broken.fault.to_owned()),
        source: None,
        tables: Vec::new(),
    });

    Json(Pipelines {
        pipelines: usable.chain(broken).collect(),
    })
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

    Ok(Json(view(&app, definition)))
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

fn view(app: &App, definition: &Definition) -> Pipeline {
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
    Pipeline {
        name: definition.name.clone(),
        usable: true,
        fault: None,
        source: Some(definition.source.kind()),
        tables: definition.tables.iter().map(table).collect(),
    }
}
