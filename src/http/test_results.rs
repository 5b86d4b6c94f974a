//! `/v1/runs/{run_id}/tests`: what declared tests said.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::read::Path;
use super::runs::RunPath;
use crate::app::App;
use crate::error::{Problem, Result};
use crate::state::TestResult;

/// What the tests of a run said.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TestResults {
    /// By table and name, each by its last try.
    tests: Vec<TestResult>,
}

/// List what declared tests said of the rows that a run was about to publish.
#[utoipa::path(
    get, path = "/v1/runs/{run_id}/tests", tag = "runs",
    params(RunPath),
    responses((status = OK, description = "The results", body = TestResults), Problem),
)]
pub(super) async fn list_tests(
    State(app): State<App>,
    Path(RunPath { run_id }): Path<RunPath>,
) -> Result<Json<TestResults>> {
    app.store.run(run_id).await?;

    Ok(Json(TestResults {
        tests: app.store.test_results(run_id).await?,
    }))
}
