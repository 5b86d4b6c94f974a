//! `/v1/maintenance/runs`: deletes what is older than the settings keep it.

use axum::response::Response;
use serde::Deserialize;
use utoipa::ToSchema;

use super::access::Granted;
use super::key::{IdempotencyKey, StartedRun, accepted};
use super::read::Body;
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::pipeline::Definition;
use crate::run::{self, Task};

/// Whose old things are deleted.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"pipeline": "shop", "dry_run": true}))]
pub(super) struct StartMaintenance {
    /// The pipeline; not needed if there is only one.
    #[schema(example = "shop")]
    pipeline: Option<String>,
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
    request_body(content = Option<StartMaintenance>, description = "The pipeline, and whether to delete"),
    responses(StartedRun, Problem),
)]
pub(super) async fn start_maintenance(
    Granted(app): Granted,
    key: IdempotencyKey,
    Body(request): Body<StartMaintenance>,
) -> Result<Response> {
    let definition = chosen(&app, request.pipeline.as_deref())?;
    let task = Task::Maintenance {
        dry_run: request.dry_run,
    };
    let started = run::start_task(&app, &definition.name, &task, key.0.as_deref()).await?;

    Ok(accepted(started))
}

fn chosen<'a>(app: &'a App, named: Option<&str>) -> Result<&'a Definition> {
    if let Some(name) = named {
        let found = app.pipelines.get(name);
        return found.map_err(|error| error.at_field("pipeline".into()));
    }
    let usable: Vec<&Definition> = app.pipelines.usable().collect();
    if let [only] = usable[..] {
        return Ok(only);
    }
    let known: Vec<String> = usable.iter().map(|of| format!("`{}`", of.name)).collect();
    let detail = if known.is_empty() {
        "no pipeline is usable; `GET /v1/pipelines` says why".into()
    } else {
        format!("give `pipeline`, one of {}", known.join(", "))
    };

    Err(Error::Invalid {
        field: "pipeline".into(),
        detail,
    })
}
