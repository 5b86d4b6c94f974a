//! Pipelines whose models have a `target_lag`: a run starts by itself when one of them is about to lag more than that.

use std::collections::BTreeSet;
use std::time::Duration;

use icefront_project::Model;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::poll::has_something;
use super::request::Request;
use super::start::start_by_itself;
use crate::app::App;
use crate::error::{Error, Result, causes};
use crate::models::{Clock, clock};
use crate::pipeline::{Definition, Names, TableId};
use crate::state::{RunQuery, RunState, Trigger};

/// Between two looks at the lags.
const LEAST_PAUSE: Duration = Duration::from_secs(1);
const MOST_PAUSE: Duration = Duration::from_secs(30);
/// The longest pause after runs that failed or brought nothing, and the longest time that a look may take.
const MAX_WAIT: Duration = Duration::from_mins(1);

/// What a look at the lags came to.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    /// No model is due, or a run is active, or the pipeline is paused.
    Nothing,
    Started,
    /// The same models were due at the same batches before: a run that failed, or could not refresh them.
    StartedAgain,
}

/// A model that is due, with its last refresh.
#[derive(Debug, PartialEq, Eq)]
struct Due {
    model: String,
    covered_batch: Option<i64>,
    refreshed_at: Option<Timestamp>,
}

/// Keeps the models of a pipeline within their target lags, for ever.
pub(super) async fn keep(app: App, pipeline: String) {
    let Ok(definition) = app.pipelines.get(&pipeline) else {
        return;
    };
    let Some(shortest) = definition.target_lags.values().min().copied() else {
        return;
    };
    let usual = (shortest / 20).clamp(LEAST_PAUSE, MOST_PAUSE);
    let mut pause = usual;
    let mut before = Vec::new();
    let mut is_fault_logged = false;
    loop {
        tokio::time::sleep(pause).await;
        let late = |_| Err(Error::TimedOut("the source does not answer".into()));
        let look = tokio::time::timeout(MAX_WAIT, look(&app, definition, usual, &mut before)).await;
        match look.unwrap_or_else(late) {
            Ok(look) => {
                is_fault_logged = false;
                pause = match look {
                    Look::Nothing | Look::Started => usual,
                    Look::StartedAgain => (pause * 2).min(MAX_WAIT.max(usual)),
                };
            }
            Err(error) => {
                if !is_fault_logged {
                    let cause = causes(&error);
                    tracing::warn!(pipeline, %error, cause, "target lags cannot be kept");
                }
                is_fault_logged = true;
                pause = (pause * 2).min(MAX_WAIT.max(usual));
            }
        }
    }
}

/// Starts a run of the models that are due and of all that they read, if there is something new for them. `before` are those of
/// the last run that this started; the next look comes after `pause`.
async fn look(
    app: &App,
    definition: &Definition,
    pause: Duration,
    before: &mut Vec<Due>,
) -> Result<Look> {
    let store = &app.store;
    let pipeline = &definition.name;
    if store.pipeline(pipeline).await?.is_paused {
        return Ok(Look::Nothing);
    }
    let which = RunQuery {
        pipeline: Some(pipeline.clone()),
        limit: 1,
        ..RunQuery::default()
    };
    let last = store.runs(&which).await?.pop();
    if last.as_ref().is_some_and(|run| !run.state.is_terminal()) {
        return Ok(Look::Nothing);
    }
    let ahead = pause + store.usual_duration(pipeline).await?.unwrap_or_default();
    let mut due: Vec<Due> = Vec::new();
    let mut follows_time = false;
    let mut blocked: BTreeSet<&str> = BTreeSet::new();
    for model in &definition.models.models {
        let id = TableId::new(pipeline, &model.name);
        let state = store.model(&id).await?;
        let is_blocked = model
            .refs
            .iter()
            .any(|name| blocked.contains(name.as_str()));
        if state.is_suspended || is_blocked {
            // Its readers cannot become fresher, either.
            blocked.insert(&model.name);
            continue;
        }
        let Some(target) = definition.target_lag(&model.name) else {
            continue;
        };
        let refreshed_at = store.last_refresh(&id).await?.succeeded_at;
        let covered_until = match state.covered_batch {
            Some(batch) => store.covered_until(pipeline, batch).await?,
            None => refreshed_at,
        };
        let is_late = |since: Timestamp| {
            let lag = Timestamp::now().duration_since(since).unsigned_abs();
            lag + ahead >= target
        };
        let has_old_time = refreshed_at.is_some_and(|at| match clock_of(app, definition, model) {
            Clock::None => state.covered_batch.is_none() && is_late(at),
            Clock::Day => day(at) != day(Timestamp::now()),
            Clock::Moment => is_late(at),
        });
        if has_old_time || covered_until.is_none_or(is_late) {
            follows_time |= has_old_time;
            due.push(Due {
                model: model.name.clone(),
                covered_batch: state.covered_batch,
                refreshed_at,
            });
        }
    }
    if due.is_empty() {
        return Ok(Look::Nothing);
    }
    let landed = store.last_landed(pipeline).await?;
    let is_behind = due
        .iter()
        .any(|due| due.covered_batch.is_none_or(|covered| covered < landed));
    let is_left = is_behind || !store.open_batches(pipeline).await?.is_empty();
    if !follows_time && !is_left && !has_something(app, definition).await? {
        return Ok(Look::Nothing);
    }
    let request = Request {
        select: due.iter().map(|due| format!("+{}", due.model)).collect(),
        ..Request::default()
    };
    start_by_itself(app, definition, request, Trigger::TargetLag, None).await?;
    let failed = last.is_some_and(|run| run.state == RunState::Failed);
    let is_again = failed || *before == due;
    *before = due;

    Ok(if is_again {
        Look::StartedAgain
    } else {
        Look::Started
    })
}

fn clock_of(app: &App, definition: &Definition, model: &Model) -> Clock {
    clock(definition, &Names::new(definition, &app.config), model)
}

fn day(time: Timestamp) -> Date {
    time.to_zoned(TimeZone::UTC).date()
}
