//! The tests of a model, declared and singular ones, on the rows that it is about to have. Nothing is visible before they passed.

mod context;
mod failures;
mod singular;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use self::context::{ModelTest, TestContext};
use self::failures::KeepContext;
use super::refresh::Refresh;
use crate::error::{Error, Result};
use crate::pipeline::Names;
use crate::sql::{TableName, render};
use crate::state::{ModelColumn, TestResult};

/// Where the rows are that a model is about to have.
pub(super) enum Tested<'a> {
    /// In a table of their own.
    Built(&'a TableName),
    /// In the model's table, together with the table of changes.
    Changes,
}

/// The context of `models/test.sql`.
#[derive(Serialize)]
struct TestsContext<'a> {
    /// As they stand in FROM.
    new_rows: &'a str,
    all_rows: &'a str,
    tests: Vec<&'a TestContext<'a>>,
}

/// The context of `models/would_be.sql` and `models/new_rows.sql`.
#[derive(Serialize)]
struct RowsContext<'a> {
    table: &'a TableName,
    changes: TableName,
    columns: &'a [ModelColumn],
}

/// The row of `models/test.sql`.
#[derive(Deserialize)]
struct TestedRow {
    tested_rows: i64,
    /// The failures of each test.
    failures: Vec<i64>,
}

impl Refresh<'_> {
    /// Runs the model's tests on the rows that it is about to have, and records their results.
    ///
    /// # Errors
    ///
    /// [`Error::TestFailed`] names each test that failed. [`Error::TestBroken`] if Trino cannot run them.
    pub(super) async fn test(&self, rows: Tested<'_>, columns: &[ModelColumn]) -> Result<()> {
        if self.model.model.tests.is_empty() && self.singular_tests().next().is_none() {
            return Ok(());
        }
        let context = RowsContext {
            table: &self.table,
            changes: Names::changes(&self.table),
            columns,
        };
        let (new_rows, all_rows) = match rows {
            Tested::Built(table) => {
                let table = render("models/table.sql", serde_json::json!({"table": table}))?;
                (table.clone(), table)
            }
            Tested::Changes => (
                render("models/new_rows.sql", &context)?,
                render("models/would_be.sql", &context)?,
            ),
        };
        let tests = self.tests(&all_rows, columns).await?;
        let context = TestsContext {
            new_rows: &new_rows,
            all_rows: &all_rows,
            tests: tests.iter().map(|test| &test.context).collect(),
        };
        let publisher = self.model.publisher;
        let counted = self.may_count(&context).await;
        let counted = match counted {
            Ok(()) => publisher.row("models/test.sql", context).await,
            Err(refusal) => Err(refusal),
        };
        let row: TestedRow = match counted {
            Err(Error::Trino(failure)) if failure.class == "USER_ERROR" => {
                return Err(Error::TestBroken {
                    table: self.id.to_string(),
                    test: "data_tests".into(),
                    detail: failure.message,
                });
            }
            row => row?,
        };
        if row.failures.len() != tests.len() {
            return Err(Error::internal(
                "statement `models/test.sql` answered other tests",
            ));
        }
        let mut failed = Vec::new();
        for (test, failures) in tests.iter().zip(row.failures) {
            let mut result = self.result_of(test, failures, row.tested_rows);
            if failures > 0 && test.keeps_failures {
                let table = Names::failures(&self.table, test.name);
                let context = KeepContext {
                    table: &table,
                    new_rows: &new_rows,
                    all_rows: &all_rows,
                    test: &test.context,
                };
                result.failures_snapshot = self.keep_failures(context).await?;
                let kept = result.failures_snapshot.is_some();
                result.failures_table = kept.then(|| table.to_string());
            }
            publisher
                .store
                .record_test(publisher.attempt.run, &result)
                .await?;
            if result.status == "fail" {
                failed.push(format!("`{}`: {failures} failures", test.name));
            }
        }
        if failed.is_empty() {
            return Ok(());
        }

        Err(Error::TestFailed {
            kind: "model",
            table: self.id.to_string(),
            kept: "its rows",
            detail: failed.join("; "),
        })
    }

    /// Refuses tests that would read a schema which the settings do not allow.
    async fn may_count(&self, context: &TestsContext<'_>) -> Result<()> {
        if !self.model.definition.allowed.limits_schemas() {
            return Ok(());
        }
        let sql = render("models/test.sql", context)?;

        self.refuse_reads(&sql).await
    }

    fn result_of(&self, test: &ModelTest<'_>, failures: i64, rows: i64) -> TestResult {
        let severity = test.severity;
        let status = if severity.is_error && severity.error_if.holds(failures) {
            "fail"
        } else if severity.warn_if.holds(failures) {
            "warn"
        } else {
            "pass"
        };

        TestResult {
            of: self.id.to_string(),
            name: test.name.to_owned(),
            column: test.column.map(str::to_owned),
            severity: if severity.is_error { "error" } else { "warn" }.to_owned(),
            threshold: 0,
            status: status.to_owned(),
            failures,
            rows,
            attempt: self.model.publisher.attempt.number,
            tested_at: Timestamp::now(),
            failures_table: None,
            failures_snapshot: None,
        }
    }
}
