//! Batches that landed after the backup which this state database was restored from.

use serde::Deserialize;
use uuid::Uuid;

use super::Store;
use super::queries::Queries;
use super::sql::sql;
use crate::error::Result;

/// What a batch of the landing table holds of one source table.
#[derive(Debug, Clone, Deserialize)]
pub struct UnknownEvents {
    pub batch: i64,
    pub source_schema: String,
    pub source_table: String,
    pub events: i64,
    pub truncates: i64,
    /// The highest event id.
    pub last_event: Option<i64>,
    /// The latest time, as Trino writes it.
    pub last_time: Option<String>,
}

impl Store {
    /// The last batch of which this state database surely knows all.
    pub async fn last_sure_batch(&self, pipeline: &str) -> Result<i64> {
        self.value(sql!(adopted::last_sure_batch), &[&pipeline])
            .await
    }

    /// Notes batches as landed, and has every table of the pipeline remade from its typed log, and every model built again.
    pub async fn adopt_batches(
        &self,
        pipeline: &str,
        run: Uuid,
        unknown: &[UnknownEvents],
    ) -> Result<()> {
        let numbers =
            |of: fn(&UnknownEvents) -> i64| -> Vec<i64> { unknown.iter().map(of).collect() };
        let texts =
            |of: fn(&UnknownEvents) -> &str| -> Vec<&str> { unknown.iter().map(of).collect() };
        let last_events: Vec<Option<i64>> = unknown.iter().map(|found| found.last_event).collect();
        let last_times: Vec<Option<&str>> = unknown
            .iter()
            .map(|found| found.last_time.as_deref())
            .collect();
        self.execute(
            sql!(adopted::adopt_batches),
            &[
                &pipeline,
                &run,
                &numbers(|found| found.batch),
                &texts(|found| &found.source_schema),
                &texts(|found| &found.source_table),
                &numbers(|found| found.events),
                &numbers(|found| found.truncates),
                &last_events,
                &last_times,
            ],
        )
        .await?;

        Ok(())
    }
}
