//! Results of tests.

use jiff::Timestamp;
use uuid::Uuid;

use super::Store;
use super::queries::Queries;
use super::rows::from_row;
use super::sql::sql;
use crate::error::Result;

/// What a test found in the rows that a run was about to publish.
#[derive(Debug, Clone)]
pub struct TestResult {
    /// The name of the table or model in the API.
    pub of: String,
    /// The test's name.
    pub name: String,
    /// The column that it is about; `None` where it is about rows.
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
    pub failures_table: Option<String>,
    /// Its snapshot with those of this run.
    pub failures_snapshot: Option<String>,
}

from_row!(TestResult {
    of,
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

/// Which results of a run's tests to list.
#[derive(Debug, Default)]
pub struct TestQuery {
    /// Only those of this table or model, by its name in the API.
    pub of: Option<String>,
    pub name: Option<String>,
    pub statuses: Option<Vec<String>>,
    /// Only tests after this one: what it is of, and its name.
    pub after: Option<(String, String)>,
    /// All when absent.
    pub limit: Option<i64>,
}

impl Store {
    pub async fn record_test(&self, run: Uuid, result: &TestResult) -> Result<()> {
        self.execute(
            sql!(test_results::record_test),
            &[
                &run,
                &result.attempt,
                &result.of,
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

    /// Lists results of a run's tests, each in its last attempt, sorted by table and name.
    pub async fn test_results(&self, run: Uuid, which: &TestQuery) -> Result<Vec<TestResult>> {
        let TestQuery {
            of,
            name,
            statuses,
            after,
            limit,
        } = which;
        let (after_table, after_name) = after.clone().unzip();

        self.rows(
            sql!(test_results::list_tests),
            &[&run, &after_table, &after_name, of, name, statuses, limit],
        )
        .await
    }
}
