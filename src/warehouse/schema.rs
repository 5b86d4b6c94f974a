//! Creates the missing Iceberg tables of a tracked table, and brings existing ones to its columns.

use serde::{Deserialize, Serialize};

use super::Target;
use super::build::drop_leftover;
use crate::error::{Error, Result};
use crate::landing;
use crate::pipeline::Column;
use crate::sql::{TableName, render};
use crate::state::{Layer, TableState};

/// A column that a table has in Trino: a row of `marts/columns.sql`.
#[derive(Deserialize)]
struct TrinoColumn {
    #[serde(rename = "column_name")]
    name: String,
    data_type: String,
    comment: Option<String>,
}

/// The row of `marts/table_comment.sql`.
#[derive(Deserialize)]
struct CommentRow {
    comment: Option<String>,
}

/// The context of the statements that change a column.
#[derive(Serialize)]
struct ColumnContext<'a> {
    table: &'a TableName,
    column: &'a Column,
}

/// The context of `marts/columns.sql` and `marts/table_comment.sql`.
#[derive(Serialize)]
struct LookupContext<'a> {
    columns_of: [&'a str; 3],
    catalog: &'a str,
    schema: &'a str,
    table: &'a str,
}

/// The context of `marts/comment_column.sql`.
#[derive(Serialize)]
struct ColumnCommentContext<'a> {
    /// The table's name and the column's.
    name: TableName,
    description: &'a str,
}

/// The context of `marts/comment_table.sql`.
#[derive(Serialize)]
struct TableCommentContext<'a> {
    table: &'a TableName,
    description: &'a str,
}

/// Creates schemas and tables, adds columns and widens types. Fails with [`Error::ContractBroken`] if a column's type
/// cannot become the right one.
pub async fn ensure(target: Target<'_>, state: &TableState) -> Result<()> {
    let context = target.context();
    for table in [target.staging(), target.current()] {
        landing::create_schema(target.publisher, &table).await?;
    }
    for (table, template) in [
        (target.staging(), "staging/create.sql"),
        (target.names.rejects(), "staging/create_rejects.sql"),
        (target.current(), "marts/create_current.sql"),
        (target.history(), "marts/create_history.sql"),
    ] {
        let create = render(template, &context)?;
        target.publisher.run(&table, &create).await?;
    }
    for layer in [Layer::Log, Layer::Current, Layer::History] {
        drop_leftover(target, layer).await?;
    }
    evolve(target, &target.staging()).await?;
    // The first publication remakes a mart, so it needs no changes before.
    if state.current_from() > 0 {
        evolve(target, &target.current()).await?;
    }
    if state.history_from() > 0 {
        evolve(target, &target.history()).await?;
    }

    Ok(())
}

async fn evolve(target: Target<'_>, table: &TableName) -> Result<()> {
    let found = columns_of(target, table).await?;
    for column in target.columns {
        let statement = match found.iter().find(|found| found.name == column.name) {
            None => "marts/add_column.sql",
            Some(found) if found.data_type == column.data_type => continue,
            Some(found) if Column::of_type(&found.name, &found.data_type).widens_to(column) => {
                "marts/widen_column.sql"
            }
            Some(found) => {
                return Err(Error::ContractBroken {
                    table: target.table.id.to_string(),
                    detail: format!(
                        "column `{}` of `{table}` is {} and should be {}; remake the tables with `POST /v1/tables/{}/restage`",
                        column.name, found.data_type, column.data_type, target.table.id
                    ),
                });
            }
        };
        let context = ColumnContext { table, column };
        target
            .publisher
            .run(table, &render(statement, context)?)
            .await?;
    }

    describe(target, table, &found).await
}

/// Writes the contract's descriptions as comments of the table and its columns, because a remade table has none.
pub async fn describe_remade(target: Target<'_>, table: &TableName) -> Result<()> {
    let has_descriptions = target.table.description.is_some()
        || target
            .columns
            .iter()
            .any(|column| column.description.is_some());
    if !has_descriptions {
        return Ok(());
    }
    let found = columns_of(target, table).await?;

    describe(target, table, &found).await
}

async fn describe(target: Target<'_>, table: &TableName, found: &[TrinoColumn]) -> Result<()> {
    for column in target.columns {
        let Some(description) = &column.description else {
            continue;
        };
        let comment = found
            .iter()
            .find(|found| found.name == column.name)
            .and_then(|found| found.comment.as_ref());
        if comment != Some(description) {
            let mut name = table.clone();
            name.0.push(column.name.clone());
            let context = ColumnCommentContext { name, description };
            let sql = render("marts/comment_column.sql", context)?;
            target.publisher.run(table, &sql).await?;
        }
    }
    let Some(description) = &target.table.description else {
        return Ok(());
    };
    let rows: Vec<CommentRow> = target
        .publisher
        .rows("marts/table_comment.sql", LookupContext::of(table))
        .await?;
    let comment = rows.first().and_then(|row| row.comment.as_ref());
    if comment != Some(description) {
        let context = TableCommentContext { table, description };
        let sql = render("marts/comment_table.sql", context)?;
        target.publisher.run(table, &sql).await?;
    }

    Ok(())
}

async fn columns_of(target: Target<'_>, table: &TableName) -> Result<Vec<TrinoColumn>> {
    target
        .publisher
        .rows("marts/columns.sql", LookupContext::of(table))
        .await
}

impl<'a> LookupContext<'a> {
    fn of(table: &'a TableName) -> Self {
        let [catalog, schema, table] = [0, 1, 2].map(|part| table.0[part].as_str());

        Self {
            columns_of: [catalog, "information_schema", "columns"],
            catalog,
            schema,
            table,
        }
    }
}
