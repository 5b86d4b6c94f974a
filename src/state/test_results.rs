//! Results of tests.

use jiff::Timestamp;
use uuid::Uuid;

use super::Store;
use super::queries::Queries;
use super::rows::from_row;
use super::sql::sql;
use crate::error::Result;

/// What a test found in the rows that a run was about to publish.
#[derive(Debug, Clone, serde::Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "table": "shop.orders", "name": "not_null_status", "column": "status", "severity": "error", "threshold": 0,
    "status": "pass", "failures": 0, "rows": 285, "attempt": 1, "tested_at": "2026-01-01T12:00:01Z",
}))]
pub struct TestResult {
    /// The table's name in the API.
    pub table: String,
    /// The test's name.
    pub name: String,
    /// The column that it is about; absent where it is about rows.
    pub column: Option<String>,
    /// `error` or `warn`.
    pub severity: String,
    /// So many rows may fail.
    pub threshold: i64,
    /// `pass`, `warn` or `fail`.
    pub status: String,
    /// Failures, as the test counts them: rows, or values.
    pub failures: i64,
    /// Rows that were tested.
    pub rows: i64,
    /// The attempt of the run that tested them.
    pub attempt: i32,
    /// When.
    pub tested_at: Timestamp,
    /// The table with the rows that failed, with `store_failures`. The next failure of the test replaces them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failures_table: Option<String>,
    /// Its snapshot with those of this run.
    #[serde(skip)]
    pub failures_snapshot: Option<String>,
}

from_row!(TestResult {
    table,
    name,
    column,
    severity,
    threshold,
    status,
    failures,
    rows,
    attempt,
    tested_at,
    failures_table,
    failures_snapshot,
});

impl Store {
    pub async fn record_test(&self, run: Uuid, result: &TestResult) -> Result<()> {
        self.execute(
            sql!(test_results::record_test),
            &[
                &run,
                &result.attempt,
                &result.table,
                &result.name,
                &result.column,
                &result.severity,
                &result.threshold,
                &result.status,
                &result.failures,
                &result.rows,
                &result.failures_table,
                &result.failures_snapshot,
            ],
        )
        .await?;

        Ok(())
    }

    /// Lists the results of a run's tests, each in its last attempt.
    pub async fn test_results(&self, run: Uuid) -> Result<Vec<TestResult>> {
        self.rows(sql!(test_results::list_tests), &[&run]).await
    }
}
