//! `/v1/pipelines/reload`: read the pipelines anew.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use super::access::Granted;
use super::read::{Body, Empty};
use crate::app::ReloadCause;
use crate::error::{Problem, Result};
use crate::pipeline::Reload;

/// What became of the pipelines.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Reloads {
    /// Each pipeline, by name.
    pipelines: Vec<Reload>,
}

/// Read the pipelines anew from their files, without a restart.
///
/// Runs that have begun keep their definition. A pipeline whose files are broken, or that writes a table of another pipeline, keeps its
/// last good definition. The call is about the service that answers it: other replicas see changed files by `pipelines.watch`.
#[utoipa::path(
    post, path = "/v1/pipelines/reload", tag = "pipelines",
    responses((status = OK, description = "What became of each pipeline", body = Reloads), Problem),
)]
pub(super) async fn reload_pipelines(
    Granted(app): Granted,
    Body(Empty {}): Body<Empty>,
) -> Result<Json<Reloads>> {
    let pipelines = app.reload_pipelines(ReloadCause::Call).await?;

    Ok(Json(Reloads { pipelines }))
}
