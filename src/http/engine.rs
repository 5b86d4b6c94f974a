//! `/v1/engine`: Trino's version, its catalogs, and its known faults that matter to the service.

use axum::Json;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::access::Granted;
use crate::error::{Problem, Result};

/// A fault in some of Trino's versions that touches statements of the service.
struct KnownFault {
    first_version: u32,
    last_version: u32,
    /// In Trino's tracker.
    issue: u32,
    /// What it is, and what the service or the user does about it.
    detail: &'static str,
}

const KNOWN_FAULTS: [KnownFault; 4] = [
    KnownFault {
        first_version: 479,
        last_version: 483,
        issue: 30_639,
        detail: "a `MERGE` with source rows that do nothing may fail with `matched more than one source row`; every source row of Icefront's merges acts",
    },
    KnownFault {
        first_version: 478,
        last_version: 481,
        issue: 29_604,
        detail: "a `MERGE` with null keys may fail with `matched more than one source row`; Icefront's merges never have null keys",
    },
    KnownFault {
        first_version: 471,
        last_version: u32::MAX,
        issue: 31_072,
        detail: "two concurrent merges into a table partitioned by identity both commit; only one service at a time writes a pipeline's tables",
    },
    KnownFault {
        first_version: 0,
        last_version: 482,
        issue: 30_278,
        detail: "full joins may give wrong results, and Icefront builds histories with a full join; use Trino 483 or newer",
    },
];

/// Trino, as the service uses it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Engine {
    /// Trino's version.
    #[schema(example = "483")]
    version: String,
    /// The number of active nodes.
    active_nodes: i64,
    /// The catalog of all tables.
    #[schema(example = "lake")]
    catalog: String,
    /// All catalogs of Trino.
    catalogs: Vec<Catalog>,
    /// Known faults of this version that touch statements of the service.
    known_faults: Vec<Fault>,
}

/// A catalog of Trino.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Catalog {
    /// The catalog's name.
    #[schema(example = "lake")]
    name: String,
    /// The catalog's connector.
    #[schema(example = "iceberg")]
    connector: String,
}

/// A known fault of Trino.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Fault {
    /// The issue in Trino's tracker.
    #[schema(example = "https://github.com/trinodb/trino/issues/30639")]
    issue_url: String,
    /// What may happen, and what the service or the user does about it.
    detail: &'static str,
}

/// Get Trino's version, catalogs and known faults.
#[utoipa::path(
    get, path = "/v1/engine", tag = "service",
    responses((status = OK, description = "Trino's version, catalogs and known faults", body = Engine), Problem),
)]
pub(super) async fn get_engine(Granted(app): Granted) -> Result<Json<Engine>> {
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
        active_nodes: nodes,
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
    KNOWN_FAULTS
        .iter()
        .filter(|fault| (fault.first_version..=fault.last_version).contains(&version))
        .map(|fault| Fault {
            issue_url: format!("https://github.com/trinodb/trino/issues/{}", fault.issue),
            detail: fault.detail,
        })
        .collect()
}
