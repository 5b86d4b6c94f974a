//! Pipelines with `poll`: a run starts by itself as soon as the source has something new.

use std::time::Duration;

use super::faults::Faults;
use super::rest::is_resting;
use crate::app::App;
use crate::error::{Error, Result};
use crate::pipeline::Definition;
use crate::run::measured::count_poll_fault;
use crate::run::request::Request;
use crate::run::start::{Cause, start_by_itself};
use crate::source::{self, Purpose, Tally};
use crate::state::{EmptyPoll, Run, RunState, Trigger};

/// How many times `poll` the pause grows to while the source has nothing.
const MAX_IDLE: u32 = 4;
/// The longest pause after a fault, and the longest that one poll may take.
const MAX_WAIT: Duration = Duration::from_mins(1);

/// The outcome of a poll.
enum Poll {
    /// A run is active, or the pipeline is paused or rests, so the source was not asked.
    NotAsked,
    /// A run was started.
    Started,
    /// A run was started, but the last one failed or read only known rows. This one may do the same.
    StartedAgain,
    Nothing,
}

/// Polls a pipeline's source every `every`, for ever, and starts a run when the source has something.
///
/// It does not ask the source while a run waits or is active. If the source has nothing, freshness and cursor move
/// without a batch.
pub(super) async fn watch(app: App, pipeline: String, every: Duration) {
    let mut pause = every;
    let mut next = every;
    let mut faults = Faults::of(&pipeline, "the source cannot be polled");
    let mut is_first = true;
    loop {
        tokio::time::sleep(next).await;
        let Ok(definition) = app.pipelines.get(&pipeline) else {
            return;
        };
        let late = |_| Err(Error::TimedOut("the source does not answer a poll".into()));
        let polled = tokio::time::timeout(MAX_WAIT, poll_once(&app, definition, is_first)).await;
        let polled = polled.unwrap_or_else(late);
        faults.note(&polled);
        if let Err(error) = &polled {
            count_poll_fault(&pipeline, error.class());
        }
        let is_active = matches!(polled, Ok(Poll::NotAsked));
        is_first &= is_active || polled.is_err();
        pause = match polled {
            Ok(Poll::NotAsked) => pause,
            Ok(Poll::Started) => every,
            Ok(Poll::Nothing) => (pause + every / 2).min(every * MAX_IDLE),
            Ok(Poll::StartedAgain) | Err(_) => (pause * 2).min(MAX_WAIT.max(every)),
        };
        next = if is_active { every } else { pause };
    }
}

/// Polls a source once. The first poll (`is_first`) also starts a run for what an earlier service left, whatever its
/// fault: the fault may be fixed by now.
async fn poll_once(app: &App, definition: &Definition, is_first: bool) -> Result<Poll> {
    let store = &app.store;
    let pipeline = &definition.name;
    if store.pipeline(pipeline).await?.is_paused {
        return Ok(Poll::NotAsked);
    }
    let last = store.last_run(pipeline).await?;
    let waits = |run: &Run| !run.state.is_terminal() || is_resting(run);
    if last.as_ref().is_some_and(waits) {
        return Ok(Poll::NotAsked);
    }
    let was_idle = last.as_ref().is_some_and(read_nothing_new);
    let failed = last.filter(|run| run.state == RunState::Failed);
    // A run that failed by a temporary fault is retried. So is a batch that was written and has not landed.
    let is_left = failed.as_ref().is_some_and(|run| {
        let error = run.error.as_ref();
        error.is_some_and(|error| error["retryable"] == true)
    }) || !store.open_batches(pipeline).await?.is_empty()
        || is_first && is_unpublished(app, definition).await?;
    if !is_left && !has_something(app, definition).await? {
        return Ok(Poll::Nothing);
    }
    // Another service that polls the source, too, may have started a run meanwhile.
    let cause = Cause::of(Trigger::Poll);
    start_by_itself(app, definition, Request::default(), cause).await?;

    Ok(if failed.is_some() || was_idle {
        Poll::StartedAgain
    } else {
        Poll::Started
    })
}

/// Whether a run succeeded and staged nothing, because everything it read was known.
///
/// While a transaction stays open, what others committed since it began may be read again and again. So are files that cannot be read.
pub(super) fn read_nothing_new(run: &Run) -> bool {
    // A missing count means zero.
    let count = |name: &str| run.counts[name].as_i64().unwrap_or(0);

    run.state == RunState::Succeeded
        && count("staged") == 0
        && (count("duplicate") > 0 || run.counts["events"] == 0)
}

/// Whether the source has something that the cursor has not seen. If it has nothing, moves the cursor to now.
pub(super) async fn has_something(app: &App, definition: &Definition) -> Result<bool> {
    let store = &app.store;
    let Some(cursor) = store.cursor(&definition.name).await? else {
        return Ok(true);
    };
    let mut source = source::open(definition, &app.connections, &app.drops, store).await?;
    let reading = source
        .begin(
            Some(&cursor.position),
            Some(cursor.covered_until),
            Purpose::Poll,
        )
        .await?;
    let is_due = reading.has_backfills || reading.is_partial || !reading.compared.is_empty();
    if is_due || source.backlog(1, MAX_WAIT).await? > 0 {
        return Ok(true);
    }
    // There was nothing to read, so the cursor stands where a run would leave it.
    let poll = EmptyPoll {
        position: source.position_after(&reading, &Tally::default(), &[])?,
        covered_until: reading.covered_until,
        blocked_by: reading.blocked(),
    };
    store
        .record_empty_poll(&definition.name, &cursor, &poll)
        .await?;

    Ok(false)
}

/// Whether a batch that landed is not in every mart.
async fn is_unpublished(app: &App, definition: &Definition) -> Result<bool> {
    let landed = app.store.last_landed(&definition.name).await?;
    for table in definition.tables.values() {
        let known = app.store.table(&table.id).await?;
        if known.is_some_and(|known| known.current_from().min(known.history_from()) < landed) {
            return Ok(true);
        }
    }

    Ok(false)
}
