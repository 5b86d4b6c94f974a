//! Makes the Iceberg tables of one source table where there are none, and brings those that there are up to its columns.

use serde_json::{Value, json};

use super::Target;
use crate::error::{Error, Result};
use crate::pipeline::Column;
use crate::sql::{TableName, render};
use crate::state::TableState;

/// A column as a table has it: name, type, comment.
type Found = (String, String, Option<String>);

/// Makes schemas and tables, adds columns and widens types; what is as it should be is left as it is.
///
/// # Errors
///
/// [`Error::ContractBroken`] where a table has a column of a type that cannot become the one it should have,
/// [`Error::TrinoUnavailable`], [`Error::Trino`], [`Error::StateUnavailable`].
pub async fn ensure(target: Target<'_>, state: &TableState) -> Result<()> {
    let context = target.context();
    for table in [target.staging(), target.current()] {
        let schema = json!({"schema": table.schema()});
        let create = render("landing/create_schema.sql", schema)?;
        target.publisher.run(&table, &create).await?;
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
    evolve(target, &target.staging()).await?;
    // What is not published yet is made anew by its first publication.
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
        let context = json!({"table": table, "column": column});
        let statement = match found.iter().find(|(name, _, _)| *name == column.name) {
            None => "marts/add_column.sql",
            Some((_, data_type, _)) if *data_type == column.data_type => continue,
            Some((_, data_type, _))
                if Column::of_type(&column.name, data_type).widens_to(column) =>
            {
                "marts/widen_column.sql"
            }
            Some((_, data_type, _)) => {
                return Err(Error::ContractBroken {
                    table: target.table.id.to_string(),
                    detail: format!(
                        "column `{}` of `{table}` is {data_type} and should be {}; make the tables anew by `POST /v1/tables/{}/restage`",
                        column.name, column.data_type, target.table.id
                    ),
                });
            }
        };
        target
            .publisher
            .run(table, &render(statement, context)?)
            .await?;
    }

    describe(target, table, &found).await
}

/// Makes descriptions of the contract comments of tables and columns; tables that were made anew have none.
pub async fn describe_anew(target: Target<'_>, table: &TableName) -> Result<()> {
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

async fn describe(target: Target<'_>, table: &TableName, found: &[Found]) -> Result<()> {
    for column in target.columns {
        let Some(description) = &column.description else {
            continue;
        };
        let comment = found
            .iter()
            .find(|(name, _, _)| *name == column.name)
            .and_then(|(_, _, comment)| comment.as_ref());
        if comment != Some(description) {
            let mut name = table.clone();
            name.0.push(column.name.clone());
            let context = json!({"name": name, "description": description});
            let sql = render("marts/comment_column.sql", context)?;
            target.publisher.run(table, &sql).await?;
        }
    }
    let Some(description) = &target.table.description else {
        return Ok(());
    };
    let asked = json!({"catalog": table.0[0], "schema": table.0[1], "table": table.0[2]});
    let rows = target
        .publisher
        .read(&render("marts/table_comment.sql", asked)?)
        .await?;
    if rows.first().and_then(|row| row[0].as_str()) != Some(description) {
        let context = json!({"table": table, "description": description});
        let sql = render("marts/comment_table.sql", context)?;
        target.publisher.run(table, &sql).await?;
    }

    Ok(())
}

async fn columns_of(target: Target<'_>, table: &TableName) -> Result<Vec<Found>> {
    let sql = render(
        "marts/columns.sql",
        json!({
            "columns_of": [&table.0[0], "information_schema", "columns"],
            "schema": table.0[1],
            "table": table.0[2],
        }),
    )?;
    let rows = target.publisher.read(&sql).await?;
    let text = |value: &Value| value.as_str().map(ToOwned::to_owned);

    Ok(rows
        .iter()
        .filter_map(|row| Some((text(&row[0])?, text(&row[1])?, text(&row[2]))))
        .collect())
}
