//! `/v1/runs/{run_id}/tests`: the results of tests, and the rows that failed them.

use axum::Json;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::access::Granted;
use super::page::{Page, Paging};
use super::read::{AnyOf, Path, Query, without_nul};
use super::rows::{Row, RowPage};
use super::runs::RunPath;
use crate::app::App;
use crate::error::{Problem, Result};
use crate::pipeline::Severity;
use crate::report::{self, FailuresQuery, SomeRows};
use crate::state::{self, Status, TestQuery};

/// What a test found in the rows that a run was about to publish.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "table": "shop.orders", "model": null, "name": "not_null_status", "column": "status", "severity": "error", "threshold": 0,
    "status": "pass", "failures": 0, "rows": 285, "attempt": 1, "tested_at": "2026-01-01T12:00:01.000000Z", "trino_failures_table": null,
}))]
pub(super) struct TestResult {
    /// The table that it is of; `null` for a test of a model.
    table: Option<String>,
    /// The model that it is of; `null` for a test of a table.
    model: Option<String>,
    /// The test's name.
    name: String,
    /// The column that it is about; `null` if it is about rows.
    column: Option<String>,
    /// What a failure does.
    severity: Severity,
    /// So many rows may fail.
    threshold: i64,
    /// The outcome. `error` means that the run fails.
    status: Status,
    /// Failures, as the test counts them: rows, or values.
    failures: i64,
    /// Rows that were tested.
    rows: i64,
    /// The attempt of the run that tested them.
    attempt: i32,
    /// When they were tested.
    #[serde(serialize_with = "crate::time::exact")]
    tested_at: Timestamp,
    /// The table with the rows that failed, with `store_failures`. The next failure of the test replaces them.
    trino_failures_table: Option<String>,
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct TestsQuery {
    /// Only tests of this table.
    #[param(example = "shop.orders", required = false)]
    table: Option<String>,
    /// Only tests of this model.
    #[param(example = "shop.daily_revenue", required = false)]
    model: Option<String>,
    /// Only results with one of these outcomes.
    #[param(value_type = Option<Vec<Status>>, style = Form, explode = false, min_items = 1, required = false)]
    status: Option<AnyOf<Status>>,
}

type TestPage = Page<TestResult>;

/// List the results of the tests of a run, sorted by table or model and by name.
#[utoipa::path(
    get, path = "/v1/runs/{run_id}/tests", tag = "runs",
    params(RunPath, TestsQuery, Paging),
    responses((status = OK, description = "A page of results, each from the last attempt", body = TestPage), Problem),
)]
pub(super) async fn list_run_tests(
    Granted(app): Granted,
    Path(RunPath { run_id }): Path<RunPath>,
    Query(query): Query<TestsQuery>,
    paging: Paging,
) -> Result<Json<TestPage>> {
    app.store.run(run_id).await?;
    let of = match (query.table, query.model) {
        (None, None) => None,
        (Some(table), None) if !is_model(&app, &table) => Some(without_nul(&table)),
        (None, Some(model)) if is_model(&app, &model) => Some(model),
        _ => return Ok(Json(Page::empty())),
    };
    let words = |AnyOf(statuses): AnyOf<Status>| statuses.into_iter().map(stored).collect();
    let which = TestQuery {
        of,
        name: None,
        statuses: query.status.map(words),
        after: paging.after()?,
        limit: Some(paging.asked_rows()),
    };
    let found = app.store.test_results(run_id, &which).await?;
    let page = paging.page(found, |last| (last.of.clone(), last.name.clone()))?;

    Ok(Json(page.map(|result| TestResult::of(&app, result))))
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
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct OfTest {
    /// The table, if several things have a test of this name.
    #[param(example = "shop.orders", required = false)]
    table: Option<String>,
    /// The model, if several things have a test of this name.
    #[param(example = "shop.daily_revenue", required = false)]
    model: Option<String>,
}

/// List rows that failed a test with `store_failures`.
#[utoipa::path(
    get, path = "/v1/runs/{run_id}/tests/{test}/failures", tag = "runs",
    params(TestPath, OfTest, Paging),
    responses((status = OK, description = "A page of rows, in the order of their columns", body = RowPage), Problem),
)]
pub(super) async fn list_test_failures(
    Granted(app): Granted,
    Path(TestPath { run_id, test }): Path<TestPath>,
    Query(OfTest { table, model }): Query<OfTest>,
    paging: Paging,
) -> Result<Json<RowPage>> {
    app.store.run(run_id).await?;
    let before: u64 = paging.after()?.unwrap_or(0);
    let of = model.or(table).map(|of| without_nul(&of));
    let which = FailuresQuery {
        run: run_id,
        test: &without_nul(&test),
        of: of.as_deref(),
        offset: before,
        limit: paging.asked(),
    };
    let SomeRows { rows, is_cut } = report::failures(&app, &which).await?;
    let shown = paging.limit().min(rows.len() as u64);
    let page = paging.page_of_some(rows, is_cut, |_| before + shown)?;

    Ok(Json(page.map(Row::from)))
}

fn is_model(app: &App, name: &str) -> bool {
    app.pipelines.model(name).is_ok()
}

/// The word of the state database: dbt says `fail` for tests and `error` for freshness.
fn stored(status: Status) -> String {
    match status {
        Status::Pass => "pass",
        Status::Warn => "warn",
        Status::Error => "fail",
        Status::Unknown => "unknown",
    }
    .to_owned()
}

impl TestResult {
    fn of(app: &App, result: state::TestResult) -> Self {
        let is_model = is_model(app, &result.of);
        let of = Some(result.of);
        let (table, model) = if is_model { (None, of) } else { (of, None) };

        Self {
            table,
            model,
            name: result.name,
            column: result.column,
            severity: match result.severity.as_str() {
                "warn" => Severity::Warn,
                _ => Severity::Error,
            },
            threshold: result.threshold,
            status: match result.status.as_str() {
                "pass" => Status::Pass,
                "warn" => Status::Warn,
                _ => Status::Error,
            },
            failures: result.failures,
            rows: result.rows,
            attempt: result.attempt,
            tested_at: result.tested_at,
            trino_failures_table: result.failures_table,
        }
    }
}
