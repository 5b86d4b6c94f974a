//! `/v1/runs/{run_id}/tests`: the results of tests.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::read::{Path, Query, limited};
use super::runs::RunPath;
use crate::app::App;
use crate::error::{Problem, Result};
use crate::report::{self, Rows};
use crate::state::TestResult;

/// The results of a run's tests.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TestResults {
    /// Sorted by table and name, each from its last attempt.
    tests: Vec<TestResult>,
}

/// List the results of the tests of a run.
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

/// Rows that failed a test.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "test": "accepted_values_orders_status", "failures_table": "lake.marts.orders_failures_accepted_values_orders_status",
    "failures": 1, "rows": [{"status": "unknown", "rows": 3}],
}))]
pub(super) struct TestFailures {
    /// The test's name.
    test: String,
    /// The table with the rows. The next failure of the test replaces them.
    failures_table: String,
    /// Failures, as the test counts them: rows, or values.
    failures: i64,
    /// Rows that failed, at most `limit`. Decimals, and numbers too long for JavaScript, are text.
    #[schema(value_type = Vec<Object>)]
    rows: Rows,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct TestPath {
    /// The run's id.
    #[param(example = "019a6d3e-7f10-7c4c-9f5a-2b1c3d4e5f60")]
    run_id: Uuid,
    /// The test's name, as the list of results has it.
    #[param(example = "accepted_values_orders_status")]
    test: String,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields, default)]
#[into_params(parameter_in = Query)]
pub(super) struct FailuresQuery {
    /// The model, where several have a test of this name.
    #[param(example = "shop.daily_revenue", required = false)]
    table: Option<String>,
    /// The most rows.
    #[param(example = 100, minimum = 1, maximum = 1000, required = false)]
    limit: Option<i64>,
}

/// List rows that failed a test with `store_failures`.
#[utoipa::path(
    get, path = "/v1/runs/{run_id}/tests/{test}/failures", tag = "runs",
    params(TestPath, FailuresQuery),
    responses((status = OK, description = "The rows", body = TestFailures), Problem),
)]
pub(super) async fn list_test_failures(
    State(app): State<App>,
    Path(TestPath { run_id, test }): Path<TestPath>,
    Query(query): Query<FailuresQuery>,
) -> Result<Json<TestFailures>> {
    let limit = limited(query.limit, 100, 1_000)?;
    app.store.run(run_id).await?;
    let found = report::failures(&app, run_id, &test, query.table.as_deref(), limit).await?;

    Ok(Json(TestFailures {
        test,
        failures_table: found.table,
        failures: found.result.failures,
        rows: found.rows,
    }))
}
