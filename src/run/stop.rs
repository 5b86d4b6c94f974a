//! The end of statements that a run has under way, and what they had committed by then.

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

/// The longest that the end of all of them is waited for.
const LONGEST: Duration = Duration::from_secs(20);

/// Has Trino stop what the run, or one step of it, has under way, in whichever attempt, and says what was committed.
///
/// Nothing is recorded of that: the next run finds the same, and accounts for it. What cannot be found out now is said, too.
pub(super) async fn stop(attempt: &Attempt<'_>, step: Option<&str>) -> String {
    stop_each(attempt.app, (attempt.run, step), Some(attempt)).await
}

/// As [`stop`], of a run whose definition cannot be read here, so that its tables are not known.
pub(super) async fn stop_unread(app: &App, run: &Run) -> String {
    stop_each(app, (run, None), None).await
}

async fn stop_each(
    app: &App,
    (run, step): (&Run, Option<&str>),
    attempt: Option<&Attempt<'_>>,
) -> String {
    let sent = match app.store.sent_statements(run.id, step).await {
        Ok(sent) => sent,
        Err(error) => return unknown("what was under way", &error),
    };
    if sent.is_empty() {
        return "no statement was under way".to_owned();
    }
    let until = tokio::time::Instant::now() + LONGEST;
    let mut words = Vec::new();
    for statement in sent {
        let what = format!(
            "the statement of step `{}` on `{}`",
            statement.step, statement.target
        );
        let late = |_| Err(Error::TimedOut("Trino does not answer in time".into()));
        let asked = async {
            match attempt {
                Some(attempt) => stop_one(attempt, &statement).await.map(Some),
                None => stop_unknown(app, run, &statement).await.map(|()| None),
            }
        };
        let asked = tokio::time::timeout_at(until, asked).await;
        words.push(match asked.unwrap_or_else(late) {
            Ok(Some(true)) => format!("{what} had committed, and the next run accounts for it"),
            Ok(Some(false)) => format!("{what} had not committed and was stopped"),
            Ok(None) => format!(
                "{what} was stopped; whether it had committed the next run finds out, which needs the definition"
            ),
            Err(error) => unknown(&format!("what became of {what}"), &error),
        });
    }

    words.join("; ")
}

/// Stops a statement of which it is not known what table it writes.
async fn stop_unknown(app: &App, run: &Run, statement: &SentStatement) -> Result<()> {
    let (permits, files) = (Semaphore::new(1), Mutex::default());
    let publisher = Publisher {
        trino: &app.trino,
        store: &app.store,
        attempt: run.attempt_id(),
        pipeline: &run.pipeline,
        step: &statement.step,
        permits: &permits,
        files: &files,
    };

    publisher
        .stop(&statement.trino_query_id, statement.address.as_deref())
        .await
}

fn unknown(what: &str, error: &Error) -> String {
    format!("{what} could not be found out ({error}), which the next run does before it writes")
}

/// Stops a statement; says whether it had committed.
async fn stop_one(attempt: &Attempt<'_>, statement: &SentStatement) -> Result<bool> {
    let publisher = attempt.publisher(&statement.step);
    publisher
        .stop(&statement.trino_query_id, statement.address.as_deref())
        .await?;
    let tables = attempt.names.all();
    let table = tables
        .iter()
        .find(|name| name.to_string() == statement.target);
    match table {
        // It made a schema, which is there or is not.
        None => Ok(false),
        Some(table) if *table == attempt.names.landing() => has_landed(attempt, table).await,
        Some(table) => match publisher.committed(table, &statement.trino_query_id).await {
            Err(Error::Trino(failure)) if failure.name == "TABLE_NOT_FOUND" => Ok(false),
            committed => Ok(committed?.is_some()),
        },
    }
}

/// Says whether a batch that was on its way is in the landing table.
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
