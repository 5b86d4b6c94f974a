//! Statements that write: noted before Trino hears of them, so that a lost statement can be resolved.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use super::queries::Queries;
use super::rows::{from_row, text_column};
use super::sql::sql;
use super::{AttemptId, Store};
use crate::error::{Error, Result};

/// Where a statement is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StatementState {
    /// Noted, not sent.
    Prepared,
    /// Sent, and not known to have ended.
    Sent,
    Succeeded,
    Failed,
    /// It was lost, and it certainly committed nothing.
    Superseded,
}

text_column!(StatementState {
    Prepared = "prepared",
    Sent = "sent",
    Succeeded = "succeeded",
    Failed = "failed",
    Superseded = "superseded",
});

/// A statement of a run.
#[derive(Debug, Clone)]
pub struct StatementRecord {
    pub step: String,
    /// The attempt of the run that sent it.
    pub attempt: i32,
    /// The table that it writes.
    pub target: String,
    pub state: StatementState,
    pub trino_query_id: Option<String>,
    /// The rows that it acted on.
    pub update_count: Option<i64>,
    /// The table's snapshot that it changed.
    pub snapshot_before: Option<String>,
    /// The snapshot that it made.
    pub snapshot_after: Option<String>,
    /// When it was noted.
    pub started_at: Timestamp,
    /// When its end was noted.
    pub finished_at: Option<Timestamp>,
    /// What it cost, by Trino's count.
    pub progress: Option<Value>,
}

from_row!(StatementRecord {
    step,
    attempt,
    target,
    state,
    trino_query_id,
    update_count,
    snapshot_before,
    snapshot_after,
    started_at,
    finished_at,
    progress,
});

/// The SQL of a statement.
#[derive(Debug, Clone)]
pub struct StatementSql {
    pub id: i64,
    /// The attempt of the run that sent it.
    pub attempt: i32,
    /// The table that it writes.
    pub target: String,
    pub trino_query_id: Option<String>,
    pub sql: String,
    found: i64,
}

from_row!(StatementSql {
    id,
    attempt,
    target,
    trino_query_id,
    sql,
    found,
});

/// Which statements of a step to list by their SQL.
#[derive(Debug)]
pub struct SqlQuery<'a> {
    pub run: Uuid,
    pub step: &'a str,
    /// Only statements behind the one with this id.
    pub after: Option<i64>,
    /// The most statements.
    pub limit: i64,
    /// About the most bytes of SQL.
    pub bytes: i64,
}

/// Statements of a step, by their SQL.
#[derive(Debug)]
pub struct StepSql {
    pub statements: Vec<StatementSql>,
    /// Whether there are more, although there are fewer than were asked for.
    pub is_cut: bool,
}

/// A lost statement: it was sent, and the service saw no end of it.
#[derive(Debug, Clone)]
pub struct LostStatement {
    pub id: i64,
    /// Whether its run publishes batches. Other runs repair what was published.
    pub publishes: bool,
    /// Whether it changes no rows.
    pub is_maintenance: bool,
    pub trino_query_id: String,
    /// Its address in Trino, to cancel it even before Trino lists it.
    pub address: Option<String>,
}

from_row!(LostStatement {
    id,
    publishes,
    is_maintenance,
    trino_query_id,
    address
});

/// A statement of a run that was sent and whose end is not noted.
#[derive(Debug, Clone)]
pub struct SentStatement {
    pub step: String,
    /// The table that it writes.
    pub target: String,
    pub trino_query_id: String,
    /// Its address in Trino, to cancel it.
    pub address: Option<String>,
}

from_row!(SentStatement {
    step,
    target,
    trino_query_id,
    address
});

/// How a statement ended.
#[derive(Debug, Clone, Default)]
pub struct StatementEnd {
    /// The rows that it acted on.
    pub update_count: Option<i64>,
    /// The table's snapshot that it changed.
    pub snapshot_before: Option<String>,
    /// The snapshot that it made.
    pub snapshot_after: Option<String>,
    /// What it cost, by Trino's count.
    pub progress: Option<Value>,
}

/// A statement that succeeded.
#[derive(Debug)]
pub struct EndedStatement {
    pub id: i64,
    pub end: StatementEnd,
}

/// What is noted at a statement's end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatementOutcome {
    Succeeded,
    Failed,
    /// It was lost, and it certainly committed nothing.
    Superseded,
}

text_column!(StatementOutcome {
    Succeeded = "succeeded",
    Failed = "failed",
    Superseded = "superseded",
});

