//! The properties of current rows and history: given to tables that exist, and told of where Trino refuses them.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::Target;
use crate::error::{Error, Result};
use crate::sql::{TableName, render};
use crate::state::Layer;

/// Trino's name for a property that it does not know, or whose value it cannot use.
const INVALID_PROPERTY: &str = "INVALID_TABLE_PROPERTY";
const LOWEST_VERSION: u32 = 2;
const COMMIT_ERROR: &str = "ICEBERG_COMMIT_ERROR";
/// What Trino says if a table had a higher `format_version`.
const LOWER_VERSION: &str = "Cannot downgrade";

/// The context of `marts/set_properties.sql`.
#[derive(Serialize)]
struct PropertiesContext<'a> {
    table: &'a TableName,
    properties: Map<String, Value>,
}

/// Refuses properties with a column that the table does not have.
pub(super) fn check(target: Target<'_>) -> Result<()> {
    let checked = target.table.check_properties(target.columns);

    checked.map_err(|detail| broken(target, detail))
}

/// Gives a table that exists the properties of the definition. Without any, it keeps those that it has.
pub(super) async fn set(target: Target<'_>, layer: Layer) -> Result<()> {
    let properties = &target.table.properties;
    if properties.is_empty() {
        return Ok(());
    }
    let table = target.table_of(layer);
    let context = PropertiesContext {
        table: &table,
        properties: target.properties_of(layer),
    };
    let sql = render("marts/set_properties.sql", context)?;
    match target.publisher.run(&table, &sql).await {
        // Trino says no more, and another writer's commit fails in the same way. That one passes.
        Err(Error::Trino(failure))
            if failure.name == COMMIT_ERROR
                && properties.has_lowest_version()
                && has_higher_version(target, &table).await? =>
        {
            let name = &target.table.id.name;
            Err(broken(
                target,
                format!(
                    "Trino cannot set `tables.{name}.properties` of `{table}`; if its tables have a higher `format_version`, write that one: it can only rise"
                ),
            ))
        }
        set => set.map(drop),
    }
}

/// Whether a table has a higher version of Iceberg's format than the lowest.
async fn has_higher_version(target: Target<'_>, table: &TableName) -> Result<bool> {
    let show = render("marts/show_table.sql", json!({"table": table}))?;
    let rows = target.publisher.read(&show).await?;
    let text = rows.first().and_then(|row| row.first()?.as_str());
    let version = text.and_then(version_in);

    Ok(version.is_some_and(|version| version > LOWEST_VERSION))
}

/// The version in Trino's text of a table.
fn version_in(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("format_version = ")?;
    let end = rest.find(|c: char| !c.is_ascii_digit());

    rest[..end.unwrap_or(rest.len())].parse().ok()
}

/// Says of an error by properties of the definition where they are.
pub(super) fn told(target: Target<'_>, error: Error) -> Error {
    match error {
        Error::Trino(failure)
            if failure.name == INVALID_PROPERTY || failure.message.contains(LOWER_VERSION) =>
        {
            broken(
                target,
                format!(
                    "Trino cannot use `tables.{}.properties`: {}; the tables are as they were. Correct them in `pipeline.yaml`",
                    target.table.id.name, failure.message
                ),
            )
        }
        error => error,
    }
}

fn broken(target: Target<'_>, detail: String) -> Error {
    Error::PipelineBroken {
        pipeline: target.table.id.pipeline.clone(),
        detail,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_a_table_is_read_from_its_statement() {
        let text = "create table t (\n a bigint\n)\nWITH (\n   format = 'PARQUET',\n   format_version = 3,\n   x = 1\n)";
        assert_eq!(version_in(text), Some(3));
        assert_eq!(version_in("format_version = 2"), Some(2));
        assert_eq!(version_in("create table t (a bigint)"), None);
    }
}
