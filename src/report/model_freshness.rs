//! How fresh models are: their lag behind the sources, now and over the last day.

use std::collections::BTreeSet;

use icefront_project::{Materialized, Model};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use super::freshness::{LagReason, Status, rounded, seconds};
use crate::app::App;
use crate::error::Result;
use crate::pipeline::{Definition, PipelineModel, TableId};
use crate::state::{ModelState, RefreshState, RunState};

/// Over how much time the mean and the maximum are.
const WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// How far a model is behind its sources.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "model": "shop.daily_revenue", "status": "pass", "covered_until": "2026-01-01T12:00:00Z", "lag_seconds": 12.5,
    "lag_reason": "up_to_date", "target_lag_seconds": 300, "mean_lag_seconds": 130.1, "max_lag_seconds": 268.4,
    "share_within_target": 1.0,
}))]
pub struct ModelFreshness {
    /// The model's name in the API.
    pub model: String,
    /// `warn` if it lags more than its target lag; `error` if it was never refreshed, or its last refresh failed.
    pub status: Status,
    /// The time up to which every committed change of its sources is in it; absent before the first refresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub covered_until: Option<Timestamp>,
    /// The time from `covered_until` until now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag_seconds: Option<f64>,
    /// Why the model has this lag.
    pub lag_reason: LagReason,
    /// The target lag; with `downstream`, the shortest one of its readers. Absent if it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_lag_seconds: Option<u64>,
    /// The mean lag of the last 24 hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_lag_seconds: Option<f64>,
    /// The longest lag of the last 24 hours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_lag_seconds: Option<f64>,
    /// The share of the last 24 hours in which it was within its target lag, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share_within_target: Option<f64>,
}

/// Gives the lag of a model. Rejects of its tables hold `covered_until` back.
pub async fn model_freshness(app: &App, of: PipelineModel<'_>) -> Result<ModelFreshness> {
    let PipelineModel { definition, model } = of;
    let id = of.id();
    let state = app.store.model(&id).await?;
    let target = definition.target_lag(&model.name);
    let last = app.store.last_refresh(&id).await?;
    let covered_batch = covered_batch(app, of, &state).await?;
    let covered_until = match covered_batch {
        Covered::Never => None,
        Covered::ByBatch(batch) => app.store.covered_until(&definition.name, batch).await?,
        Covered::ByItself => last.succeeded_at,
    };
    let now = Timestamp::now();
    let lag_seconds = covered_until.map(|covered| seconds(now.duration_since(covered)));
    let is_failed = last
        .state
        .is_some_and(|last| last != RefreshState::Succeeded);
    let is_late = target
        .zip(lag_seconds)
        .is_some_and(|(target, lag)| lag > target.as_secs_f64());
    let status = if covered_until.is_none() || is_failed {
        Status::Error
    } else if is_late {
        Status::Warn
    } else {
        Status::Pass
    };
    let lag_reason = if state.is_suspended {
        LagReason::Suspended
    } else if is_failed {
        LagReason::Failed
    } else if status == Status::Pass
        && (target.is_some() || is_complete(app, of, covered_batch).await?)
    {
        LagReason::UpToDate
    } else {
        waits(app, definition).await?
    };
    let since = now.checked_sub(WINDOW).unwrap_or(Timestamp::MIN);
    let measured = app.store.lag_since(&id, since, target).await?;

    Ok(ModelFreshness {
        model: id.to_string(),
        status,
        covered_until,
        lag_seconds,
        lag_reason,
        target_lag_seconds: target.map(|target| target.as_secs()),
        mean_lag_seconds: measured.mean.map(rounded),
        max_lag_seconds: measured.maximum.map(rounded),
        share_within_target: measured.share_within_target,
    })
}

/// What a model that is not young enough waits for.
async fn waits(app: &App, definition: &Definition) -> Result<LagReason> {
    let last = app.store.last_runs(&definition.name).await?;

    Ok(match last.active {
        Some(RunState::Running) => LagReason::Running,
        Some(_) => LagReason::Waiting,
        None if last.ended == Some(RunState::Failed) => LagReason::Failed,
        None => LagReason::NotScheduled,
    })
}

/// Up to when a model is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Covered {
    /// It was never refreshed.
    Never,
    /// The last batch up to which everything is in it.
    ByBatch(i64),
    /// It reads nothing of the pipeline: its last refresh counts.
    ByItself,
}

/// Whether everything that landed is in a model.
async fn is_complete(app: &App, of: PipelineModel<'_>, covered: Covered) -> Result<bool> {
    match covered {
        Covered::Never => Ok(false),
        Covered::ByItself => Ok(true),
        Covered::ByBatch(batch) => Ok(app.store.last_landed(&of.definition.name).await? <= batch),
    }
}

async fn covered_batch(app: &App, of: PipelineModel<'_>, state: &ModelState) -> Result<Covered> {
    let PipelineModel { definition, model } = of;
    if state.made_of.is_none() {
        return Ok(Covered::Never);
    }
    let mut batches: Vec<i64> = Vec::new();
    if model.config.materialized == Materialized::View {
        for name in read_through_views(definition, model) {
            let id = TableId::new(&definition.name, name);
            batches.extend(app.store.model(&id).await?.covered_batch);
        }
    } else {
        batches.extend(state.covered_batch);
    }
    for name in definition.tables_of(&model.name) {
        let id = TableId::new(&definition.name, &name);
        let Some(table) = app.store.table(&id).await? else {
            continue;
        };
        if model.config.materialized == Materialized::View {
            batches.push(table.current_from().min(table.history_from()));
        }
        batches.extend(table.clean_batch);
    }
    let least = batches.into_iter().min();

    Ok(least.map_or(Covered::ByItself, Covered::ByBatch))
}

/// The models with tables that a view reads, also through other views.
fn read_through_views<'a>(definition: &'a Definition, view: &'a Model) -> Vec<&'a str> {
    let mut tables = Vec::new();
    let mut seen = BTreeSet::new();
    let mut open = vec![view];
    while let Some(view) = open.pop() {
        for name in &view.refs {
            let Some(model) = definition.models.model(name) else {
                continue;
            };
            if !seen.insert(name) {
                continue;
            }
            if model.config.materialized == Materialized::View {
                open.push(model);
            } else {
                tables.push(model.name.as_str());
            }
        }
    }

    tables
}