/// A statement that is about to be sent.
#[derive(Debug, Clone, Copy)]
pub struct NewStatement<'a> {
    pub attempt: AttemptId,
    pub pipeline: &'a str,
    pub step: &'a str,
    /// The table that it writes.
    pub target: &'a str,
    pub sql: &'a str,
}

impl Store {
    /// Notes a statement before it is sent, and gives its number.
    pub async fn prepare_statement(
        &self,
        NewStatement {
            attempt,
            pipeline,
            step,
            target,
            sql,
        }: NewStatement<'_>,
    ) -> Result<i64> {
        self.value(
            sql!(statements::prepare_statement),
            &[
                &attempt.run,
                &pipeline,
                &step,
                &attempt.number,
                &target,
                &sql,
            ],
        )
        .await
    }

    /// Notes a statement's id and address in Trino. The statement does not run before this.
    ///
    /// # Errors
    ///
    /// [`Error::StateUnavailable`], [`Error::Interrupted`] where another service has the run by now.
    pub async fn mark_statement_sent(&self, id: i64, query_id: &str, address: &str) -> Result<()> {
        let noted = self
            .execute(
                sql!(statements::mark_statement_sent),
                &[&id, &query_id, &address],
            )
            .await?;
        // The statement then never runs: Trino drops statements that are not polled.
        if noted == 0 {
            return Err(Error::Interrupted);
        }

        Ok(())
    }

    pub async fn record_statement_progress(&self, id: i64, progress: &Value) -> Result<()> {
        self.execute(
            sql!(statements::record_statement_progress),
            &[&id, progress],
        )
        .await?;

        Ok(())
    }

    pub async fn finish_statement(
        &self,
        id: i64,
        outcome: StatementOutcome,
        end: &StatementEnd,
    ) -> Result<()> {
        end.record(self, id, outcome).await
    }

    /// Lists the lost statements of a pipeline that write to a table, without those of the current attempt.
    pub async fn lost_statements(
        &self,
        pipeline: &str,
        target: &str,
        own: AttemptId,
    ) -> Result<Vec<LostStatement>> {
        self.rows(
            sql!(statements::lost_statements),
            &[&pipeline, &target, &own.run, &own.number],
        )
        .await
    }

    /// Lists the statements of a run, or of one step of it, that were sent and whose end is not noted.
    pub async fn sent_statements(
        &self,
        run: Uuid,
        step: Option<&str>,
    ) -> Result<Vec<SentStatement>> {
        self.rows(sql!(statements::sent_statements), &[&run, &step])
            .await
    }

    /// Whether a run of a pipeline has sent a statement that writes a table or view.
    pub async fn has_written(&self, pipeline: &str, target: &str) -> Result<bool> {
        self.value(sql!(statements::has_written), &[&pipeline, &target])
            .await
    }

    /// Lists the statements of some steps of a run in the order in which they were sent.
    pub async fn statements(&self, run: Uuid, steps: &[&str]) -> Result<Vec<StatementRecord>> {
        self.rows(sql!(statements::list_statements), &[&run, &steps])
            .await
    }

    /// Finds the last snapshot that a statement of a pipeline made of a table.
    pub async fn last_snapshot(&self, pipeline: &str, target: &str) -> Result<Option<String>> {
        self.value_opt(sql!(statements::last_snapshot), &[&pipeline, &target])
            .await
    }

    /// Whether runs of a pipeline sent one of these statements of Trino.
    pub async fn has_sent_any(&self, pipeline: &str, query_ids: &[String]) -> Result<bool> {
        self.value(sql!(statements::has_sent_any), &[&pipeline, &query_ids])
            .await
    }

    /// Lists the SQL of a step's statements in the order in which they were sent.
    pub async fn step_sql(&self, which: &SqlQuery<'_>) -> Result<StepSql> {
        let statements: Vec<StatementSql> = self
            .rows(
                sql!(statements::list_sql),
                &[
                    &which.run,
                    &which.step,
                    &which.after,
                    &which.limit,
                    &which.bytes,
                ],
            )
            .await?;
        let found = statements.first().map_or(0, |first| first.found);

        Ok(StepSql {
            is_cut: usize::try_from(found).is_ok_and(|found| found > statements.len()),
            statements,
        })
    }
}

impl StatementEnd {
    /// Notes it, by itself or in a transaction.
    pub(super) async fn record(
        &self,
        client: &impl Queries,
        id: i64,
        outcome: StatementOutcome,
    ) -> Result<()> {
        client
            .execute(
                sql!(statements::finish_statement),
                &[
                    &id,
                    &outcome,
                    &self.update_count,
                    &self.snapshot_before,
                    &self.snapshot_after,
                    &self.progress,
                ],
            )
            .await?;

        Ok(())
    }
}
