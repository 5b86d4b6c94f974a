//! Unit tests: a model over given rows, computed by Trino without a table.

use std::collections::{BTreeMap, BTreeSet};

use icefront_project::{Rows, UnitTest};
use icefront_scopes::{Catalog, Column, Query, Relation, RelationKind};
use serde::Serialize;
use serde_json::Value;

use super::analysis::{columns_of, kept};
use super::given::GivenRows;
use super::inputs::Inputs;
use super::refresh::{Refreshing, moment};
use crate::error::{Class, Error, Result};
use crate::pipeline::{Definition, Names};
use crate::sql::{Answer, TableName, render};
use crate::state::{ModelColumn, Status};

/// A unit test shows so many rows that differ.
const MOST_SHOWN: usize = 20;

/// A row that differs.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct RowDifference {
    /// How it differs.
    pub difference: Difference,
    /// The row: its values by column.
    pub row: BTreeMap<String, Value>,
}

/// How a row differs from the expected ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RowDifferenceKind)]
pub enum Difference {
    /// It is expected and not there.
    Missing,
    /// It is there and not expected.
    Unexpected,
}

/// What a unit test found.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "name": "returned_orders_are_left_out", "model": "shop.daily_revenue", "status": "error",
    "differences": [{"difference": "missing", "row": {"ordered_on": "2026-01-01", "orders": 2}}], "detail": null,
}))]
pub struct UnitTestResult {
    /// The test's name.
    pub name: String,
    /// The model's name in the API.
    pub model: String,
    /// `pass` or `error`.
    pub status: Status,
    /// Rows that differ, 20 at most.
    pub differences: Vec<RowDifference>,
    /// Why it could not be computed.
    pub detail: Option<String>,
}

/// The context of `models/unit_test.sql`.
#[derive(Serialize)]
struct UnitTestContext<'a> {
    columns: &'a [ModelColumn],
    sql: &'a str,
    expected: &'a str,
    most: usize,
}

/// The context of `models/given_query.sql`.
#[derive(Serialize)]
struct GivenQueryContext<'a> {
    columns: &'a [ModelColumn],
    sql: &'a str,
}

/// The context of `models/columns_given.sql`.
#[derive(Serialize)]
struct ColumnsContext<'a> {
    sql: &'a str,
}

/// Why a unit test has no result: a sentence for its author, or a fault.
enum Unable {
    Says(String),
    Failed(Error),
}

impl From<Error> for Unable {
    /// What Trino refuses is the author's.
    fn from(error: Error) -> Self {
        let is_fault = error.class() == Class::Fault;
        match error {
            Error::Trino(failure) if is_fault => Self::Says(failure.message.clone()),
            error => Self::Failed(error),
        }
    }
}

/// Computes a model over given rows, and compares the result with the expected rows. Only the expected columns count.
pub async fn unit_test(model: Refreshing<'_>, test: &UnitTest) -> Result<UnitTestResult> {
    let mut result = UnitTestResult {
        name: test.name.clone(),
        model: format!("{}.{}", model.definition.name, test.model),
        status: Status::Error,
        differences: Vec::new(),
        detail: None,
    };
    match differences(model, test).await {
        Ok(differences) => {
            if differences.is_empty() {
                result.status = Status::Pass;
            }
            result.differences = differences;
        }
        Err(Unable::Says(message)) => result.detail = Some(message),
        Err(Unable::Failed(error)) => return Err(error),
    }

    Ok(result)
}

async fn differences(model: Refreshing<'_>, test: &UnitTest) -> Result<Vec<RowDifference>, Unable> {
    let sql = over_given_rows(model, test).await?;
    let definition = model.definition;
    if let Some(refusal) = model.publisher.refusal_to_read(definition, &sql).await? {
        return Err(Unable::Says(refusal));
    }
    let answer = ask(
        model,
        "models/columns_given.sql",
        ColumnsContext { sql: &sql },
    )
    .await?;
    let actual: Vec<ModelColumn> = answer
        .columns
        .into_iter()
        .map(|column| ModelColumn {
            name: column.name,
            data_type: column.data_type,
        })
        .collect();
    let columns = match &test.expected {
        Rows::Listed(rows) if !rows.is_empty() => listed_columns(rows, &actual)?,
        _ => actual,
    };
    let expected = text_of(&test.expected, &columns)?;
    if let Rows::Sql(sql) = &test.expected
        && let Some(refusal) = model.publisher.refusal_to_read(definition, sql).await?
    {
        return Err(Unable::Says(refusal));
    }
    let context = UnitTestContext {
        columns: &columns,
        sql: &sql,
        expected: &expected,
        most: MOST_SHOWN,
    };
    let mut answer = ask(model, "models/unit_test.sql", context).await?;
    answer
        .rows
        .sort_by_cached_key(|row| Value::from(row.clone()).to_string());
    let names: Vec<String> = answer
        .columns
        .into_iter()
        .map(|column| column.name)
        .collect();

    Ok(answer
        .rows
        .into_iter()
        .map(|row| {
            let mut row: BTreeMap<String, Value> = names.iter().cloned().zip(row).collect();
            let is_missing = row.remove("difference") == Some("missing".into());

            RowDifference {
                difference: if is_missing {
                    Difference::Missing
                } else {
                    Difference::Unexpected
                },
                row,
            }
        })
        .collect())
}

