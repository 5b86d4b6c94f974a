//! The tables that a query would read, as Trino plans it.

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
        let tables = self.tables_read(sql).await?;
        let foreign = tables
            .iter()
            .find(|table| !allowed.reads(&table.0[0], &table.0[1]));

        Ok(foreign.map(|table| definition.refusal_of(&format!("{}.{}", table.0[0], table.0[1]))))
    }
}
