//! The properties of current rows and history: given to tables that exist, and told of where Trino refuses them.

use serde::Serialize;
use serde_json::{Map, Value};

use super::Target;
use crate::error::{Error, Result};
use crate::sql::{TableName, render};
use crate::state::Layer;

/// Trino's name for a property that it does not know, or whose value it cannot use.
const INVALID_PROPERTY: &str = "INVALID_TABLE_PROPERTY";
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
        // Trino does not say more.
        Err(Error::Trino(failure))
            if failure.name == COMMIT_ERROR && properties.has_lowest_version() =>
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
