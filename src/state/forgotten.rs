//! Forgotten keys, as hashes.

use uuid::Uuid;

use super::Store;
use super::queries::Queries;
use super::rows::from_row;
use super::sql::sql;
use crate::error::Result;
use crate::pipeline::TableId;

/// The hash of a forgotten key.
#[derive(Debug, Clone)]
pub struct ForgottenKey {
    /// The table's name in its pipeline.
    pub table_name: String,
    pub key_hash: Vec<u8>,
}

from_row!(ForgottenKey {
    table_name,
    key_hash
});

impl Store {
    /// All forgotten keys of a pipeline.
    pub async fn forgotten_keys(&self, pipeline: &str) -> Result<Vec<ForgottenKey>> {
        self.rows(sql!(forgotten::forgotten_keys), &[&pipeline])
            .await
    }

    /// Notes keys of a table as forgotten by a run. Doing it twice changes nothing.
    pub async fn forget_keys(
        &self,
        TableId { pipeline, name }: &TableId,
        run: Uuid,
        hashes: &[&[u8]],
    ) -> Result<()> {
        self.execute(
            sql!(forgotten::forget_keys),
            &[&pipeline, &name, &run, &hashes],
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
