//! The rows that failed a test of a run, as `store_failures` keeps them.

use serde::Serialize;
use uuid::Uuid;

use super::room::Room;
use super::rows::{SomeRows, some_rows};
use crate::app::App;
use crate::error::{Error, Result};
use crate::sql::{Answer, AnswerColumn, TableName, render};
use crate::state::{TestQuery, TestResult};

/// The context of `report/failures.sql`.
#[derive(Serialize)]
struct FailuresContext<'a> {
    table: &'a TableName,
    snapshot: i64,
    /// The columns that have an order.
    columns: Vec<&'a str>,
    offset: u64,
    limit: usize,
}

/// Which rows that failed a test to read.
#[derive(Debug)]
pub struct FailuresQuery<'a> {
    pub run: Uuid,
    pub test: &'a str,
    /// The table or model that the test is of, where several have a test of this name.
    pub of: Option<&'a str>,
    /// How many rows to leave out.
    pub offset: u64,
    /// The most rows.
    pub limit: usize,
}

/// Reads rows that failed a test of a run, in the order of their columns.
///
/// # Errors
///
/// [`Error::NotFound`] where no such test failed, or its rows were not kept. [`Error::Invalid`] if the name is not enough.
pub async fn failures(app: &App, which: &FailuresQuery<'_>) -> Result<SomeRows> {
    let test = which.test;
    let result = result(app, which).await?;
    let Some(snapshot) = result.failures_snapshot else {
        return Err(Error::NotFound {
            kind: "table of failing rows of test",
            name: test.into(),
            hint: Some(
                "only tests of models keep failing rows, with `store_failures: true`".into(),
            ),
            field: None,
        });
    };
    let Some(table) = result.failures_table else {
        return Err(Error::internal("failing rows without a table"));
    };
    let name = TableName(table.split('.').map(str::to_owned).collect());
    let snapshot = snapshot.parse().map_err(Error::internal)?;
    let room = Room::of(which.limit);
    let read = async |columns: Vec<&str>, limit| {
        let context = FailuresContext {
            table: &name,
            snapshot,
            columns,
            offset: which.offset,
            limit,
        };
        let sql = render("report/failures.sql", context)?;
        match app.trino.read_some("icefront/api", &sql, room.bytes).await {
            Err(Error::Trino(failure)) if failure.class == "USER_ERROR" => Err(Error::NotFound {
                kind: "table of failing rows of test",
                name: test.into(),
                hint: Some(format!("`{table}` has the rows of this run no more")),
                field: None,
            }),
            rows => rows,
        }
    };
    let Answer { columns, .. } = read(Vec::new(), 0).await?;
    let ordered = columns.iter().filter(|column| has_order(column));
    let ordered = ordered.map(|column| column.name.as_str()).collect();

    Ok(some_rows(read(ordered, which.limit).await?, room))
}

/// Whether Trino can sort by a column.
fn has_order(column: &AnswerColumn) -> bool {
    !column.data_type.contains("map(") && !column.data_type.contains("json")
}

/// The result of the test that is meant.
async fn result(app: &App, which: &FailuresQuery<'_>) -> Result<TestResult> {
    let test = which.test;
    let asked = TestQuery {
        name: Some(test.to_owned()),
        of: which.of.map(str::to_owned),
        ..TestQuery::default()
    };
    let mut meant = app.store.test_results(which.run, &asked).await?.into_iter();
    let Some(result) = meant.next() else {
        let all = app
            .store
            .test_results(which.run, &TestQuery::default())
            .await?;
        let names = all.iter().map(|result| result.name.as_str());
        return Err(Error::not_found("test of the run", test, names));
    };
    if let Some(other) = meant.next() {
        let field = if app.pipelines.model(&result.of).is_ok() {
            "model"
        } else {
            "table"
        };
        let detail = format!(
            "`{}` and `{}` both have a test `{test}`; add `{field}={}` to the query",
            result.of, other.of, result.of
        );
        return Err(Error::Invalid {
            field: field.into(),
            detail,
        });
    }

    Ok(result)
}
