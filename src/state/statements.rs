//! Statements that write: noted before Trino hears of them, so that a lost answer can be looked for.

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::{AttemptId, Store, fault, statement};
use crate::error::{Error, Result};

/// A statement of a run.
#[derive(Debug, Clone)]
pub struct StatementRecord {
    /// The step that it belongs to.
    pub step: String,
    /// The attempt of the run that sent it.
    pub attempt: i32,
    /// The table that it writes.
    pub target: String,
    pub sql: String,
    /// `prepared`, `sent`, `succeeded`, `failed` or `superseded`.
    pub state: String,
    /// Its id in Trino.
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

/// A statement whose end nobody saw.
#[derive(Debug, Clone)]
pub struct OpenStatement {
    pub id: i64,
    /// Whether its run publishes batches; others mend what was published.
    pub publishes: bool,
    /// Its id in Trino.
    pub trino_query_id: String,
    /// Where it is given up, which works before Trino lists it.
    pub address: Option<String>,
}

/// A statement of a run that was sent and of which no end was noted.
#[derive(Debug, Clone)]
pub struct SentStatement {
    /// The step that it belongs to.
    pub step: String,
    /// The table that it writes.
    pub target: String,
    /// Its id in Trino.
    pub trino_query_id: String,
    /// Where it is given up.
    pub address: Option<String>,
}

/// How a statement ended.
#[derive(Debug, Clone, Default)]
pub struct StatementEnd {
    /// The rows that it acted on.
    pub update_count: Option<i64>,
    /// The table's snapshot that it changed.
    pub snapshot_before: Option<String>,
    /// The snapshot that it made.
    pub snapshot_after: Option<String>,
    pub progress: Option<Value>,
}

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
        let row = self
            .client()
            .await?
            .query_one(
                statement!("state/prepare_statement.sql"),
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
            .map_err(fault)?;

        Ok(row.get(0))
    }

    /// Notes the id that Trino gave a statement and where it is asked for; before this the statement does not run.
    ///
    /// # Errors
    ///
    /// [`Error::StateUnavailable`], [`Error::Interrupted`] where the run is another's by now.
    pub async fn statement_sent(&self, id: i64, query_id: &str, address: &str) -> Result<()> {
        let noted = self
            .client()
            .await?
            .execute(
                statement!("state/sent_statement.sql"),
                &[&id, &query_id, &address],
            )
            .await
            .map_err(fault)?;
        // The statement then never runs: Trino drops what nobody asks for.
        if noted == 0 {
            return Err(Error::Interrupted);
        }

        Ok(())
    }

    /// Notes how far a statement is.
    pub async fn statement_progress(&self, id: i64, progress: &Value) -> Result<()> {
        self.client()
            .await?
            .execute(statement!("state/progress_statement.sql"), &[&id, progress])
            .await
            .map_err(fault)?;

        Ok(())
    }

    /// Notes how a statement ended; `state` is `succeeded`, `failed` or `superseded`.
    pub async fn statement_done(&self, id: i64, state: &str, end: &StatementEnd) -> Result<()> {
        end.record(&self.client().await?, id, state).await
    }

    /// Lists the statements of a pipeline that write to a table and whose end nobody saw, without those of an attempt that is under way.
    pub async fn open_statements(
        &self,
        pipeline: &str,
        target: &str,
        besides: AttemptId,
    ) -> Result<Vec<OpenStatement>> {
        let rows = self
            .client()
            .await?
            .query(
                statement!("state/open_statements.sql"),
                &[&pipeline, &target, &besides.run, &besides.number],
            )
            .await
            .map_err(fault)?;

        Ok(rows
            .iter()
            .map(|row| OpenStatement {
                id: row.get(0),
                publishes: row.get(1),
                trino_query_id: row.get(2),
                address: row.get(3),
            })
            .collect())
    }

    /// Lists the statements of a run, of one step where it is named, that were sent and of which no end was noted.
    pub async fn sent_statements(
        &self,
        run: Uuid,
        step: Option<&str>,
    ) -> Result<Vec<SentStatement>> {
        let rows = self
            .client()
            .await?
            .query(statement!("state/sent_statements.sql"), &[&run, &step])
            .await
            .map_err(fault)?;

        Ok(rows
            .iter()
            .map(|row| SentStatement {
                step: row.get(0),
                target: row.get(1),
                trino_query_id: row.get(2),
                address: row.get(3),
            })
            .collect())
    }

    /// Lists the statements of a run, of one step where it is named, in the order in which they were sent.
    pub async fn statements(&self, run: Uuid, step: Option<&str>) -> Result<Vec<StatementRecord>> {
        let rows = self
            .client()
            .await?
            .query(statement!("state/list_statements.sql"), &[&run, &step])
            .await
            .map_err(fault)?;

        Ok(rows
            .iter()
            .map(|row| StatementRecord {
                step: row.get(1),
                attempt: row.get(2),
                target: row.get(3),
                sql: row.get(4),
                state: row.get(5),
                trino_query_id: row.get(6),
                update_count: row.get(7),
                snapshot_before: row.get(8),
                snapshot_after: row.get(9),
                started_at: row.get(10),
                finished_at: row.get(11),
                progress: row.get(12),
            })
            .collect())
    }
}

impl StatementEnd {
    /// Notes it, on a connection or in a transaction.
    pub(super) async fn record(
        &self,
        client: &impl deadpool_postgres::GenericClient,
        id: i64,
        state: &str,
    ) -> Result<()> {
        client
            .execute(
                statement!("state/done_statement.sql"),
                &[
                    &id,
                    &state,
                    &self.update_count,
                    &self.snapshot_before,
                    &self.snapshot_after,
                    &self.progress,
                ],
            )
            .await
            .map_err(fault)?;

        Ok(())
    }
}
