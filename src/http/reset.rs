//! `/v1/tables/{table}/reset`: begins a table anew from its source.

use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;

use super::access::Granted;
use super::confirm::{DryRun, confirmed, see_then_send};
use super::key::IdempotencyKey;
use super::read::{Body, Path, Query};
use super::repair::start;
use super::runs::Run;
use super::tables::TablePath;
use crate::error::{Problem, Result};
use crate::report::{ResetPlan, plan_reset};
use crate::run::Task;

/// The confirmation of a reset.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({"confirm": "shop.orders"}))]
pub(super) struct Reset {
    /// The table's name in the API once more. Without it, nothing is deleted.
    confirm: Option<String>,
}

/// With `dry_run`, a `ResetPlan`; else a `Run`.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) enum ResetAnswer {
    Plan(ResetPlan),
    Run(Box<Run>),
}

/// Begin a table anew: delete everything that is held of it, and read it from its source as if for the first time.
///
/// The run drops current rows, history and typed log, deletes the table's landed events and rejects, reads the source, and builds the pipeline.
/// Models that read the table are computed in full; row changes answer `410`. Rows that the source no longer has are lost; `dry_run` says which.
/// Until the run has published the table, readers do not find it. To begin anew from what landed, call `restage`, which loses nothing.
#[utoipa::path(
    post, path = "/v1/tables/{table}/reset", tag = "tables",
    params(TablePath, DryRun, IdempotencyKey),
    request_body(content = Option<Reset>, description = "The confirmation; not needed with `dry_run`"),
    responses(
        (status = ACCEPTED, description = "The run is queued; ask at `Location`", body = Run),
        (status = OK, description = "With `dry_run`, what would be deleted; else the run that this key started before, which has ended", body = ResetAnswer),
        Problem,
    ),
)]
pub(super) async fn reset_table(
    Granted(app): Granted,
    Path(TablePath { table }): Path<TablePath>,
    Query(DryRun { dry_run }): Query<DryRun>,
    key: IdempotencyKey,
    Body(request): Body<Reset>,
) -> Result<Response> {
    let found = app.pipelines.table(&table)?;
    if dry_run {
        let plan = plan_reset(&app, found).await?;
        return Ok(Json(plan).into_response());
    }
    let name = found.table.id.to_string();
    let right = format!("{{\"confirm\": \"{name}\"}}");
    confirmed(request.confirm.as_deref(), &name, &see_then_send(&right))?;

    start(&app, &table, key, |table| Task::Reset { table }).await
}
