//! Results of declared tests.

use jiff::Timestamp;
use uuid::Uuid;

use super::{Store, fault, statement};
use crate::error::Result;

/// What a declared test said of the rows that a run was about to publish.
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
    /// Rows that failed.
    pub failures: i64,
    /// Rows that were tested.
    pub rows: i64,
    /// The attempt of the run that tested them.
    pub attempt: i32,
    /// When.
    pub tested_at: Timestamp,
}

impl Store {
    /// Notes what a test said.
    pub async fn record_test(&self, run: Uuid, result: &TestResult) -> Result<()> {
        self.client()
            .await?
            .execute(
                statement!("state/record_test.sql"),
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
                ],
            )
            .await
            .map_err(fault)?;

        Ok(())
    }

    /// Lists what the tests of a run said, each by its last try.
    pub async fn test_results(&self, run: Uuid) -> Result<Vec<TestResult>> {
        let rows = self
            .client()
            .await?
            .query(statement!("state/list_tests.sql"), &[&run])
            .await
            .map_err(fault)?;

        Ok(rows
            .iter()
            .map(|row| TestResult {
                table: row.get(0),
                name: row.get(1),
                column: row.get(2),
                severity: row.get(3),
                threshold: row.get(4),
                status: row.get(5),
                failures: row.get(6),
                rows: row.get(7),
                attempt: row.get(8),
                tested_at: row.get(9),
            })
            .collect())
    }
}
