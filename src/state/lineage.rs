//! Lineage: what is known of a step when the lineage server is told of it.

use std::collections::HashMap;

use jiff::Timestamp;
use tokio_postgres::types::Json;
use uuid::Uuid;

use super::queries::Queries;
use super::rows::{OnlyColumn, from_row};
use super::sql::sql;
use super::{Reading, StepRecord, Store, TestResult};
use crate::error::Result;
use crate::pipeline::{SourceTable, TableId};

/// The events of a source table that a run landed.
#[derive(Debug)]
pub struct ExtractedEvents {
    pub table: SourceTable,
    pub events: i64,
}

struct ExtractedRow {
    schema: String,
    name: String,
    events: i64,
}

from_row!(ExtractedRow {
    schema,
    name,
    events
});

/// A statement that a step sent to Trino.
#[derive(Debug)]
pub struct StepStatement {
    /// The table that it writes.
    pub target: String,
    /// Its id in Trino.
    pub query_id: String,
    /// Whether it made a snapshot.
    pub has_committed: bool,
}

from_row!(StepStatement {
    target,
    query_id,
    has_committed
});

struct SnapshotRow {
    target: String,
    snapshot: String,
}

from_row!(SnapshotRow { target, snapshot });

impl Store {
    /// Reads one attempt of a step.
    pub async fn step_of_attempt(
        &self,
        run: Uuid,
        name: &str,
        attempt: i32,
    ) -> Result<Option<StepRecord>> {
        self.row_opt(sql!(lineage::read_step), &[&run, &name, &attempt])
            .await
    }

    /// Lists the statements that one attempt of a step sent to Trino, in order.
    pub async fn statements_of_step(
        &self,
        run: Uuid,
        step: &str,
        attempt: i32,
    ) -> Result<Vec<StepStatement>> {
        self.rows(sql!(lineage::queries_of_step), &[&run, &step, &attempt])
            .await
    }

    /// Lists what one attempt of a run found by the tests of a table or model.
    pub async fn tests_of_attempt(
        &self,
        run: Uuid,
        attempt: i32,
        of: &TableId,
    ) -> Result<Vec<TestResult>> {
        self.rows(
            sql!(lineage::tests_of_attempt),
            &[&run, &attempt, &of.to_string()],
        )
        .await
    }

    /// What the refresh of a model read in one attempt of a run.
    pub async fn reading_of_attempt(
        &self,
        run: Uuid,
        attempt: i32,
        TableId { pipeline, name }: &TableId,
    ) -> Result<Option<Reading>> {
        let reading: Option<OnlyColumn<Json<Reading>>> = self
            .row_opt(
                sql!(lineage::reading_of_attempt),
                &[&run, &attempt, &pipeline, &name],
            )
            .await?;

        Ok(reading.map(|OnlyColumn(Json(reading))| reading))
    }

    /// Counts the events of each source table that a run landed.
    pub async fn extracted_events(
        &self,
        pipeline: &str,
        run: Uuid,
    ) -> Result<Vec<ExtractedEvents>> {
        let rows: Vec<ExtractedRow> = self
            .rows(sql!(lineage::extracted_events), &[&pipeline, &run])
            .await?;

        Ok(rows
            .into_iter()
            .map(|row| ExtractedEvents {
                table: SourceTable::new(&row.schema, &row.name),
                events: row.events,
            })
            .collect())
    }

    /// The snapshots that some tables had at a time, by table, as far as statements of the pipeline made them.
    pub async fn snapshots_at(
        &self,
        pipeline: &str,
        targets: &[String],
        at: Timestamp,
    ) -> Result<HashMap<String, String>> {
        let rows: Vec<SnapshotRow> = self
            .rows(sql!(lineage::snapshots), &[&pipeline, &targets, &at])
            .await?;

        Ok(rows
            .into_iter()
            .map(|row| (row.target, row.snapshot))
            .collect())
    }

    /// The snapshots that some models had at a time, by their names in the pipeline.
    pub async fn published_at(
        &self,
        pipeline: &str,
        models: &[String],
        at: Timestamp,
    ) -> Result<HashMap<String, String>> {
        let rows: Vec<SnapshotRow> = self
            .rows(sql!(lineage::published), &[&pipeline, &models, &at])
            .await?;

        Ok(rows
            .into_iter()
            .map(|row| (row.target, row.snapshot))
            .collect())
    }
}
