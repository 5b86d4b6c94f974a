//! `/v1/runs/{run_id}/tests`: the results of declared tests.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::read::Path;
use super::runs::RunPath;
use crate::app::App;
use crate::error::{Problem, Result};
use crate::state::TestResult;

/// The results of a run's tests.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TestResults {
    /// Sorted by table and name, each from its last attempt.
    tests: Vec<TestResult>,
}

/// List the results of the declared tests of a run.
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
