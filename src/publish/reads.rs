//! The tables that a query would read, and why a query of a pipeline may not read them.

use icefront_scopes::tables_named;
use serde::Deserialize;
use serde_json::json;

use super::publisher::Publisher;
use crate::error::{Error, Result};
use crate::pipeline::Definition;
use crate::sql::{TableName, render};

/// The answer of `models/tables_read.sql`, as far as it is needed.
#[derive(Deserialize)]
struct Plan {
    #[serde(rename = "inputTableColumnInfos")]
    tables: Vec<TableInPlan>,
}

#[derive(Deserialize)]
struct TableInPlan {
    table: PlacedTable,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlacedTable {
    catalog: String,
    schema_table: SchemaTable,
}

#[derive(Deserialize)]
struct SchemaTable {
    schema: String,
    table: String,
}

impl PlacedTable {
    fn name(&self) -> TableName {
        TableName::new(
            &self.catalog,
            &self.schema_table.schema,
            &self.schema_table.table,
        )
    }
}

impl Publisher<'_> {
    /// The tables that a query would read. Of a view, those behind it. Nothing is read.
    pub async fn tables_read(&self, sql: &str) -> Result<Vec<TableName>> {
        let explain = render("models/tables_read.sql", json!({"sql": sql}))?;
        let answer = self.read(&explain).await?;
        let text = answer.first().and_then(|row| row.first()?.as_str());
        let plan: Plan = serde_json::from_str(text.unwrap_or_default()).map_err(Error::internal)?;

        Ok(plan.tables.iter().map(|read| read.table.name()).collect())
    }

    /// Why a query of a pipeline's author may not run: it would read a schema that the settings do not allow. Trino is asked only
    /// for pipelines whose schemas are listed.
    pub async fn refusal_to_read(
        &self,
        definition: &Definition,
        sql: &str,
    ) -> Result<Option<String>> {
        let allowed = &definition.allowed;
        if !allowed.limits_schemas() {
            return Ok(None);
        }
        // Trino leaves out of a plan what a condition excludes at that moment.
        let named = match tables_named(sql) {
            Ok(named) => named,
            Err(reason) => {
                return Ok(Some(format!(
                    "the settings limit the schemas of this pipeline, and Icefront cannot tell which this SQL reads: {reason}; simplify the SQL"
                )));
            }
        };
        let own = self.trino.catalog();
        let named = named.into_iter().map(|mut parts| {
            if parts.len() == 2 {
                parts.insert(0, own.to_owned());
            }
            TableName(parts)
        });
        let foreign = |tables: Vec<TableName>| {
            tables
                .iter()
                .find(|table| !allowed.reads(&table.0[0], &table.0[1]))
                .map(|table| definition.refusal_of(&format!("{}.{}", table.0[0], table.0[1])))
        };
        if let Some(refusal) = foreign(named.collect()) {
            return Ok(Some(refusal));
        }
        // The tables behind views.
        let read = self.tables_read(sql).await?;

        Ok(foreign(read))
    }
}
