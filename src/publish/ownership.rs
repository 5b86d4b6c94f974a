//! Whose a table is: a run writes only to tables that its pipeline made. Nobody else's table is replaced.

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use super::publisher::Publisher;
use crate::error::{Error, Result};
use crate::sql::{TableName, render};
use crate::state::{StatementEnd, StatementOutcome};

/// The row of `marts/has_columns.sql`.
#[derive(Deserialize)]
struct FoundRow {
    found: i64,
}

impl Publisher<'_> {
    /// Refuses a name that no run of the pipeline wrote to, if something stands there. Trino is asked only before the first
    /// statement about a name: from then on the state database knows it.
    pub(super) async fn refuse_foreign(&self, target: &TableName) -> Result<()> {
        let is_known = self
            .store
            .has_written(self.pipeline, &target.to_string())
            .await?;
        if is_known || !self.is_taken(target).await? {
            return Ok(());
        }

        Err(self.is_foreign(target))
    }

    /// Refuses a name if a table that this pipeline did not make stands there now. The pipeline may have used the name before, such as that
    /// of a build. A table whose first snapshot has expired passes: who made it is not known any more.
    pub async fn refuse_table_of_others(&self, table: &TableName) -> Result<()> {
        if !self.is_taken(table).await? {
            return Ok(());
        }
        let snapshots = self.snapshots(table).await?;
        let is_known = snapshots.is_empty() || snapshots.iter().any(|row| row.parent.is_none());
        let ids: Vec<String> = snapshots
            .into_iter()
            .filter_map(|row| row.query_id)
            .collect();
        if is_known && !self.store.has_sent_any(self.pipeline, &ids).await? {
            return Err(self.is_foreign(table));
        }

        Ok(())
    }

    fn is_foreign(&self, target: &TableName) -> Error {
        Error::PipelineBroken {
            pipeline: self.pipeline.to_owned(),
            detail: format!(
                "`{target}` exists already, and pipeline `{}` did not make it, so it stays as it is; rename or drop it, or choose another name by `schemas` or `trino_name`, for a model by `alias`",
                self.pipeline
            ),
        }
    }

    /// Notes a table as the pipeline's own if it has these columns, which only Icefront gives. A new state database does not know
    /// the tables that the lost one knew.
    pub async fn recognise(&self, table: &TableName, columns: &[&str]) -> Result<()> {
        let name = table.to_string();
        if self.store.has_written(self.pipeline, &name).await? {
            return Ok(());
        }
        let [catalog, schema, table_name] = [0, 1, 2].map(|part| table.0[part].to_lowercase());
        let context = json!({
            "columns_of": [catalog, "information_schema", "columns"],
            "schema": schema,
            "table": table_name,
            "columns": columns,
        });
        let row: FoundRow = self.row("marts/has_columns.sql", &context).await?;
        if usize::try_from(row.found) != Ok(columns.len()) {
            return Ok(());
        }
        tracing::info!(%table, "a table of an earlier state database is recognised by its columns");
        let proof = render("marts/has_columns.sql", &context)?;
        let id = self.note_statement(table, &proof).await?;

        self.store
            .finish_statement(id, StatementOutcome::Succeeded, &StatementEnd::default())
            .await
    }

    /// Whether a table or view of this name is there.
    async fn is_taken(&self, table: &TableName) -> Result<bool> {
        let [catalog, schema, name] = [0, 1, 2].map(|part| table.0[part].to_lowercase());
        let context = json!({
            "tables_of": [catalog, "information_schema", "tables"],
            "schema": schema,
            "table": name,
        });
        let found: Vec<IgnoredAny> = self.rows("marts/kind.sql", context).await?;

        Ok(!found.is_empty())
    }
}
