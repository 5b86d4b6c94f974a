//! Declared tests, on the rows that the touched keys are about to have, before anything is published.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Refresh, Scope, Target};
use crate::error::{Error, Result};
use crate::pipeline::{Check, Severity, TableTest};
use crate::sql::render;
use crate::state::TestResult;

/// Runs all declared tests of a table in one statement, and says what each came to; nothing where none is declared.
///
/// # Errors
///
/// [`Error::TestBroken`] where a test's own SQL or column is wrong, [`Error::TrinoUnavailable`], [`Error::Trino`].
pub async fn audit(target: Target<'_>, refresh: &Refresh) -> Result<Vec<TestResult>> {
    let tests = target.table.all_tests();
    if tests.is_empty() || refresh.is_empty() {
        return Ok(Vec::new());
    }
    let mut context = refresh.context(target);
    context["tests"] = tests
        .iter()
        .enumerate()
        .map(|(at, test)| described(target, *test, at))
        .collect::<Result<Value>>()?;
    let rows = target
        .publisher
        .read(&render("marts/test.sql", context)?)
        .await;
    let rows = match rows {
        // Keys are given by hand: one that cannot be read is no fault of a test.
        Err(Error::Trino(failure))
            if failure.class == "USER_ERROR" && !matches!(refresh.scope, Scope::Keys(_)) =>
        {
            return Err(broken(target, &tests, failure.message).await);
        }
        rows => rows?,
    };
    let count = |at: usize| rows.first().and_then(|row| row[at].as_i64()).unwrap_or(0);

    Ok(tests
        .iter()
        .enumerate()
        .map(|(at, declared)| {
            let failures = count(at + 1);
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
                rows: count(0),
                attempt: target.publisher.attempt.number,
                tested_at: Timestamp::now(),
            }
        })
        .collect())
}

/// Refuses to publish where a test of severity `error` failed.
///
/// # Errors
///
/// [`Error::TestFailed`] that names every such test.
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

/// A test as its statement needs it.
fn described(target: Target<'_>, declared: TableTest<'_>, at: usize) -> Result<Value> {
    let lowered = declared.column.map(str::to_lowercase);
    let mut described = json!({
        "check": declared.test.check.as_str(),
        "name": declared.name(at),
        "column": lowered,
    });
    match &declared.test.check {
        Check::NotNull | Check::Unique => {}
        Check::AcceptedValues(values) => described["values"] = json!(values),
        Check::Relationships { to, field } => {
            described["to"] = json!(target.names.current(to));
            described["field"] = json!(field.to_lowercase());
            described["is_own"] = json!(*to == target.table.id.name);
        }
        Check::Expression(sql) => described["expression"] = json!(sql),
    }
    let is_known = |name: &String| target.columns.iter().any(|column| column.name == *name);
    match lowered {
        Some(name) if !is_known(&name) => Err(Error::TestBroken {
            table: target.table.id.to_string(),
            test: declared.name(at),
            detail: format!("the table has no column `{name}`"),
        }),
        _ => Ok(described),
    }
}

/// Finds the test that Trino cannot read.
async fn broken(target: Target<'_>, tests: &[TableTest<'_>], message: String) -> Error {
    for (at, declared) in tests.iter().enumerate() {
        let Check::Expression(sql) = &declared.test.check else {
            continue;
        };
        let asked = json!({"staging": target.staging(), "expression": sql});
        let read = match render("marts/check_expression.sql", asked) {
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
