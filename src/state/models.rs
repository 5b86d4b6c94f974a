//! SQL models: what their tables were made by, what they hold, and what they read.

use std::collections::{HashMap, HashSet};

use serde_json::Value;
use tokio_postgres::types::Json;

use super::Store;
use super::queries::Queries;
use super::refreshes::{ModelColumn, Reading, Refreshed};
use super::rows::from_row;
use super::sql::sql;
use crate::error::Result;
use crate::pipeline::TableId;

/// What is known of a model's table.
#[derive(Debug, Clone, Default)]
pub struct ModelState {
    /// The definition that it was made by; `None` before the first refresh.
    pub made_of: Option<Value>,
    pub columns: Vec<ModelColumn>,
    /// What the last refresh read.
    pub reading: Option<Reading>,
    /// A refresh whose statement was about to be sent, and whose end is not known.
    pub sent: Option<Refreshed>,
    /// The table's snapshot after the last refresh that changed it.
    pub snapshot: Option<String>,
    /// The snapshot from which the table of changes leads to `snapshot`.
    pub changes_since: Option<String>,
    pub rows: Option<i64>,
    /// The last batch up to which everything is in it; `None` if it reads nothing of the pipeline.
    pub covered_batch: Option<i64>,
    /// Whether runs leave it out.
    pub is_suspended: bool,
}

struct ModelRow {
    made_of: Option<Value>,
    columns: Vec<ModelColumn>,
    reading: Option<Json<Reading>>,
    sent: Option<Json<Refreshed>>,
    snapshot: Option<String>,
    changes_since: Option<String>,
    rows: Option<i64>,
    covered_batch: Option<i64>,
    is_suspended: bool,
}

from_row!(ModelRow {
    made_of,
    columns: json,
    reading,
    sent,
    snapshot,
    changes_since,
    rows,
    covered_batch,
    is_suspended,
});

struct NamedModel {
    pipeline: String,
    name: String,
    state: ModelRow,
}

from_row!(NamedModel {
    pipeline,
    name,
    state: row
});

struct ModelName {
    pipeline: String,
    name: String,
}

from_row!(ModelName { pipeline, name });

impl Store {
    /// Reads what is known of a model; nothing before its first refresh.
    pub async fn model(&self, TableId { pipeline, name }: &TableId) -> Result<ModelState> {
        let row: Option<ModelRow> = self
            .row_opt(sql!(models::read_model), &[&pipeline, &name])
            .await?;

        Ok(row.map(ModelState::from).unwrap_or_default())
    }

    /// Reads what is known of some models.
    pub async fn models(&self, models: &[&TableId]) -> Result<HashMap<TableId, ModelState>> {
        let (pipelines, names) = TableId::columns(models);
        let rows: Vec<NamedModel> = self
            .rows(sql!(models::read_models), &[&pipelines, &names])
            .await?;

        Ok(rows
            .into_iter()
            .map(|row| (TableId::new(&row.pipeline, &row.name), row.state.into()))
            .collect())
    }

    /// The models that runs leave out.
    pub async fn suspended_models(&self) -> Result<HashSet<TableId>> {
        let rows: Vec<ModelName> = self.rows(sql!(models::suspended_models), &[]).await?;

        Ok(rows
            .into_iter()
            .map(|row| TableId::new(&row.pipeline, &row.name))
            .collect())
    }

    /// Notes what a refresh is about to publish, before its statement is sent.
    pub async fn begin_refresh(
        &self,
        TableId { pipeline, name }: &TableId,
        refreshed: &Refreshed,
    ) -> Result<()> {
        self.execute(
            sql!(models::begin_refresh),
            &[&pipeline, &name, &Json(refreshed)],
        )
        .await?;

        Ok(())
    }

    /// Notes that the table of changes is about to be written: until the refresh is recorded, it leads nowhere.
    pub async fn forget_changes(&self, TableId { pipeline, name }: &TableId) -> Result<()> {
        self.execute(sql!(models::forget_changes), &[&pipeline, &name])
            .await?;

        Ok(())
    }

    /// Notes that nobody knows what a model's table holds, so that the next refresh builds it again.
    pub async fn forget_reading(&self, TableId { pipeline, name }: &TableId) -> Result<()> {
        self.execute(sql!(models::forget_reading), &[&pipeline, &name])
            .await?;

        Ok(())
    }

    /// Notes that what was about to be published was not.
    pub async fn forget_sent(&self, TableId { pipeline, name }: &TableId) -> Result<()> {
        self.execute(sql!(models::forget_sent), &[&pipeline, &name])
            .await?;

        Ok(())
    }

    /// Notes whether runs leave a model out.
    pub async fn suspend_model(
        &self,
        TableId { pipeline, name }: &TableId,
        is_suspended: bool,
    ) -> Result<()> {
        self.execute(
            sql!(models::suspend_model),
            &[&pipeline, &name, &is_suspended],
        )
        .await?;

        Ok(())
    }
}

impl From<ModelRow> for ModelState {
    fn from(row: ModelRow) -> Self {
        Self {
            made_of: row.made_of,
            columns: row.columns,
            reading: row.reading.map(|Json(reading)| reading),
            sent: row.sent.map(|Json(sent)| sent),
            snapshot: row.snapshot,
            changes_since: row.changes_since,
            rows: row.rows,
            covered_batch: row.covered_batch,
            is_suspended: row.is_suspended,
        }
    }
}
