//! The publisher: sends the statements of one step, and resolves those whose end was not seen.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::{Semaphore, watch};

use super::committed::{Committed, CommittedContext, CommittedRow, Files};
use crate::error::{Class, Error, Result};
use crate::sql::TableName;
use crate::state::{AttemptId, NewStatement, StatementEnd, StatementOutcome, Store};
use crate::trino::{Outcome, Progress, Statement, Trino};

/// Session settings for remakes. With 64 small sorts the data stays in the CPU cache; a large history then takes a
/// third of the time.
const REMAKING: [(&str, &str); 2] = [("task_concurrency", "64"), ("redistribute_writes", "false")];
const PROGRESS_PAUSE: Duration = Duration::from_secs(1);
const STOP_ATTEMPTS: u32 = 60;
const STOP_PAUSE: Duration = Duration::from_millis(500);

/// Sends the statements of one attempt of a step.
#[derive(Debug, Clone, Copy)]
pub struct Publisher<'a> {
    pub trino: &'a Trino,
    /// The state database, which notes the statements.
    pub store: &'a Store,
    pub attempt: AttemptId,
    pub pipeline: &'a str,
    pub step: &'a str,
    /// How many statements of the run may be under way at once.
    pub permits: &'a Semaphore,
    /// The files of each table after the run's last commit to it.
    pub files: &'a Mutex<BTreeMap<TableName, Files>>,
}

/// The context of the statements about one statement.
#[derive(Serialize)]
struct QueryContext<'a> {
    query_id: &'a str,
}

/// The context of `engine/left_running.sql`.
#[derive(Serialize)]
struct EarlierContext {
    /// A pattern of the names of the run's statements.
    run: String,
    attempt: i32,
}

/// A row of `engine/left_running.sql`.
#[derive(Deserialize)]
struct LeftRunning {
    query_id: String,
}

