//! The publisher: sends the statements of one step. `lost` resolves those whose end was not seen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::{Semaphore, watch};

use super::committed::{Committed, CommittedContext, CommittedRow, Files};
use crate::error::{Class, Error, Result};
use crate::sql::TableName;
use crate::state::{AttemptId, NewStatement, StatementEnd, StatementOutcome, Store};
use crate::trino::{Outcome, Part, Progress, Statement, Trino};

/// Session settings for remakes. With 64 small sorts the data stays in the CPU cache; a large history then takes a
/// third of the time.
const REMAKING: [(&str, &str); 1] = [("task_concurrency", "64")];
/// A writer keeps a row group in memory. One that writes many files at once has one for each, so they have few rows.
const SMALL_ROW_GROUP: &str = "20000";
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

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
    /// Steps, batches and slices that the run has finished. Retries count them as progress.
    pub progress: &'a Mutex<BTreeSet<String>>,
}

// Five functions send statements that write:
//
// | function | statement                | looks for its snapshot           |
// |----------|--------------------------|----------------------------------|
// | `run`    | DDL and file maintenance | no                               |
// | `merge`  | changes rows             | yes, unless Trino reports 0 rows |
// | `fill`   | adds a slice to a build  | yes, unless Trino reports 0 rows |
// | `remake` | replaces a table         | yes                              |
// | `copy`   | replaces a sliced log    | yes                              |
//
// They record the end of the statement. With `_unrecorded` the caller records it together with its counts.
impl Publisher<'_> {
    /// Runs a statement that only reads, and gives its rows by position.
    pub async fn read(&self, sql: &str) -> Result<Vec<Vec<Value>>> {
        let _permit = self.permits.acquire().await.map_err(Error::internal)?;

        self.trino.query(&self.trino_source(), sql).await
    }

    /// Renders a statement that only reads, runs it, and gives its rows as structs.
    pub async fn rows<T: DeserializeOwned>(
        &self,
        statement: &str,
        context: impl Serialize,
    ) -> Result<Vec<T>> {
        let _permit = self.permits.acquire().await.map_err(Error::internal)?;

        self.trino
            .rows(&self.trino_source(), statement, context)
            .await
    }

    /// As [`Publisher::rows`], for a statement that always answers one row.
    pub async fn row<T: DeserializeOwned>(
        &self,
        statement: &str,
        context: impl Serialize,
    ) -> Result<T> {
        let _permit = self.permits.acquire().await.map_err(Error::internal)?;

        self.trino
            .row(&self.trino_source(), statement, context)
            .await
    }

    /// As `rows`, but takes no permit: status queries must not wait.
    pub(super) async fn look<T: DeserializeOwned>(
        &self,
        statement: &str,
        context: impl Serialize,
    ) -> Result<Vec<T>> {
        self.trino
            .rows(&self.trino_source(), statement, context)
            .await
    }

    /// Sends DDL or maintenance, such as `create table if not exists`. If it is sent twice, the second one does nothing
    /// or is refused.
    pub async fn run(&self, target: &TableName, sql: &str) -> Result<Outcome> {
        self.run_in(target, sql.into()).await
    }

    /// As [`Publisher::run`], for a statement that needs a session of its own.
    pub async fn run_in(&self, target: &TableName, statement: Statement<'_>) -> Result<Outcome> {
        let id = self.prepare(target, statement.sql).await?;
        let outcome = self.send(target, id, statement).await?;
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

    /// Sends a statement that changes rows, and gives what it committed. If it is sent twice, the second one changes
    /// nothing.
    pub async fn merge(&self, target: &TableName, sql: &str) -> Result<Committed> {
        let committed = self.merge_unrecorded(target, sql).await?;
        self.record(&committed).await?;

        Ok(committed)
    }

    /// As [`Publisher::merge`], but the caller records the end together with its counts.
    pub async fn merge_unrecorded(&self, target: &TableName, sql: &str) -> Result<Committed> {
        self.change(target, sql.into()).await
    }

    /// Adds a slice to a build, and gives what it committed. If it is sent twice, its rows come twice: the caller
    /// records slices, and resolves lost ones before it goes on.
    pub async fn fill_unrecorded(
        &self,
        build: &TableName,
        sql: &str,
        slice: Part,
    ) -> Result<Committed> {
        let statement = Statement {
            sql,
            session: &REMAKING,
            slice: Some(slice),
        };

        self.change(build, statement).await
    }

    async fn change(&self, target: &TableName, statement: Statement<'_>) -> Result<Committed> {
        let id = self.prepare(target, statement.sql).await?;
        let outcome = self.send(target, id, statement).await?;
        let committed = if outcome.update_count == Some(0) {
            Committed::default()
        } else {
            self.find_change(target, id, &outcome.query_id)
                .await?
                .unwrap_or_default()
        };

        Ok(committed.answered(id, &outcome))
    }

    /// As [`Publisher::find_commit`], for a statement that changed rows of a table. Gives the statement up if that was another table than before.
    pub(super) async fn find_change(
        &self,
        target: &TableName,
        statement: i64,
        query_id: &str,
    ) -> Result<Option<Committed>> {
        let committed = self.find_commit(target, query_id).await?;
        if let Some(committed) = &committed
            && let Err(refused) = self.refuse_other_table(target, committed).await
        {
            if matches!(refused, Error::PipelineBroken { .. }) {
                let end = StatementEnd::default();
                self.store
                    .finish_statement(statement, StatementOutcome::Failed, &end)
                    .await?;
            }
            return Err(refused);
        }

        Ok(committed)
    }

    /// Sends a statement that replaces a table, and gives what it committed: it commits even if it writes no row. The caller
    /// records the end together with its counts.
    pub async fn remake_unrecorded(&self, target: &TableName, sql: &str) -> Result<Committed> {
        self.replace(target, sql, &REMAKING).await
    }

    /// As [`Publisher::remake_unrecorded`], for a copy that is cut into many files, which are all written at once.
    pub async fn copy_unrecorded(&self, target: &TableName, sql: &str) -> Result<Committed> {
        let catalog = &target.0[0];
        let rows = format!("{catalog}.parquet_writer_row_group_max_row_count");

        self.replace(target, sql, &[(rows.as_str(), SMALL_ROW_GROUP)])
            .await
    }

    async fn replace(
        &self,
        target: &TableName,
        sql: &str,
        session: &[(&str, &str)],
    ) -> Result<Committed> {
        let id = self.prepare(target, sql).await?;
        let statement = Statement {
            sql,
            session,
            slice: None,
        };
        let outcome = self.send(target, id, statement).await?;
        let committed = self.find_commit(target, &outcome.query_id).await?;

        Ok(committed.unwrap_or_default().answered(id, &outcome))
    }

    /// Notes progress within the step, such as a slice.
    pub fn note(&self, done: &str) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.insert(format!("{} {done}", self.step));
    }

    /// Forgets the files of a table that is gone.
    pub fn forget_files(&self, table: &TableName) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.remove(table);
    }

    /// Records the end of a statement, if it is not recorded yet.
    pub async fn record(&self, committed: &Committed) -> Result<()> {
        let Some(statement) = committed.statement else {
            return Ok(());
        };

        self.store
            .finish_statement(statement, StatementOutcome::Succeeded, &committed.end())
            .await
    }

    async fn prepare(&self, target: &TableName, sql: &str) -> Result<i64> {
        self.refuse_foreign(target).await?;

        self.note_statement(target, sql).await
    }

    /// Notes a statement before Trino hears of it.
    pub(super) async fn note_statement(&self, target: &TableName, sql: &str) -> Result<i64> {
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

    async fn send(&self, target: &TableName, id: i64, statement: Statement<'_>) -> Result<Outcome> {
        let _permit = self.permits.acquire().await.map_err(Error::internal)?;
        let sent = async |query_id: String, address: String| {
            self.store
                .mark_statement_sent(id, &query_id, &address)
                .await
        };
        let (reported, progress) = watch::channel(Progress::default());
        let report = |progress: &Progress| drop(reported.send_replace(progress.clone()));
        let source = self.trino_source();
        let began = Instant::now();
        let outcome = tokio::select! {
            outcome = self.trino.write(&source, statement, sent, report) => outcome,
            () = self.note_progress(id, progress) => Err(Error::Interrupted),
        };
        self.count(began, &outcome);
        // Any other fault may have come after the commit. The statement then stays open and is resolved later.
        if let Err(error @ Error::Trino(failure)) = &outcome
            && (error.class() == Class::Fault
                || self
                    .has_failed_by_memory(target, error, &failure.query_id)
                    .await?)
        {
            self.store
                .finish_statement(id, StatementOutcome::Failed, &StatementEnd::default())
                .await?;
        }

        outcome
    }

    /// Counts a statement that ended, by the kind of its step and the class of its fault.
    fn count(&self, began: Instant, outcome: &Result<Outcome>) {
        let kind = self.step.split('.').next().unwrap_or_default();
        let class = outcome.as_ref().err().map(|error| error.class().as_str());
        let labels = [("kind", kind.to_owned())];
        metrics::histogram!("icefront_statement_duration_seconds", &labels).record(began.elapsed());
        let [kind] = labels;
        let outcome = ("outcome", class.unwrap_or("succeeded").to_owned());
        metrics::counter!("icefront_statements_total", &[kind, outcome]).increment(1);
    }

    /// Whether Trino refused a statement for its memory, and it committed nothing. The caller may then send a part of it.
    async fn has_failed_by_memory(
        &self,
        target: &TableName,
        error: &Error,
        query_id: &str,
    ) -> Result<bool> {
        if !error.is_out_of_memory() {
            return Ok(false);
        }
        // A task that still works could commit after the look.
        self.stop(query_id, None).await?;
        if self.find_commit(target, query_id).await?.is_some() {
            // The next attempt resolves it.
            return Err(Error::Interrupted);
        }

        Ok(true)
    }

    /// Notes every second how far a statement is. Ends only if another service has the run by now.
    async fn note_progress(&self, id: i64, latest: watch::Receiver<Progress>) {
        loop {
            tokio::time::sleep(PROGRESS_INTERVAL).await;
            let progress = serde_json::to_value(&*latest.borrow()).unwrap_or_default();
            let noted = self.store.record_statement_progress(id, &progress).await;
            if matches!(noted, Err(Error::Interrupted)) {
                return;
            }
        }
    }

    /// Looks for the snapshot of a statement; `None` if it committed nothing, or the table does not exist. Also notes the
    /// table's new size for `optimize`.
    pub async fn find_commit(
        &self,
        target: &TableName,
        query_id: &str,
    ) -> Result<Option<Committed>> {
        self.commit_of(target, Some(query_id)).await
    }

    /// The last commit to a table; `None` if it has none, or the table does not exist.
    pub async fn last_commit(&self, target: &TableName) -> Result<Option<Committed>> {
        self.commit_of(target, None).await
    }

    async fn commit_of(
        &self,
        target: &TableName,
        query_id: Option<&str>,
    ) -> Result<Option<Committed>> {
        let context = CommittedContext {
            snapshots: target.metadata("snapshots"),
            query_id,
        };
        let rows: Vec<CommittedRow> = match self.look("marts/committed.sql", context).await {
            Err(Error::Trino(failure)) if failure.name == "TABLE_NOT_FOUND" => Vec::new(),
            rows => rows?,
        };
        let committed = rows.into_iter().next().map(Committed::from);
        if let Some(committed) = &committed {
            let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
            files.insert(target.clone(), committed.files);
        }

        Ok(committed)
    }

    /// The name of a statement in Trino's own lists, by which it is found again.
    fn trino_source(&self) -> String {
        let AttemptId { run, number } = self.attempt;

        format!("icefront/{run}/{}/{number}", self.step)
    }
}
