//! Pipelines with `poll`: a run starts by itself as soon as the source has something new.

use std::time::Duration;

use super::{IfRunning, Request, start};
use crate::app::App;
use crate::error::{Error, Result, causes};
use crate::pipeline::Definition;
use crate::source::{self, Purpose, Tally};
use crate::state::{EmptyPoll, RunQuery, RunState};

/// A source that has nothing is asked more seldom, up to so many times `poll`.
const IDLE: u32 = 4;
/// After a fault it is asked after so long at the latest; and so long one asking may take.
const LONGEST: Duration = Duration::from_mins(1);

/// What a look at a source came to.
enum Poll {
    /// A run is under way.
    Active,
    /// A run was started.
    Something,
    /// A run was started after one that failed, or that only found again what was known.
    Unclear,
    Nothing,
}

/// Asks a pipeline's source every `every`, for ever, and starts a run when there is something.
///
/// While a run waits or is active nothing is asked. Where there is nothing, the source is known to be covered up to now: freshness and cursor
/// move without a batch.
pub(super) async fn poll(app: App, pipeline: String, every: Duration) {
    // How long the source was left alone last, and for how long it is now.
    let mut pause = every;
    let mut next = every;
    let mut was_away = false;
    let mut is_new = true;
    loop {
        tokio::time::sleep(next).await;
        let Ok(definition) = app.pipelines.get(&pipeline) else {
            return;
        };
        let late = |_| Err(Error::TimedOut("the source does not answer a poll".into()));
        let found = tokio::time::timeout(LONGEST, look(&app, definition, is_new)).await;
        let found = found.unwrap_or_else(late);
        let was_active = matches!(found, Ok(Poll::Active));
        is_new &= was_active || found.is_err();
        pause = match found {
            Ok(Poll::Active) => pause,
            Ok(Poll::Something) => every,
            Ok(Poll::Nothing) => (pause + every / 2).min(every * IDLE),
            Ok(Poll::Unclear) | Err(_) => (pause * 2).min(LONGEST.max(every)),
        };
        next = if was_active { every } else { pause };
        match found {
            Err(error) if !was_away => {
                let cause = causes(&error);
                tracing::warn!(pipeline, %error, cause, "the source cannot be polled");
                was_away = true;
            }
            Err(_) => {}
            Ok(_) => was_away = false,
        }
    }
}

/// Looks at a source; at first, `is_new`, also at what an earlier service left, by whatever fault: it may have been mended since.
async fn look(app: &App, definition: &Definition, is_new: bool) -> Result<Poll> {
    let store = &app.store;
    let pipeline = &definition.name;
    let last = store
        .runs(&RunQuery {
            pipeline: Some(pipeline.clone()),
            state: None,
            before: None,
            limit: 1,
        })
        .await?
        .pop();
    if last.as_ref().is_some_and(|run| !run.state.is_terminal()) {
        return Ok(Poll::Active);
    }
    // While a transaction stays open, what others committed since it began may be read again and again; and so are files that nobody may read.
    let was_idle = last.as_ref().is_some_and(|run| {
        let count = |name: &str| run.counts[name].as_i64().unwrap_or(0);
        run.state == RunState::Succeeded
            && count("staged") == 0
            && (count("duplicate") > 0 || run.counts["events"] == 0)
    });
    let failed = last.filter(|run| run.state == RunState::Failed);
    // What failed by a fault that passes is tried again, and so is a batch that is written and not landed.
    let is_left = failed.as_ref().is_some_and(|run| {
        let error = run.error.as_ref();
        error.is_some_and(|error| error["retryable"] == true)
    }) || !store.open_batches(pipeline).await?.is_empty()
        || is_new && is_unpublished(app, definition).await?;
    let cursor = store.cursor(pipeline).await?;
    if let (Some(cursor), false) = (&cursor, is_left) {
        let mut source = source::open(definition, &app.connections, store).await?;
        let reading = source
            .begin(
                Some(&cursor.position),
                Some(cursor.covered_until),
                Purpose::Look,
            )
            .await?;
        let is_due = reading.has_backfills || reading.is_partial || !reading.compared.is_empty();
        if !is_due && source.backlog(1, LONGEST).await? == 0 {
            // All of nothing was read, so the cursor stands where a run would leave it.
            let poll = EmptyPoll {
                position: source.position_after(&reading, &Tally::default(), &[])?,
                covered_until: reading.covered_until,
                blocked_by: reading.blocked(),
            };
            store.record_empty_poll(pipeline, cursor, &poll).await?;
            return Ok(Poll::Nothing);
        }
    }
    // Another service that polls it, too, may have started one meanwhile.
    let request = Request {
        if_running: IfRunning::Attach,
        ..Request::default()
    };
    start(app, definition, &request, None).await?;

    Ok(if failed.is_some() || was_idle {
        Poll::Unclear
    } else {
        Poll::Something
    })
}

/// Whether something that landed is not in every table.
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