// Three functions send statements that write. `run` takes one that may be repeated, and does not look for its snapshot.
// `merge` takes one that changes rows: if it acts on no row, it commits nothing. `remake` takes one that replaces a
// table, which always commits. `merge` and `remake` record the end of the statement. With `_unrecorded` the caller
// records it, in the transaction that records its counts.
impl Publisher<'_> {
    /// Runs a statement that only reads, and gives its rows by position.
    pub async fn read(&self, sql: &str) -> Result<Vec<Vec<Value>>> {
        let _permit = self.permits.acquire().await.map_err(Error::internal)?;

        self.trino.query(&self.source(), sql).await
    }

    /// Renders a statement that only reads, runs it, and gives its rows as structs.
    pub async fn rows<T: DeserializeOwned>(
        &self,
        statement: &str,
        context: impl Serialize,
    ) -> Result<Vec<T>> {
        let _permit = self.permits.acquire().await.map_err(Error::internal)?;

        self.trino.rows(&self.source(), statement, context).await
    }

    /// As [`Publisher::rows`], for a statement that always answers one row.
    pub async fn row<T: DeserializeOwned>(
        &self,
        statement: &str,
        context: impl Serialize,
    ) -> Result<T> {
        let _permit = self.permits.acquire().await.map_err(Error::internal)?;

        self.trino.row(&self.source(), statement, context).await
    }

    /// As `rows`, but takes no permit: status queries must not wait.
    async fn look<T: DeserializeOwned>(
        &self,
        statement: &str,
        context: impl Serialize,
    ) -> Result<Vec<T>> {
        self.trino.rows(&self.source(), statement, context).await
    }

    /// Runs a statement that may be repeated, such as `create table if not exists`. Also takes one that is refused when
    /// repeated.
    pub async fn run(&self, target: &TableName, sql: &str) -> Result<Outcome> {
        let id = self.prepare(target, sql).await?;
        let outcome = self.send(id, sql.into()).await?;
        let end = StatementEnd {
            update_count: outcome.update_count.and_then(|n| i64::try_from(n).ok()),
            progress: serde_json::to_value(&outcome.progress).ok(),
            ..StatementEnd::default()
        };
        self.store
            .finish_statement(id, StatementOutcome::Succeeded, &end)
            .await?;

        Ok(outcome)
    }

    /// Runs a statement whose repetition changes nothing, and says what it committed.
    pub async fn merge(&self, target: &TableName, sql: &str) -> Result<Committed> {
        let committed = self.merge_unrecorded(target, sql).await?;
        self.record(&committed).await?;

        Ok(committed)
    }

    /// As [`Publisher::merge`], but the caller records the end, in the transaction that records the counts.
    pub async fn merge_unrecorded(&self, target: &TableName, sql: &str) -> Result<Committed> {
        let id = self.prepare(target, sql).await?;
        let outcome = self.send(id, sql.into()).await?;
        let committed = if outcome.update_count == Some(0) {
            Committed::default()
        } else {
            self.committed(target, &outcome.query_id)
                .await?
                .unwrap_or_default()
        };

        Ok(committed.answered(id, &outcome))
    }

    /// As [`Publisher::merge_unrecorded`], for a statement that remakes a table: it commits even if it writes no row.
    pub async fn remake_unrecorded(&self, target: &TableName, sql: &str) -> Result<Committed> {
        let id = self.prepare(target, sql).await?;
        let statement = Statement {
            sql,
            session: &REMAKING,
        };
        let outcome = self.send(id, statement).await?;
        let committed = self.committed(target, &outcome.query_id).await?;

        Ok(committed.unwrap_or_default().answered(id, &outcome))
    }

    /// As [`Publisher::remake_unrecorded`], and records the end.
    pub async fn remake(&self, target: &TableName, sql: &str) -> Result<Committed> {
        let committed = self.remake_unrecorded(target, sql).await?;
        self.record(&committed).await?;

        Ok(committed)
    }

    async fn record(&self, committed: &Committed) -> Result<()> {
        self.store
            .finish_statement(
                committed.statement,
                StatementOutcome::Succeeded,
                &committed.end(),
            )
            .await
    }

    async fn prepare(&self, target: &TableName, sql: &str) -> Result<i64> {
        self.store
            .prepare_statement(NewStatement {
                attempt: self.attempt,
                pipeline: self.pipeline,
                step: self.step,
                target: &target.to_string(),
                sql,
            })
            .await
    }

    async fn send(&self, id: i64, statement: Statement<'_>) -> Result<Outcome> {
        let _permit = self.permits.acquire().await.map_err(Error::internal)?;
        let sent = async |query_id: String, address: String| {
            self.store
                .mark_statement_sent(id, &query_id, &address)
                .await
        };
        let (reported, progress) = watch::channel(Progress::default());
        let report = |progress: &Progress| drop(reported.send_replace(progress.clone()));
        let source = self.source();
        let outcome = tokio::select! {
            outcome = self.trino.write(&source, statement, sent, report) => outcome,
            () = self.note_progress(id, progress) => Err(Error::Interrupted),
        };
        // Any other fault may have come after the commit. The statement then stays open and is resolved later.
        if matches!(&outcome, Err(error @ Error::Trino(_)) if error.class() == Class::Fault) {
            self.store
                .finish_statement(id, StatementOutcome::Failed, &StatementEnd::default())
                .await?;
        }

        outcome
    }

    /// Notes every second how far a statement is. Ends only if another service has the run by now.
    async fn note_progress(&self, id: i64, latest: watch::Receiver<Progress>) {
        loop {
            tokio::time::sleep(PROGRESS_PAUSE).await;
            let progress = serde_json::to_value(&*latest.borrow()).unwrap_or_default();
            let noted = self.store.record_statement_progress(id, &progress).await;
            if matches!(noted, Err(Error::Interrupted)) {
                return;
            }
        }
    }

    /// What a statement committed to a table; `None` if it committed nothing.
    pub async fn committed(&self, target: &TableName, query_id: &str) -> Result<Option<Committed>> {
        let context = CommittedContext {
            snapshots: target.metadata("snapshots"),
            query_id,
        };
        let rows = self.look::<CommittedRow>("marts/committed.sql", context);
        let committed = rows.await?.into_iter().next().map(Committed::from);
        if let Some(committed) = &committed {
            let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            files.insert(target.clone(), committed.files);
        }

        Ok(committed)
    }

    /// Resolves every lost statement on `target`, records its end, and gives what they committed. Nothing may be written to
    /// the table before this has succeeded.
    pub async fn resolve(&self, target: &TableName) -> Result<Vec<Committed>> {
        let resolved = self.resolve_unrecorded(target).await?;
        for committed in &resolved {
            self.record(committed).await?;
        }

        Ok(resolved)
    }

    /// As [`Publisher::resolve`], but the caller records the end of those that committed.
    pub async fn resolve_unrecorded(&self, target: &TableName) -> Result<Vec<Committed>> {
        let mut resolved = Vec::new();
        let name = target.to_string();
        let open = self
            .store
            .open_statements(self.pipeline, &name, self.attempt);
        for lost in open.await? {
            self.stop(&lost.trino_query_id, lost.address.as_deref())
                .await?;
            let committed = match self.committed(target, &lost.trino_query_id).await {
                // The table was dropped or never made: nothing is left of it.
                Err(Error::Trino(failure)) if failure.name == "TABLE_NOT_FOUND" => None,
                committed => committed?,
            };
            let Some(committed) = committed else {
                let end = StatementEnd::default();
                self.store
                    .finish_statement(lost.id, StatementOutcome::Superseded, &end)
                    .await?;
                continue;
            };
            let committed = Committed {
                statement: lost.id,
                ..committed
            };
            if lost.publishes && committed.has_changed {
                resolved.push(committed);
            } else {
                // A repair or an optimize: its changes belong to no batch.
                self.record(&committed).await?;
            }
        }

        Ok(resolved)
    }

    /// Asks Trino to stop a statement, and waits until Trino no longer works on it. After that the statement cannot
    /// commit.
    pub async fn stop(&self, query_id: &str, address: Option<&str>) -> Result<()> {
        if let Some(address) = address.filter(|address| !address.is_empty()) {
            self.trino.give_up(address).await?;
        }
        for attempt in 0..STOP_ATTEMPTS {
            if !self.is_running(query_id).await? {
                return Ok(());
            }
            if attempt == 0 {
                self.kill(query_id).await;
            }
            tokio::time::sleep(STOP_PAUSE).await;
        }

        Err(Error::TimedOut(format!(
            "statement `{query_id}` of an earlier try is still running in Trino and does not stop; end it there, then run again"
        )))
    }

    async fn is_running(&self, query_id: &str) -> Result<bool> {
        let states = self.look::<IgnoredAny>("engine/running.sql", QueryContext { query_id });

        Ok(!states.await?.is_empty())
    }

    /// Ends a statement. A refusal is no fault: it may have ended by itself before this arrived.
    async fn kill(&self, query_id: &str) {
        let killed = self.look::<IgnoredAny>("engine/kill.sql", QueryContext { query_id });
        let _ = killed.await;
    }

    /// Ends the statements of earlier attempts of the run that Trino still works on, reading or writing. They are found by
    /// the name that each statement carries.
    pub async fn end_earlier_attempts(&self) -> Result<()> {
        let context = EarlierContext {
            run: format!("icefront/{}/%", self.attempt.run),
            attempt: self.attempt.number,
        };
        let left = self.look::<LeftRunning>("engine/left_running.sql", context);
        for left in left.await? {
            self.kill(&left.query_id).await;
        }

        Ok(())
    }

    /// The name of a statement in Trino's own lists, by which it is found again.
    fn source(&self) -> String {
        let AttemptId { run, number } = self.attempt;

        format!("icefront/{run}/{}/{number}", self.step)
    }
}
