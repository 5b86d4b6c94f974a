//! The rows that failed a test of a run, as `store_failures` keeps them.

use serde::Serialize;
use uuid::Uuid;

use super::rows::{Rows, named};
use crate::app::App;
use crate::error::{Error, Result};
use crate::sql::{TableName, render};
use crate::state::TestResult;

/// The context of `report/failures.sql`.
#[derive(Serialize)]
struct FailuresContext {
    table: TableName,
    snapshot: i64,
    limit: i64,
}

/// Rows that failed a test.
#[derive(Debug)]
pub struct Failures {
    pub result: TestResult,
    /// The table with the rows.
    pub table: String,
    pub rows: Rows,
}

/// Reads rows that failed a test of a run. `table` says which model the test is of, where several have a test of this name.
///
/// # Errors
///
/// [`Error::NotFound`] where no such test failed, or its rows were not kept. [`Error::Invalid`] if the name is not enough.
pub async fn failures(
    app: &App,
    run: Uuid,
    test: &str,
    table: Option<&str>,
    limit: i64,
) -> Result<Failures> {
    let results = app.store.test_results(run).await?;
    let names: Vec<String> = results.iter().map(|result| result.name.clone()).collect();
    let is_meant = |result: &TestResult| {
        result.name == test && table.is_none_or(|table| result.table == table)
    };
    let mut meant = results.into_iter().filter(is_meant);
    let Some(result) = meant.next() else {
        let names = names.iter().map(String::as_str);
        return Err(Error::not_found("test of the run", test, names));
    };
    if let Some(other) = meant.next() {
        let detail = format!(
            "`{}` and `{}` both have a test `{test}`; add `table={}` to the query",
            result.table, other.table, result.table
        );
        let field = "table".into();
        return Err(Error::Invalid { field, detail });
    }
    let Some(snapshot) = result.failures_snapshot.clone() else {
        return Err(Error::NotFound {
            kind: "table of failing rows of test",
            name: test.into(),
            hint: Some(
                "only tests of models keep failing rows, with `store_failures: true`".into(),
            ),
            field: None,
        });
    };
    let Some(table) = result.failures_table.clone() else {
        return Err(Error::internal("failing rows without a table"));
    };
    let context = FailuresContext {
        table: TableName(table.split('.').map(str::to_owned).collect()),
        snapshot: snapshot.parse().map_err(Error::internal)?,
        limit,
    };
    let sql = render("report/failures.sql", context)?;
    let rows = match app.trino.read("icefront/api", &sql).await {
        Err(Error::Trino(failure)) if failure.class == "USER_ERROR" => {
            return Err(Error::NotFound {
                kind: "table of failing rows of test",
                name: test.into(),
                hint: Some(format!("`{table}` has the rows of this run no more")),
                field: None,
            });
        }
        rows => named(rows?),
    };

    Ok(Failures {
        result,
        table,
        rows,
    })
}
