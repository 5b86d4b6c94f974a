//! Stops the statements that a run has under way, and says what they had committed.

use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::Semaphore;

use super::attempt::Attempt;
use crate::app::App;
use crate::error::{Error, Result};
use crate::landing::{self, Batch, Landing};
use crate::publish::Publisher;
use crate::sql::TableName;
use crate::state::{Run, SentStatement};

/// The longest wait for the end of all statements.
const MAX_WAIT: Duration = Duration::from_secs(20);

/// What a statement had done before it was stopped.
enum Stopped {
    Committed,
    NotCommitted,
    /// The tables of the pipeline are not known here.
    Unknown,
}

/// Stops the statements that an attempt of the run, or of one step, left in Trino. Says for each what it had committed.
///
/// Records none of it: the next run finds the same and accounts for it. The text also says which statements gave no
/// answer.
pub(super) async fn stop(attempt: &Attempt<'_>, step: Option<&str>) -> String {
    stop_each(attempt.app, attempt.run, step, Some(attempt)).await
}

/// As [`stop`], for a run whose definition cannot be read here: its tables are not known.
pub(super) async fn stop_without_definition(app: &App, run: &Run) -> String {
    stop_each(app, run, None, None).await
}

async fn stop_each(
    app: &App,
    run: &Run,
    step: Option<&str>,
    attempt: Option<&Attempt<'_>>,
) -> String {
    let sent = match app.store.sent_statements(run.id, step).await {
        Ok(sent) => sent,
        Err(error) => return not_found_out("what was under way", &error),
    };
    if sent.is_empty() {
        return "no statement was under way".to_owned();
    }
    let until = tokio::time::Instant::now() + MAX_WAIT;
    let mut sentences = Vec::new();
    for statement in sent {
        let what = format!(
            "the statement of step `{}` on `{}`",
            statement.step, statement.target
        );
        let work = async {
            match attempt {
                Some(attempt) => stop_one(attempt, &statement).await,
                None => stop_unknown(app, run, &statement).await,
            }
        };
        let stopped = tokio::time::timeout_at(until, work).await;
        let late = |_| Err(Error::TimedOut("Trino does not answer in time".into()));
        sentences.push(match stopped.unwrap_or_else(late) {
            Ok(Stopped::Committed) => {
                format!("{what} had committed, and the next run accounts for it")
            }
            Ok(Stopped::NotCommitted) => format!("{what} had not committed and was stopped"),
            Ok(Stopped::Unknown) => format!(
                "{what} was stopped; the next run that can read the definition finds out whether it had committed"
            ),
            Err(error) => not_found_out(&format!("whether {what} had committed"), &error),
        });
    }

    sentences.join("; ")
}

fn not_found_out(what: &str, error: &Error) -> String {
    format!("{what} could not be found out ({error}); the next run does so before it writes")
}

async fn stop_one(attempt: &Attempt<'_>, statement: &SentStatement) -> Result<Stopped> {
    let publisher = attempt.publisher(&statement.step);
    publisher
        .stop(&statement.trino_query_id, statement.address.as_deref())
        .await?;
    let tables = attempt.names.all();
    let table = tables
        .iter()
        .find(|name| name.to_string() == statement.target);
    let has_committed = match table {
        // The statement made a schema, which has no snapshots.
        None => false,
        Some(table) if *table == attempt.names.landing() => has_landed(attempt, table).await?,
        Some(table) => {
            let committed = publisher.find_commit(table, &statement.trino_query_id);
            committed.await?.is_some()
        }
    };

    Ok(if has_committed {
        Stopped::Committed
    } else {
        Stopped::NotCommitted
    })
}

async fn stop_unknown(app: &App, run: &Run, statement: &SentStatement) -> Result<Stopped> {
    let permits = Semaphore::new(1);
    let (files, progress) = (Mutex::default(), Mutex::default());
    let publisher = Publisher {
        trino: &app.trino,
        store: &app.store,
        attempt: run.attempt_id(),
        pipeline: &run.pipeline,
        step: &statement.step,
        permits: &permits,
        files: &files,
        progress: &progress,
    };
    publisher
        .stop(&statement.trino_query_id, statement.address.as_deref())
        .await?;

    Ok(Stopped::Unknown)
}

/// Says whether the open batch is in the landing table.
async fn has_landed(attempt: &Attempt<'_>, table: &TableName) -> Result<bool> {
    let landing = Landing {
        folder: &attempt.app.folder,
        table,
        publisher: attempt.publisher("extract"),
    };
    let pipeline = &attempt.run.pipeline;
    for open in attempt.app.store.open_batches(pipeline).await? {
        let batch = Batch {
            pipeline,
            id: open.id,
            run: open.run,
            keys_of: None,
        };
        if open.is_written && open.files > 0 && landing::landed(landing, &batch).await? {
            return Ok(true);
        }
    }

    Ok(false)
}
