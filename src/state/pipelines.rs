//! Pipelines: paused or not, and how far their schedules are kept.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use super::Store;
use super::queries::Queries;
use super::rows::from_row;
use super::sql::sql;
use crate::error::Result;

/// What is known of a pipeline beside its definition.
#[derive(Debug, Clone, Default)]
pub struct PipelineState {
    /// Whether nothing starts runs of it but calls of the API.
    pub is_paused: bool,
    /// The schedule that is kept, as it is written.
    pub schedule: Option<String>,
    /// The schedule's times up to here have had their run.
    pub scheduled_until: Option<Timestamp>,
}

from_row!(PipelineState {
    is_paused,
    schedule,
    scheduled_until,
});

struct NamedPipeline {
    name: String,
    state: PipelineState,
}

from_row!(NamedPipeline { name, state: row });

impl Store {
    /// What is remembered of all pipelines, by name.
    pub async fn pipelines(&self) -> Result<HashMap<String, PipelineState>> {
        let rows: Vec<NamedPipeline> = self.rows(sql!(pipelines::list_pipelines), &[]).await?;

        Ok(rows.into_iter().map(|row| (row.name, row.state)).collect())
    }

    /// What is remembered of a pipeline; the default before anything was.
    pub async fn pipeline(&self, name: &str) -> Result<PipelineState> {
        let state: Option<PipelineState> = self
            .row_opt(sql!(pipelines::read_pipeline), &[&name])
            .await?;

        Ok(state.unwrap_or_default())
    }

    /// Notes whether nothing starts runs of a pipeline but calls of the API. A schedule's times before this do not count any more.
    pub async fn pause_pipeline(&self, name: &str, is_paused: bool) -> Result<()> {
        let mut connection = self.connection().await?;
        let transaction = connection.begin().await?;
        // A run that is being accepted is accepted before the pause.
        transaction
            .query(sql!(accept::accept_lock), &[&name])
            .await?;
        transaction
            .execute(sql!(pipelines::pause_pipeline), &[&name, &is_paused])
            .await?;

        transaction.commit().await
    }

    /// Notes a schedule, whose times count from now on if it is another one than before.
    pub async fn begin_schedule(&self, name: &str, schedule: &str) -> Result<()> {
        self.execute(sql!(pipelines::begin_schedule), &[&name, &schedule])
            .await?;

        Ok(())
    }

    /// Notes that the schedule's times up to now, and `due`, have had their run, unless another service did so since `until` was read.
    pub async fn keep_schedule(&self, name: &str, until: Timestamp, due: Timestamp) -> Result<()> {
        self.execute(sql!(pipelines::keep_schedule), &[&name, &until, &due])
            .await?;

        Ok(())
    }

    /// The time in which nine of ten of the last 20 successful builds ended; `None` without one.
    pub async fn usual_duration(&self, pipeline: &str) -> Result<Option<Duration>> {
        let seconds: Option<f64> = self
            .value(sql!(pipelines::usual_duration), &[&pipeline])
            .await?;

        Ok(seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()))
    }
}
