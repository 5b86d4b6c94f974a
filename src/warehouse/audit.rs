//! Declared tests, on the rows that the touched keys are about to have, before the marts are written.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::marts::remake_of;
use super::refresh::RefreshContext;
use super::remake::Remake;
use super::{Refresh, Scope, Target, slices};
use crate::error::{Error, Result};
use crate::pipeline::{Check, Column, Severity, TableTest};
use crate::publish::{Planned, PlannedStatement};
use crate::sql::{TableName, render};
use crate::state::TestResult;

/// The context of `marts/test.sql`.
#[derive(Serialize)]
struct TestsContext<'a> {
    #[serde(flatten)]
    refresh: RefreshContext<'a>,
    tests: &'a [TestContext<'a>],
    /// The table with the rows, if they are built already.
    build: Option<&'a TableName>,
    /// Whether these are the open versions of that table.
    build_is_history: bool,
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
    if refresh.has_nothing_to_do() {
        return Ok(Vec::new());
    }

    audited(target, refresh, Rows::Next).await
}

/// The same, of the rows that are published. `refresh` is everything up to their last batch.
pub async fn audit_published(target: Target<'_>, refresh: &Refresh) -> Result<Vec<TestResult>> {
    audited(target, refresh, Rows::Published).await
}

/// Which rows are tested.
#[derive(Clone, Copy)]
enum Rows {
    /// Those that a refresh will publish.
    Next,
    Published,
}

async fn audited(target: Target<'_>, refresh: &Refresh, rows: Rows) -> Result<Vec<TestResult>> {
    let tests = target.table.all_tests();
    if tests.is_empty() {
        return Ok(Vec::new());
    }
    let described = all_described(target)?;
    refuse_reads(target, &tests).await?;
    let tested = match rows {
        Rows::Next => test(target, refresh, &described).await,
        Rows::Published => {
            let published = if target.marts.has_history() {
                target.history()
            } else {
                target.current()
            };
            test_built(target, refresh, &described, &published).await
        }
    };
    let row = match tested {
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
                of: target.table.id.to_string(),
                name: declared.name(at),
                column: declared.column.map(ToOwned::to_owned),
                severity: declared.test.severity.as_str().to_owned(),
                threshold,
                status: status.to_owned(),
                failures,
                rows: row.tested_rows,
                attempt: target.publisher.attempt.number,
                tested_at: Timestamp::now(),
                failures_table: None,
                failures_snapshot: None,
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
        kind: "table",
        table: target.table.id.to_string(),
        kept: "current rows and history",
        detail: failed.join("; "),
    })
}

/// Tests the rows that the touched keys are about to have. If these are too many for one statement, the rows of all keys are
/// built first; `mart.<table>` then publishes them.
async fn test(
    target: Target<'_>,
    refresh: &Refresh,
    tests: &[TestContext<'_>],
) -> Result<TestedRow> {
    if refresh.scope == Scope::Everything && refresh.is_history_complete {
        return test_built(target, refresh, tests, &target.history()).await;
    }
    let remake = remake_of(target, target.first_layer(), refresh);
    if refresh.scope == Scope::Everything
        && let Some(built) = prepare(remake, refresh).await?
    {
        return test_built(target, refresh, tests, &built).await;
    }
    let context = at_once(target, refresh, tests);
    let refusal = match target.publisher.row("marts/test.sql", context).await {
        Err(error) if error.is_out_of_memory() => error,
        tested => return tested,
    };
    let whole = match refresh.scope {
        Scope::Everything => refresh.clone(),
        _ if refresh.scope.is_of_batches() => refresh.widened(target).await?,
        _ => return Err(refusal),
    };
    let remake = remake_of(target, target.first_layer(), &whole);
    match prepare(remake.refused(refusal).await?, &whole).await? {
        Some(built) => test_built(target, &whole, tests, &built).await,
        None => Err(Error::internal("a build in slices was expected")),
    }
}

/// One statement tests the rows that the touched keys are about to have.
fn at_once<'a>(
    target: Target<'a>,
    refresh: &'a Refresh,
    tests: &'a [TestContext<'a>],
) -> TestsContext<'a> {
    TestsContext {
        refresh: refresh.context(target),
        tests,
        build: None,
        build_is_history: false,
    }
}

/// The statement that would test the rows before they are published; `None` without tests.
pub fn planned_tests(target: Target<'_>, refresh: &Refresh) -> Result<Option<PlannedStatement>> {
    let tests = all_described(target)?;
    if tests.is_empty() {
        return Ok(None);
    }
    let planned = Planned::reading(render("marts/test.sql", at_once(target, refresh, &tests))?);

    Ok(Some(planned.at(&format!("test.{}", target.table.id.name))))
}

/// The table with the rows that all keys are about to have; `None` if one statement takes them.
async fn prepare(remake: Remake<'_>, refresh: &Refresh) -> Result<Option<TableName>> {
    remake
        .prepare(&|slice| refresh.context(remake.target).sliced(slice))
        .await
}

/// Tests rows that are built, slice by slice.
async fn test_built(
    target: Target<'_>,
    refresh: &Refresh,
    tests: &[TestContext<'_>],
    built: &TableName,
) -> Result<TestedRow> {
    let context = |slice| TestsContext {
        refresh: refresh.context(target).sliced(slice),
        tests,
        build: Some(built),
        build_is_history: target.marts.has_history(),
    };

    slices::count(target, refresh.events(), "marts/test.sql", context).await
}

fn all_described(target: Target<'_>) -> Result<Vec<TestContext<'_>>> {
    let tests = target.table.all_tests();

    tests
        .iter()
        .enumerate()
        .map(|(at, test)| described(target, *test, at))
        .collect()
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

/// Refuses a condition that would read a schema which the settings do not allow.
async fn refuse_reads(target: Target<'_>, tests: &[TableTest<'_>]) -> Result<()> {
    if !target.definition.allowed.limits_schemas() {
        return Ok(());
    }
    for (at, declared) in tests.iter().enumerate() {
        let Check::Expression(expression) = &declared.test.check else {
            continue;
        };
        let context = ExpressionContext {
            staging: target.staging(),
            expression,
        };
        let sql = render("marts/expression_reads.sql", context)?;
        let refusal = target.publisher.refusal_to_read(target.definition, &sql);
        if let Some(detail) = refusal.await? {
            return Err(Error::TestBroken {
                table: target.table.id.to_string(),
                test: declared.name(at),
                detail,
            });
        }
    }

    Ok(())
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