async fn ask(model: Refreshing<'_>, statement: &str, context: impl Serialize) -> Result<Answer> {
    let sql = render(statement, context)?;

    model.publisher.trino.read("icefront/unit_test", &sql).await
}

/// The model's query with the given rows in the place of its tables.
async fn over_given_rows(model: Refreshing<'_>, test: &UnitTest) -> Result<String, Unable> {
    let read = Inputs::read_directly(model.definition, model.names, model.model);
    let names: Vec<&TableName> = read.iter().collect();
    let known = columns_of(&names, model.publisher).await?;
    let mut relations = Vec::new();
    let mut texts = Vec::new();
    for (table, known) in read.iter().zip(known) {
        let given = test.given.iter().find(|given| {
            let relation = &given.relation;
            *table == TableName::new(&relation.catalog, &relation.schema, &relation.table)
        });
        let Some(given) = given else {
            return Err(Unable::Says(format!(
                "`{table}` is not given; add it to `given`, with `rows: []` if it is empty"
            )));
        };
        let columns = match &given.rows {
            Rows::Listed(rows) if known.is_empty() => {
                expected_columns(model.definition, table, rows)
            }
            _ => kept(&known),
        };
        if let Rows::Listed(rows) = &given.rows {
            listed_columns(rows, &columns)
                .map_err(|fault| Unable::Says(format!("`{}`: {fault}", given.input)))?;
        }
        texts.push(text_of(&given.rows, &columns)?);
        relations.push(Relation {
            name: table.0.clone(),
            columns: columns
                .iter()
                .map(|column| Column {
                    name: column.name.clone(),
                    data_type: column.data_type.clone(),
                })
                .collect(),
            kind: RelationKind::Table,
        });
    }
    let session = &model.model.relation;
    let catalog = Catalog::new(&session.catalog, &session.schema, relations);
    let now = moment(model.as_of)?;
    // Overrides make another query.
    let sql = test.sql.as_ref().unwrap_or(&model.model.sql);

    Ok(match Query::read(sql, &catalog) {
        Ok(query) => query.at(&|input| texts[input].clone(), &now),
        // Trino may know more. Then each name must have an alias in the query.
        Err(_) => read
            .iter()
            .zip(&texts)
            .fold(sql.clone(), |sql, (table, text)| {
                let name = icefront_project::Relation::new(&table.0[0], &table.0[1], &table.0[2]);
                sql.replace(&name.to_string(), text)
            }),
    })
}

/// The columns that rows name.
fn listed_columns(
    rows: &[BTreeMap<String, Option<String>>],
    known: &[ModelColumn],
) -> Result<Vec<ModelColumn>, String> {
    let names: BTreeSet<&String> = rows.iter().flat_map(BTreeMap::keys).collect();
    if let Some(unknown) = names
        .iter()
        .find(|name| !known.iter().any(|column| column.name == ***name))
    {
        let near =
            crate::error::did_you_mean(unknown, known.iter().map(|column| column.name.as_str()));
        return Err(format!("there is no column `{unknown}`{near}"));
    }

    Ok(known
        .iter()
        .filter(|column| names.contains(&column.name))
        .cloned()
        .collect())
}

impl From<String> for Unable {
    fn from(message: String) -> Self {
        Self::Says(message)
    }
}

/// The columns of a table that does not exist yet: those of the given rows, in the types that its YAML declares. Others are texts.
fn expected_columns(
    definition: &Definition,
    table: &TableName,
    rows: &[BTreeMap<String, Option<String>>],
) -> Vec<ModelColumn> {
    let names: BTreeSet<&String> = rows.iter().flat_map(BTreeMap::keys).collect();
    let mut models = definition.models.models.iter();
    let declared = models
        .find(|model| Names::model(model) == *table)
        .map(|model| model.properties.columns.as_slice())
        .unwrap_or_default();

    names
        .into_iter()
        .map(|name| {
            let declared = declared
                .iter()
                .find(|column| column.name.eq_ignore_ascii_case(name));
            let data_type = declared.and_then(|column| column.data_type.clone());
            ModelColumn {
                name: name.clone(),
                data_type: data_type.unwrap_or_else(|| "varchar".into()),
            }
        })
        .collect()
}

/// Rows as they stand in FROM, in all of these columns.
fn text_of(rows: &Rows, columns: &[ModelColumn]) -> Result<String> {
    match rows {
        Rows::Sql(sql) => render("models/given_query.sql", GivenQueryContext { columns, sql }),
        Rows::Listed(rows) => {
            let rows = rows.iter().map(|row| {
                let value = |column: &ModelColumn| row.get(&column.name).cloned().flatten();
                columns.iter().map(value).collect()
            });
            GivenRows {
                columns,
                rows: rows.collect(),
            }
            .text()
        }
    }
}
