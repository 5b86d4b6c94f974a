//! Pipelines whose models have a `target_lag`: a run starts by itself when one of them is about to lag more than that.

use std::time::Duration;

use icefront_project::Model;
use jiff::Timestamp;

use super::poll::has_something;
use super::request::Request;
use super::start::start_by_itself;
use crate::app::App;
use crate::error::{Error, Result, causes};
use crate::models::reads_clock;
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

/// A model that is due, with what its last refresh read.
#[derive(Debug, PartialEq, Eq)]
struct Due {
    model: String,
    covered_batch: Option<i64>,
    as_of: Option<Timestamp>,
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
        let look = tokio::time::timeout(MAX_WAIT, look(&app, definition, &mut before)).await;
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
/// the last run that this started.
async fn look(app: &App, definition: &Definition, before: &mut Vec<Due>) -> Result<Look> {
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
    let usual = store.usual_duration(pipeline).await?.unwrap_or_default();
    let mut due: Vec<Due> = Vec::new();
    let mut follows_time = false;
    for model in &definition.models.models {
        let Some(target) = definition.target_lag(&model.name) else {
            continue;
        };
        let state = store.model(&TableId::new(pipeline, &model.name)).await?;
        if state.is_suspended {
            continue;
        }
        let covered_until = match state.covered_batch {
            Some(batch) => store.covered_until(pipeline, batch).await?,
            None => state.reading.as_ref().map(|reading| reading.as_of),
        };
        let is_late = |since: Timestamp| {
            let lag = Timestamp::now().duration_since(since).unsigned_abs();
            lag + usual >= target
        };
        let as_of = state.reading.as_ref().map(|reading| reading.as_of);
        let has_old_time = has_clock(app, definition, model) && as_of.is_none_or(is_late);
        if has_old_time || covered_until.is_none_or(is_late) {
            follows_time |= has_old_time;
            due.push(Due {
                model: model.name.clone(),
                covered_batch: state.covered_batch,
                as_of,
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

fn has_clock(app: &App, definition: &Definition, model: &Model) -> bool {
    reads_clock(definition, &Names::new(definition, &app.config), model)
}
