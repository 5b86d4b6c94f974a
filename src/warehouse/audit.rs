//! Declared tests, on the rows that the touched keys are about to have, before the marts are written.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::marts::build_of;
use super::refresh::RefreshContext;
use super::{Refresh, Scope, Target, slices};
use crate::error::{Error, Result};
use crate::pipeline::{Check, Column, Severity, TableTest};
use crate::sql::{TableName, render};
use crate::state::{Layer, TestResult};

/// The context of `marts/test.sql`.
#[derive(Serialize)]
struct TestsContext<'a> {
    #[serde(flatten)]
    refresh: RefreshContext<'a>,
    tests: &'a [TestContext<'a>],
    /// The table with the rows, if they are built already.
    build: Option<&'a TableName>,
}

#[derive(Serialize)]
struct TestContext<'a> {
    column: Option<&'a Column>,
    #[serde(flatten)]
    check: CheckContext<'a>,
}

#[derive(Serialize)]
#[serde(tag = "check", rename_all = "snake_case")]
enum CheckContext<'a> {
    NotNull,
    Unique,
    AcceptedValues {
        values: &'a [String],
    },
    Relationships {
        to: TableName,
        field: String,
        /// Whether the table refers to itself.
        is_own: bool,
    },
    Expression {
        expression: &'a str,
    },
}

/// The context of `marts/check_expression.sql`.
#[derive(Serialize)]
struct ExpressionContext<'a> {
    staging: TableName,
    expression: &'a str,
}

/// The row of `marts/test.sql`.
#[derive(Deserialize)]
struct TestedRow {
    tested_rows: i64,
    /// The rows that fail, for each test.
    failures: Vec<i64>,
}

/// Runs all declared tests of a table in one statement, and gives the result of each. Fails with [`Error::TestBroken`]
/// if a test's own SQL or column is wrong.
pub async fn audit(target: Target<'_>, refresh: &Refresh) -> Result<Vec<TestResult>> {
    let tests = target.table.all_tests();
    if tests.is_empty() || refresh.has_nothing_to_do() {
        return Ok(Vec::new());
    }
    let described = tests
        .iter()
        .enumerate()
        .map(|(at, test)| described(target, *test, at))
        .collect::<Result<Vec<_>>>()?;
    let row = match test(target, refresh, &described).await {
        // A caller gave these keys. A key that cannot be read is not a fault of a test.
        Err(Error::Trino(failure))
            if failure.class == "USER_ERROR" && !matches!(refresh.scope, Scope::Keys(_)) =>
        {
            return Err(broken(target, &tests, failure.message).await);
        }
        row => row?,
    };
    if row.failures.len() != tests.len() {
        return Err(Error::internal(format!(
            "statement `marts/test.sql` answered {} tests and not {}",
            row.failures.len(),
            tests.len()
        )));
    }

    Ok(tests
        .iter()
        .zip(row.failures)
        .enumerate()
        .map(|(at, (declared, failures))| {
            let threshold = i64::try_from(declared.test.threshold).unwrap_or(i64::MAX);
            let status = match declared.test.severity {
                _ if failures <= threshold => "pass",
                Severity::Warn => "warn",
                Severity::Error => "fail",
            };
            TestResult {
                table: target.table.id.to_string(),
                name: declared.name(at),
                column: declared.column.map(ToOwned::to_owned),
                severity: declared.test.severity.as_str().to_owned(),
                threshold,
                status: status.to_owned(),
                failures,
                rows: row.tested_rows,
                attempt: target.publisher.attempt.number,
                tested_at: Timestamp::now(),
            }
        })
        .collect())
}

/// Fails if a test of severity `error` failed: [`Error::TestFailed`] names each of these tests.
pub fn judge(target: Target<'_>, results: &[TestResult]) -> Result<()> {
    let failed: Vec<String> = results
        .iter()
        .filter(|result| result.status == "fail")
        .map(|result| {
            format!(
                "`{}`: {} of {} rows fail, {} may",
                result.name, result.failures, result.rows, result.threshold
            )
        })
        .collect();
    if failed.is_empty() {
        return Ok(());
    }

    Err(Error::TestFailed {
        table: target.table.id.to_string(),
        detail: failed.join("; "),
    })
}

/// Tests the rows that the touched keys are about to have. If these are all keys, and too many for one statement, the
/// rows are built first; `mart.<table>` then publishes them.
async fn test(
    target: Target<'_>,
    refresh: &Refresh,
    tests: &[TestContext<'_>],
) -> Result<TestedRow> {
    let row = async |build: Option<&TableName>| {
        let context = |slice| TestsContext {
            refresh: refresh.context(target).sliced(slice),
            tests,
            build,
        };
        let events = build.map_or(0, |_| refresh.events());
        slices::count(target, events, "marts/test.sql", context).await
    };
    if refresh.scope != Scope::Everything {
        return row(None).await;
    }
    let build = build_of(target, Layer::Current, refresh);
    let of_slice = |slice| refresh.context(target).sliced(slice);
    if let Some(built) = build.prepare(of_slice).await? {
        return row(Some(&built)).await;
    }
    match row(None).await {
        Err(error) if error.is_out_of_memory() => {
            build.note_refusal().await?;
            row(build.prepare(of_slice).await?.as_ref()).await
        }
        tested => tested,
    }
}

/// A test as its statement needs it. Fails if the table lacks its column.
fn described<'a>(
    target: Target<'a>,
    declared: TableTest<'a>,
    at: usize,
) -> Result<TestContext<'a>> {
    let find = |name: &str| {
        let name = name.to_lowercase();
        let found = target.columns.iter().find(|column| column.name == name);
        found.ok_or_else(|| Error::TestBroken {
            table: target.table.id.to_string(),
            test: declared.name(at),
            detail: format!("the table has no column `{name}`"),
        })
    };
    let column = declared.column.map(find).transpose()?;
    let check = match &declared.test.check {
        Check::NotNull => CheckContext::NotNull,
        Check::Unique => CheckContext::Unique,
        Check::AcceptedValues(values) => CheckContext::AcceptedValues { values },
        Check::Relationships { to, field } => CheckContext::Relationships {
            to: target.names.current(to),
            field: field.to_lowercase(),
            is_own: *to == target.table.id.name,
        },
        Check::Expression(expression) => CheckContext::Expression { expression },
    };

    Ok(TestContext { column, check })
}

/// Finds the test that Trino cannot read.
async fn broken(target: Target<'_>, tests: &[TableTest<'_>], message: String) -> Error {
    for (at, declared) in tests.iter().enumerate() {
        let Check::Expression(sql) = &declared.test.check else {
            continue;
        };
        let context = ExpressionContext {
            staging: target.staging(),
            expression: sql,
        };
        let read = match render("marts/check_expression.sql", context) {
            Ok(explain) => target.publisher.read(&explain).await,
            Err(error) => return error,
        };
        if let Err(Error::Trino(failure)) = read {
            return Error::TestBroken {
                table: target.table.id.to_string(),
                test: declared.name(at),
                detail: failure.message,
            };
        }
    }

    Error::TestBroken {
        table: target.table.id.to_string(),
        test: "tests".into(),
        detail: message,
    }
}
