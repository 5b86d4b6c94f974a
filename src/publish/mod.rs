//! Statements that write to Iceberg: noted, sent once, and proven by the snapshot that they made.

mod committed;
mod settle;

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

pub use committed::{Committed, Files};
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};

use crate::error::{Class, Error, Result};
use crate::sql::{TableName, render};
use crate::state::{AttemptId, NewStatement, StatementEnd, StatementOutcome, Store};
use crate::trino::{Outcome, Progress, Trino};

/// Many small sorts stay in the processor's cache: a third of the time of a large history.
const REMAKING: [(&str, &str); 2] = [("task_concurrency", "64"), ("redistribute_writes", "false")];
const PROGRESS_PAUSE: Duration = Duration::from_secs(1);

/// Sends the statements of one try of a step.
#[derive(Debug, Clone, Copy)]
pub struct Publisher<'a> {
    pub trino: &'a Trino,
    /// Where statements are noted.
    pub store: &'a Store,
    pub attempt: AttemptId,
    pub pipeline: &'a str,
    pub step: &'a str,
    /// How many statements of the run may be under way at once.
    pub permits: &'a Semaphore,
    /// What the tables' files are after the run's last commit to each.
    pub files: &'a Mutex<BTreeMap<TableName, Files>>,
}

impl Publisher<'_> {
    pub async fn read(&self, sql: &str) -> Result<Vec<Vec<Value>>> {
        let _permit = self.permits.acquire().await.map_err(Error::internal)?;

        self.trino.query(&self.source(), sql).await
    }

    /// As [`Publisher::read`] for what tells how a statement stands, which must not wait for other statements.
    async fn look(&self, sql: &str) -> Result<Vec<Vec<Value>>> {
        self.trino.query(&self.source(), sql).await
    }

    /// Runs a statement that may be repeated, such as `create table if not exists`, or is refused when it is.
    pub async fn run(&self, target: &TableName, sql: &str) -> Result<Outcome> {
        let id = self.prepare(target, sql).await?;
        let outcome = self.send(id, sql, &[]).await?;
        let end = StatementEnd {
            update_count: outcome.update_count.and_then(|n| i64::try_from(n).ok()),
            progress: serde_json::to_value(&outcome.progress).ok(),
            ..StatementEnd::default()
        };
        self.store
            .statement_done(id, StatementOutcome::Succeeded, &end)
            .await?;

        Ok(outcome)
    }

    /// Runs a statement whose repetition changes nothing, and says what it committed.
    pub async fn merge(&self, target: &TableName, sql: &str) -> Result<Committed> {
        let committed = self.merge_unrecorded(target, sql).await?;
        self.record(&committed).await?;

        Ok(committed)
    }

    /// As [`Publisher::merge`], but leaves it to the caller to record the end, in the transaction that records its counts.
    pub async fn merge_unrecorded(&self, target: &TableName, sql: &str) -> Result<Committed> {
        let id = self.prepare(target, sql).await?;
        let outcome = self.send(id, sql, &[]).await?;
        let committed = if outcome.update_count == Some(0) {
            Committed::default()
        } else {
            self.committed(target, &outcome.query_id)
                .await?
                .unwrap_or_default()
        };

        Ok(committed.answered(id, &outcome))
    }

    /// As [`Publisher::merge_unrecorded`], for a statement that makes a table anew: it commits even where it writes no row.
    pub async fn remake_unrecorded(&self, target: &TableName, sql: &str) -> Result<Committed> {
        let id = self.prepare(target, sql).await?;
        let outcome = self.send(id, sql, &REMAKING).await?;
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
            .statement_done(
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

    async fn send(&self, id: i64, sql: &str, session: &[(&str, &str)]) -> Result<Outcome> {
        let _permit = self.permits.acquire().await.map_err(Error::internal)?;
        let sent = async |query_id: String, address: String| {
            self.store.statement_sent(id, &query_id, &address).await
        };
        let (told, heard) = watch::channel(Progress::default());
        let told = |progress: &Progress| drop(told.send_replace(progress.clone()));
        let source = self.source();
        let outcome = tokio::select! {
            outcome = self.trino.write(&source, (sql, session), sent, told) => outcome,
            () = self.note_progress(id, heard) => Err(Error::Interrupted),
        };
        // Any other fault may have come after the commit: then the statement stays open, to be asked about.
        if matches!(&outcome, Err(error @ Error::Trino(_)) if error.class() == Class::Fault) {
            self.store
                .statement_done(id, StatementOutcome::Failed, &StatementEnd::default())
                .await?;
        }

        outcome
    }

    /// Notes every second how far a statement is; ends only where the run is another's by now.
    async fn note_progress(&self, id: i64, heard: watch::Receiver<Progress>) {
        loop {
            tokio::time::sleep(PROGRESS_PAUSE).await;
            let progress = serde_json::to_value(&*heard.borrow()).unwrap_or_default();
            let noted = self.store.statement_progress(id, &progress).await;
            if matches!(noted, Err(Error::Interrupted)) {
                return;
            }
        }
    }

    /// What a statement committed to a table; none where it did not.
    pub async fn committed(&self, target: &TableName, query_id: &str) -> Result<Option<Committed>> {
        let sql = render(
            "marts/committed.sql",
            json!({"snapshots": target.metadata("snapshots"), "query_id": query_id}),
        )?;
        let rows = self.look(&sql).await?;
        let text = |value: &Value| value.as_str().map(ToOwned::to_owned);

        let number = |value: &Value| value.as_i64().unwrap_or(0);
        let committed = rows.first().map(|row| Committed {
            snapshot: text(&row[0]),
            parent: text(&row[1]),
            added: number(&row[2]),
            hidden: number(&row[3]),
            rows_before: number(&row[4]),
            files: Files {
                count: number(&row[5]),
                bytes: number(&row[6]),
            },
            has_changed: row[7] != "replace",
            ..Committed::default()
        });
        if let Some(committed) = &committed {
            let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            files.insert(target.clone(), committed.files);
        }

        Ok(committed)
    }

    /// Names a statement in Trino's own lists, so that it is found again.
    fn source(&self) -> String {
        let AttemptId { run, number } = self.attempt;

        format!("icefront/{run}/{}/{number}", self.step)
    }
}
