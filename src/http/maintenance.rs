//! `/v1/maintenance/runs`: deletes what is older than the settings keep it.

use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use super::access::Granted;
use super::key::{IdempotencyKey, StartedRun, accepted};
use super::read::Body;
use crate::error::{Problem, Result};
use crate::run::{self, Task};

/// Whose old things are deleted.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"pipeline": "shop", "dry_run": true}))]
pub(super) struct StartMaintenance {
    /// The pipeline.
    #[schema(example = "shop", required)]
    pipeline: String,
    /// Count what would go, and delete nothing.
    dry_run: bool,
}

/// Start the maintenance of a pipeline: delete what is older than `retention` of the settings keeps it.
///
/// A run deletes old runs, events, SQL texts and publications from the state database, and expires old snapshots of the pipeline's Iceberg tables.
/// What something still needs stays. `counts` of the run say how much went; with `dry_run`, how much would go.
/// The service starts such a run once a day by itself.
#[utoipa::path(
    post, path = "/v1/maintenance/runs", tag = "runs",
    params(IdempotencyKey),
    request_body(content = StartMaintenance, description = "The pipeline, and whether to delete"),
    responses(StartedRun, Problem),
)]
pub(super) async fn start_maintenance(
    Granted(app): Granted,
    key: IdempotencyKey,
    Body(request): Body<StartMaintenance>,
) -> Result<Response> {
    let found = app.pipelines.get(&request.pipeline);
    let definition = found.map_err(|error| error.at_field("pipeline".into()))?;
    let task = Task::Maintenance {
        dry_run: request.dry_run,
    };
    let started = run::start_task(&app, &definition.name, &task, key.0.as_deref()).await?;

    Ok(accepted(started))
}
