//! `/v1/engine`: the Trino behind the service, and which of its known faults concern us.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use crate::app::App;
use crate::error::{Problem, Result};

/// Faults of Trino that touch what we send: first and last version that has it, its number, and what we do.
const FAULTS: [(u32, u32, u32, &str); 4] = [
    (
        479,
        483,
        30_639,
        "a `MERGE` may fail by `matched more than one source row` when source rows do nothing; in ours every source row acts",
    ),
    (
        478,
        481,
        29_604,
        "the same for null keys; ours never have any",
    ),
    (
        471,
        u32::MAX,
        31_072,
        "two concurrent merges into a table partitioned by identity both commit; only one service at a time writes a pipeline's tables",
    ),
    (
        0,
        482,
        30_278,
        "full joins may give wrong results, and histories are built by one; use 483 or newer",
    ),
];

/// The engine.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Engine {
    /// Trino's version.
    #[schema(example = "483")]
    version: String,
    /// Its active nodes.
    nodes: i64,
    /// The catalog that the tables are in.
    #[schema(example = "lake")]
    catalog: String,
    /// All catalogs.
    catalogs: Vec<Catalog>,
    /// Faults of this version that touch what we send.
    known_faults: Vec<Fault>,
}

/// A catalog of the engine.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Catalog {
    /// Its name.
    #[schema(example = "lake")]
    name: String,
    /// Its connector.
    #[schema(example = "iceberg")]
    connector: String,
}

/// A fault of the engine.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Fault {
    /// Its issue in Trino's tracker.
    #[schema(example = "trinodb/trino#30639")]
    issue: String,
    /// What it is and what we do.
    detail: &'static str,
}

/// Get the engine's version, catalogs and known faults.
#[utoipa::path(
    get, path = "/v1/engine", tag = "service",
    responses((status = OK, description = "The engine", body = Engine), Problem),
)]
pub(super) async fn get_engine(State(app): State<App>) -> Result<Json<Engine>> {
    let Nodes { version, nodes } = app
        .trino
        .row("icefront/api", "engine/nodes.sql", json!({}))
        .await?;
    let catalogs = app
        .trino
        .rows::<CatalogRow>("icefront/api", "engine/catalogs.sql", json!({}))
        .await?;
    let number: String = version.chars().take_while(char::is_ascii_digit).collect();

    Ok(Json(Engine {
        nodes,
        catalog: app.trino.catalog().to_owned(),
        catalogs: catalogs
            .into_iter()
            .map(|row| Catalog {
                name: row.catalog_name,
                connector: row.connector_name,
            })
            .collect(),
        known_faults: faults(number.parse().unwrap_or(0)),
        version,
    }))
}

/// The row of `engine/nodes.sql`.
#[derive(Deserialize)]
struct Nodes {
    version: String,
    nodes: i64,
}

/// A row of `engine/catalogs.sql`.
#[derive(Deserialize)]
struct CatalogRow {
    catalog_name: String,
    connector_name: String,
}

fn faults(version: u32) -> Vec<Fault> {
    FAULTS
        .iter()
        .filter(|(first, last, ..)| (*first..=*last).contains(&version))
        .map(|(_, _, issue, detail)| Fault {
            issue: format!("trinodb/trino#{issue}"),
            detail,
        })
        .collect()
}
