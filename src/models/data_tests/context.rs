//! Tests of a model as the statements see them, declared and singular ones alike.

use icefront_project::{Check, DataTest, Severity, TESTED_ROWS};
use serde::Serialize;

use crate::error::Result;
use crate::models::changed_rows::Named;
use crate::models::refresh::Refresh;
use crate::sql::TableName;
use crate::state::ModelColumn;

/// A test, with what follows from its failing rows.
pub(super) struct ModelTest<'a> {
    pub(super) name: &'a str,
    pub(super) column: Option<&'a str>,
    pub(super) severity: Severity,
    /// Whether the failing rows are kept in a table.
    pub(super) keeps_failures: bool,
    pub(super) context: TestContext<'a>,
}

#[derive(Serialize)]
pub(super) struct TestContext<'a> {
    column: Option<&'a str>,
    filter: Option<&'a str>,
    /// Whether rows that did not change need no test: each failed row would have stopped the refresh that brought it.
    reads_new_rows: bool,
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
        field: &'a str,
    },
    UniqueCombination {
        columns: Vec<Named<'a>>,
    },
    Expression {
        expression: &'a str,
    },
    AcceptedRange {
        least: Option<&'a str>,
        most: Option<&'a str>,
        is_inclusive: bool,
    },
    Recency {
        field: &'a str,
        part: &'a str,
        interval: i64,
    },
    NotNullProportion {
        least: String,
        most: String,
    },
    EqualRowcount {
        to: TableName,
    },
    /// A query whose rows are failures; the token stands for the tested rows.
    Query {
        sql: &'a str,
        token: &'static str,
    },
    /// A query whose rows are failures.
    Singular {
        sql: String,
    },
}

impl<'a> Refresh<'a> {
    /// The model's tests. `all_rows` are those that it is about to have, as they stand in FROM, with these columns.
    pub(super) async fn tests(
        &self,
        all_rows: &str,
        columns: &[ModelColumn],
    ) -> Result<Vec<ModelTest<'a>>> {
        let mut tests: Vec<ModelTest<'a>> = self.model.model.tests.iter().map(declared).collect();
        for test in self.singular_tests() {
            let sql = self.over_new_rows(test, all_rows, columns).await?;
            tests.push(ModelTest {
                name: &test.name,
                column: None,
                severity: test.severity,
                keeps_failures: test.store_failures,
                context: TestContext {
                    column: None,
                    filter: None,
                    reads_new_rows: false,
                    check: CheckContext::Singular { sql },
                },
            });
        }

        Ok(tests)
    }
}

fn declared(test: &DataTest) -> ModelTest<'_> {
    let table =
        |to: &icefront_project::Relation| TableName::new(&to.catalog, &to.schema, &to.table);
    let check = match &test.check {
        Check::NotNull => CheckContext::NotNull,
        Check::Unique => CheckContext::Unique,
        Check::AcceptedValues(values) => CheckContext::AcceptedValues { values },
        Check::Relationships { to, field } => CheckContext::Relationships {
            to: table(to),
            field,
        },
        Check::UniqueCombination(columns) => CheckContext::UniqueCombination {
            columns: columns.iter().map(|name| Named { name }).collect(),
        },
        Check::Expression(expression) => CheckContext::Expression { expression },
        Check::AcceptedRange {
            least,
            most,
            is_inclusive,
        } => CheckContext::AcceptedRange {
            least: least.as_deref(),
            most: most.as_deref(),
            is_inclusive: *is_inclusive,
        },
        Check::Recency {
            field,
            part,
            interval,
        } => CheckContext::Recency {
            field,
            part,
            interval: *interval,
        },
        Check::NotNullProportion { least, most } => CheckContext::NotNullProportion {
            least: least.to_string(),
            most: most.to_string(),
        },
        Check::EqualRowcount { to } => CheckContext::EqualRowcount { to: table(to) },
        Check::Query(sql) => CheckContext::Query {
            sql,
            token: TESTED_ROWS,
        },
    };

    ModelTest {
        name: &test.name,
        column: test.column.as_deref(),
        severity: test.severity,
        keeps_failures: test.store_failures,
        context: TestContext {
            column: test.column.as_deref(),
            filter: test.filter.as_deref(),
            reads_new_rows: test.stops_at_any_row() && !matches!(test.check, Check::Query(_)),
            check,
        },
    }
}
