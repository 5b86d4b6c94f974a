//! Pipelines whose models have a `target_lag`: a run starts by itself when one of them is about to lag more than that.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::faults::Faults;
use super::poll::{has_something, read_nothing_new};
use super::rest::is_resting;
use crate::app::App;
use crate::error::{Error, Result};
use crate::models::{Clock, clock};
use crate::pipeline::{Definition, Names, TableId};
use crate::run::request::Request;
use crate::run::start::{Cause, start_by_itself};
use crate::state::{Run, RunState, Trigger};

/// Between two looks at the lags.
const LEAST_PAUSE: Duration = Duration::from_secs(1);
const MOST_PAUSE: Duration = Duration::from_secs(30);
/// The longest pause after runs that failed or brought nothing, and the longest time that a look may take.
const MAX_WAIT: Duration = Duration::from_mins(1);

/// What a look at the lags came to.
#[derive(Debug, PartialEq, Eq)]
enum Look {
    /// A run is active, or the pipeline is paused or rests.
    NotLooked,
    /// No model is due.
    Nothing,
    Started,
    /// The last run failed, or brought nothing new, or the same models were due before it.
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
pub(super) async fn watch(app: App, pipeline: String) {
    let Ok(definition) = app.pipelines.get(&pipeline) else {
        return;
    };
    let Some(shortest) = definition.target_lags.values().min().copied() else {
        return;
    };
    let clocks = clocks(&app, definition);
    let usual = (shortest / 20).clamp(LEAST_PAUSE, MOST_PAUSE);
    let mut pause = usual;
    let mut before = Vec::new();
    let mut faults = Faults::of(&pipeline, "target lags cannot be kept");
    loop {
        tokio::time::sleep(pause).await;
        let late = |_| Err(Error::TimedOut("the source does not answer".into()));
        let look = tokio::time::timeout(
            MAX_WAIT,
            look(&app, definition, &clocks, usual, &mut before),
        )
        .await;
        let look = look.unwrap_or_else(late);
        faults.note(&look);
        pause = match look {
            Ok(Look::NotLooked) => pause,
            Ok(Look::Nothing | Look::Started) => usual,
            Ok(Look::StartedAgain) | Err(_) => (pause * 2).min(MAX_WAIT.max(usual)),
        };
    }
}

/// Starts a run of the models that are due and of all that they read, if there is something new for them. `before` are those of
/// the last run that this started; the next look comes after `pause`.
async fn look(
    app: &App,
    definition: &Definition,
    clocks: &BTreeMap<String, Clock>,
    pause: Duration,
    before: &mut Vec<Due>,
) -> Result<Look> {
    let store = &app.store;
    let pipeline = &definition.name;
    if store.pipeline(pipeline).await?.is_paused {
        return Ok(Look::NotLooked);
    }
    let last = store.last_run(pipeline).await?;
    let waits = |run: &Run| !run.state.is_terminal() || is_resting(run);
    if last.as_ref().is_some_and(waits) {
        return Ok(Look::NotLooked);
    }
    let ahead = pause + store.usual_duration(pipeline).await?.unwrap_or_default();
    let mut due: Vec<Due> = Vec::new();
    let mut follows_time = false;
    let mut blocked: BTreeSet<&str> = BTreeSet::new();
    let mut times: BTreeMap<&str, Times> = BTreeMap::new();
    for model in &definition.models.models {
        let id = TableId::new(pipeline, &model.name);
        let state = store.model(&id).await?;
        let mut is_blocked = model.refs.iter().map(String::as_str);
        if state.is_suspended || is_blocked.any(|name| blocked.contains(name)) {
            // Its readers cannot become fresher, either.
            blocked.insert(&model.name);
            continue;
        }
        let refreshed_at = store.last_refresh(&id).await?.succeeded_at;
        let mut read = Times::of(clocks.get(&model.name), refreshed_at);
        for name in &model.refs {
            read.extend(times.get(name.as_str()));
        }
        times.insert(&model.name, read);
        let Some(target) = definition.target_lag(&model.name) else {
            continue;
        };
        let covered_until = match state.covered_batch {
            Some(batch) => store.covered_until(pipeline, batch).await?,
            None => refreshed_at,
        };
        let is_late = |since: Timestamp| {
            // The source's clock may be ahead.
            let lag = Duration::try_from(Timestamp::now().duration_since(since));
            lag.unwrap_or_default() + ahead >= target
        };
        let has_old_time = read.moment.is_some_and(is_late)
            || read.day.is_some_and(|at| day(at) != day(Timestamp::now()))
            || state.covered_batch.is_none() && refreshed_at.is_some_and(is_late);
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
    let cause = Cause::of(Trigger::TargetLag);
    start_by_itself(app, definition, request, cause).await?;
    let brought_nothing = |run: &Run| run.state == RunState::Failed || read_nothing_new(run);
    let is_again = last.as_ref().is_some_and(brought_nothing) || *before == due;
    *before = due;

    Ok(if is_again {
        Look::StartedAgain
    } else {
        Look::Started
    })
}

/// The oldest times that a model's rows are of, where they follow the time: its own, and those of the models that it reads.
#[derive(Debug, Clone, Copy, Default)]
struct Times {
    /// Of a model that follows the day.
    day: Option<Timestamp>,
    /// Of one that follows each moment.
    moment: Option<Timestamp>,
}

impl Times {
    fn of(clock: Option<&Clock>, refreshed_at: Option<Timestamp>) -> Self {
        Self {
            day: refreshed_at.filter(|_| clock == Some(&Clock::Day)),
            moment: refreshed_at.filter(|_| clock == Some(&Clock::Moment)),
        }
    }

    fn extend(&mut self, other: Option<&Self>) {
        let Some(other) = other else { return };
        self.day = self.day.into_iter().chain(other.day).min();
        self.moment = self.moment.into_iter().chain(other.moment).min();
    }
}

/// How the models of a pipeline follow the time, by name.
fn clocks(app: &App, definition: &Definition) -> BTreeMap<String, Clock> {
    let names = Names::new(definition, &app.config);
    let models = definition.models.models.iter();

    models
        .map(|model| (model.name.clone(), clock(definition, &names, model)))
        .collect()
}

fn day(time: Timestamp) -> Date {
    time.to_zoned(TimeZone::UTC).date()
}
