//! Lost statements: the publisher stops them, finds out what they committed, and records their ends.

use std::time::Duration;

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::committed::Committed;
use super::publisher::Publisher;
use crate::error::{Error, Result};
use crate::sql::TableName;
use crate::state::{LostStatement, StatementEnd, StatementOutcome};

/// With the pauses between them: 30 seconds in all.
const MAX_STOP_CHECKS: u32 = 60;
const STOP_CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// The context of `engine/running.sql` and `engine/kill.sql`.
#[derive(Serialize)]
struct QueryContext<'a> {
    query_id: &'a str,
}

/// The context of `engine/left_running.sql`.
#[derive(Serialize)]
struct LeftRunningContext {
    /// A pattern of the names of the run's statements.
    run: String,
    attempt: i32,
}

/// A row of `engine/left_running.sql`.
#[derive(Deserialize)]
struct LeftRunning {
    query_id: String,
}

/// Lost statements that changed rows of a table.
#[derive(Debug, Default)]
pub struct Resolved {
    /// Those of runs that publish batches.
    pub published: Vec<Committed>,
    /// Those of repairs: their changes belong to no batch.
    pub repaired: Vec<Committed>,
}

impl Publisher<'_> {
    /// Resolves every lost statement on `target` and records their ends. The publisher writes to the table only after
    /// this has succeeded.
    pub async fn resolve(&self, target: &TableName) -> Result<Resolved> {
        let resolved = self.resolve_unrecorded(target).await?;
        for committed in resolved.published.iter().chain(&resolved.repaired) {
            self.record(committed).await?;
        }

        Ok(resolved)
    }

    /// Resolves every lost statement on `target`. Gives those that changed rows; the caller records their ends. Records
    /// the ends of all others itself.
    pub async fn resolve_unrecorded(&self, target: &TableName) -> Result<Resolved> {
        let mut resolved = Resolved::default();
        let name = target.to_string();
        let lost_statements = self
            .store
            .lost_statements(self.pipeline, &name, self.attempt)
            .await?;
        for lost in lost_statements {
            let Some(committed) = self.end(target, &lost).await? else {
                continue;
            };
            if !committed.has_changed {
                // It only rewrote files.
                self.record(&committed).await?;
            } else if lost.publishes {
                resolved.published.push(committed);
            } else {
                resolved.repaired.push(committed);
            }
        }

        Ok(resolved)
    }

    /// Resolves the lost statements on the table of a build. Gives those that committed; the caller records their ends.
    pub async fn resolve_build(&self, build: &TableName) -> Result<Vec<Committed>> {
        let mut resolved = Vec::new();
        let name = build.to_string();
        let lost_statements = self
            .store
            .lost_statements(self.pipeline, &name, self.attempt)
            .await?;
        for lost in lost_statements {
            resolved.extend(self.end(build, &lost).await?);
        }

        Ok(resolved)
    }

    /// Stops a lost statement and gives what it committed. Records its end if that is nothing.
    async fn end(&self, target: &TableName, lost: &LostStatement) -> Result<Option<Committed>> {
        self.stop(&lost.trino_query_id, lost.address.as_deref())
            .await?;
        let committed = self
            .find_change(target, lost.id, &lost.trino_query_id)
            .await?;
        if committed.is_none() {
            let end = StatementEnd::default();
            self.store
                .finish_statement(lost.id, StatementOutcome::Superseded, &end)
                .await?;
        }

        Ok(committed.map(|committed| Committed {
            statement: Some(lost.id),
            ..committed
        }))
    }

    /// Asks Trino to stop a statement, and waits until Trino no longer works on it. After that the statement cannot
    /// commit.
    pub async fn stop(&self, query_id: &str, address: Option<&str>) -> Result<()> {
        if let Some(address) = address.filter(|address| !address.is_empty()) {
            self.trino.give_up(address).await?;
        }
        for check in 0..MAX_STOP_CHECKS {
            if !self.is_running(query_id).await? {
                return Ok(());
            }
            if check == 0 {
                self.kill(query_id).await;
            }
            tokio::time::sleep(STOP_CHECK_INTERVAL).await;
        }

        Err(Error::TimedOut(format!(
            "statement `{query_id}` of an earlier attempt is still running in Trino and does not stop; end it there, then run again"
        )))
    }

    async fn is_running(&self, query_id: &str) -> Result<bool> {
        let states: Vec<IgnoredAny> = self
            .look("engine/running.sql", QueryContext { query_id })
            .await?;

        Ok(!states.is_empty())
    }

    /// Asks Trino once to kill a statement. A refusal is no fault: the statement may have ended by itself before.
    async fn kill(&self, query_id: &str) {
        let _: Result<Vec<IgnoredAny>> = self
            .look("engine/kill.sql", QueryContext { query_id })
            .await;
    }

    /// Ends the statements of earlier attempts of the run that Trino still works on, reading or writing. They are found by
    /// the name that each statement carries.
    pub async fn end_earlier_attempts(&self) -> Result<()> {
        let context = LeftRunningContext {
            run: format!("icefront/{}/%", self.attempt.run),
            attempt: self.attempt.number,
        };
        let left_running: Vec<LeftRunning> = self.look("engine/left_running.sql", context).await?;
        for left in left_running {
            self.kill(&left.query_id).await;
        }

        Ok(())
    }
}
