//! Forgotten keys, as hashes.

use tokio_postgres::types::Json;
use uuid::Uuid;

use super::Store;
use super::queries::Queries;
use super::rows::from_row;
use super::sql::sql;
use crate::error::Result;
use crate::pipeline::{Column, SourceTable, TableId};

/// Forgotten keys of a source table.
#[derive(Debug, Clone)]
pub struct KeysForgotten {
    pub source_schema: String,
    pub source_table: String,
    /// The columns of the keys when they were forgotten.
    pub key_columns: Vec<Column>,
    pub hashes: Vec<Vec<u8>>,
}

from_row!(KeysForgotten {
    source_schema,
    source_table,
    key_columns: json,
    hashes
});

impl Store {
    /// All forgotten keys of a pipeline, whatever its definition says by now.
    pub async fn forgotten_keys(&self, pipeline: &str) -> Result<Vec<KeysForgotten>> {
        self.rows(sql!(forgotten::forgotten_keys), &[&pipeline])
            .await
    }

    /// Notes keys of a source table as forgotten by a run. Doing it twice changes nothing.
    pub async fn forget_keys(
        &self,
        pipeline: &str,
        SourceTable { schema, name }: &SourceTable,
        key_columns: &[Column],
        run: Uuid,
        hashes: &[&[u8]],
    ) -> Result<()> {
        self.execute(
            sql!(forgotten::forget_keys),
            &[&pipeline, &schema, &name, &Json(key_columns), &run, &hashes],
        )
        .await?;

        Ok(())
    }

    /// Deletes the keys of a table that callers named: from the runs that have ended, from this run, and from runs that wait and name one of
    /// its keys.
    pub async fn forget_keys_of_runs(
        &self,
        TableId { pipeline, name }: &TableId,
        run: Uuid,
    ) -> Result<()> {
        self.execute(sql!(forgotten::forget_keys_of_calls), &[&pipeline, &name])
            .await?;
        self.execute(
            sql!(forgotten::forget_keys_of_runs),
            &[&pipeline, &name, &run],
        )
        .await?;

        Ok(())
    }

    /// Replaces the details of all problems of a pipeline's runs: they may quote values.
    pub async fn forget_details(&self, pipeline: &str, detail: &str) -> Result<()> {
        self.execute(sql!(forgotten::forget_details), &[&pipeline, &detail])
            .await?;

        Ok(())
    }
}
