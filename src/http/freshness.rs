//! `/v1/freshness`: how old the data is.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::read::Path;
use super::tables::TablePath;
use crate::app::App;
use crate::error::{Problem, Result};
use crate::pipeline::TrackedTable;
use crate::report::{self, Freshness};

/// The freshness of all tables.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FreshnessList {
    /// Sorted by name.
    tables: Vec<Freshness>,
}

/// List the freshness of every table.
#[utoipa::path(
    get, path = "/v1/freshness", tag = "reports",
    responses((status = OK, description = "The freshness of every table", body = FreshnessList), Problem),
)]
pub(super) async fn list_freshness(State(app): State<App>) -> Result<Json<FreshnessList>> {
    let mut tables = Vec::new();
    for pipeline in app.pipelines.usable() {
        for table in pipeline.tables.values() {
            tables.push(report::freshness(&app, pipeline, table).await?);
        }
    }

    Ok(Json(FreshnessList { tables }))
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
