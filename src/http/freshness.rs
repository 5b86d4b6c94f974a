//! `/v1/freshness`: how old the data is.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::models::ModelPath;
use super::read::Path;
use super::tables::TablePath;
use crate::app::App;
use crate::error::{Problem, Result};
use crate::pipeline::TrackedTable;
use crate::report::{self, Freshness, ModelFreshness};

/// The freshness of all tables and models.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FreshnessList {
    /// Sorted by name.
    tables: Vec<Freshness>,
    /// A model comes after the models that it reads.
    models: Vec<ModelFreshness>,
}

/// List the freshness of every table and every model.
#[utoipa::path(
    get, path = "/v1/freshness", tag = "reports",
    responses((status = OK, description = "The freshness of every table and model", body = FreshnessList), Problem),
)]
pub(super) async fn list_freshness(State(app): State<App>) -> Result<Json<FreshnessList>> {
    let mut tables = Vec::new();
    for pipeline in app.pipelines.usable() {
        for table in pipeline.tables.values() {
            tables.push(report::freshness(&app, pipeline, table).await?);
        }
    }

    let mut models = Vec::new();
    for model in app.pipelines.models() {
        models.push(report::model_freshness(&app, model).await?);
    }

    Ok(Json(FreshnessList { tables, models }))
}

/// Get the freshness of a table.
#[utoipa::path(
    get, path = "/v1/tables/{table}/freshness", tag = "reports",
    params(TablePath),
    responses((status = OK, description = "The table's freshness", body = Freshness), Problem),
)]
pub(super) async fn get_table_freshness(
    State(app): State<App>,
    Path(TablePath { table }): Path<TablePath>,
) -> Result<Json<Freshness>> {
    let TrackedTable { definition, table } = app.pipelines.table(&table)?;

    Ok(Json(report::freshness(&app, definition, table).await?))
}

/// Get the freshness of a model: its lag behind the sources, now and over the last 24 hours.
#[utoipa::path(
    get, path = "/v1/models/{model}/freshness", tag = "reports",
    params(ModelPath),
    responses((status = OK, description = "The model's freshness", body = ModelFreshness), Problem),
)]
pub(super) async fn get_model_freshness(
    State(app): State<App>,
    Path(ModelPath { model }): Path<ModelPath>,
) -> Result<Json<ModelFreshness>> {
    let model = app.pipelines.model(&model)?;

    Ok(Json(report::model_freshness(&app, model).await?))
}
