//! Declared tests and contracts of a model, on the rows that it is about to have. Nothing is visible before they passed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::checks::{ModelTest, TestContext};
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

/// The context of `models/keep_failures.sql`.
#[derive(Serialize)]
struct KeepContext<'a> {
    table: &'a TableName,
    new_rows: &'a str,
    all_rows: &'a str,
    test: &'a TestContext<'a>,
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
        let row: TestedRow = match publisher.row("models/test.sql", context).await {
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

    /// Keeps the rows that fail a test in a table, and gives its snapshot; `None` if Trino refuses it.
    async fn keep_failures(&self, context: KeepContext<'_>) -> Result<Option<String>> {
        let publisher = self.model.publisher;
        let table = context.table;
        publisher.resolve(table).await?;
        let is_ours = publisher
            .store
            .has_written(publisher.pipeline, &table.to_string())
            .await?;
        if !is_ours && self.kind_of(table).await?.is_some() {
            tracing::warn!(model = %self.id, %table, "failing rows were not kept: somebody else made a table of this name");
            return Ok(None);
        }
        let keep = render("models/keep_failures.sql", &context)?;
        match publisher.remake_unrecorded(table, &keep).await {
            Ok(committed) => {
                publisher.record(&committed).await?;
                Ok(committed.snapshot)
            }
            Err(Error::Trino(failure)) if failure.class == "USER_ERROR" => {
                let query_id = failure.query_id.as_str();
                tracing::warn!(model = %self.id, %table, query_id, "failing rows were not kept, because Trino refused their table");
                Ok(None)
            }
            Err(error) => Err(error),
        }
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
            table: self.id.to_string(),
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

    /// Fails if the table about to be published has not the columns that an enforced contract declares.
    pub(super) fn check_contract(&self, columns: &[ModelColumn]) -> Result<()> {
        let model = self.model.model;
        if !model.config.contract.enforced {
            return Ok(());
        }
        let declared = &model.properties.columns;
        let show = |name: &str, data_type: &str| format!("{name} {data_type}");
        let wanted: Vec<String> = declared
            .iter()
            .map(|column| {
                let data_type = column.data_type.as_deref().unwrap_or_default();
                show(&column.name.to_lowercase(), &stored_type(data_type))
            })
            .collect();
        let found: Vec<String> = columns
            .iter()
            .map(|column| show(&column.name, &column.data_type))
            .collect();
        if wanted == found {
            return Ok(());
        }
        let first = wanted
            .iter()
            .zip(&found)
            .find(|(wanted, found)| wanted != found);
        let detail = match first {
            Some((wanted, found)) => {
                format!("it declares `{wanted}` where the query gives `{found}`")
            }
            None => format!(
                "it declares {} columns, and the query gives {}",
                wanted.len(),
                found.len()
            ),
        };

        Err(self.broken(format!(
            "its contract is enforced, but {detail}; nothing was published. Change the query or the contract"
        )))
    }
}

/// The type by which Iceberg stores a declared one, as Trino names it.
fn stored_type(declared: &str) -> String {
    let lower = declared.trim().to_lowercase().replace(", ", ",");
    match lower.as_str() {
        "int" | "smallint" | "tinyint" => "integer".into(),
        "string" | "text" => "varchar".into(),
        "timestamp" => "timestamp(6)".into(),
        "timestamp with time zone" => "timestamp(6) with time zone".into(),
        "double precision" => "double".into(),
        "time" => "time(6)".into(),
        _ if lower.starts_with("time(") => "time(6)".into(),
        "decimal" | "numeric" => "decimal(38,0)".into(),
        _ if lower.starts_with("numeric(") => lower.replacen("numeric", "decimal", 1),
        _ if lower.starts_with("timestamp(") && lower.ends_with("zone") => {
            "timestamp(6) with time zone".into()
        }
        _ if lower.starts_with("timestamp(") => "timestamp(6)".into(),
        _ if lower.starts_with("varchar(") || lower.starts_with("char(") => "varchar".into(),
        _ => lower,
    }
}
