//! Freshness in data time: how old the data of tables and models is, measured to its sources, and what makes it so.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use icefront_project::{Materialized, Model};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::error::Result;
use crate::pipeline::{Definition, PipelineModel, TableId, TrackedTable};
use crate::state::{
    Activity, HoldingFiles, LagSince, LastRefresh, ModelState, RefreshState, RunState, Status,
    TableState,
};

/// Over how much time the mean and the longest lag are.
const WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// Why a table or model has its lag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LagReason {
    /// It is within its limits.
    UpToDate,
    /// It has all that landed, and no limit says how old it may be.
    NoLimit,
    /// No run of the pipeline was ever asked for.
    NeverRun,
    /// No run was asked for since.
    NotScheduled,
    /// A run waits in the queue.
    Queued,
    /// A run is under way.
    Running,
    /// The last run failed.
    Failed,
    /// Events were rejected; they are missing until they are replayed.
    Rejected,
    /// A transaction in the source was open long when it was read.
    BlockedByTransaction,
    /// Files of it cannot be read; `lag_detail` names them.
    UnreadableFiles,
    /// It never had a file: the folder has none that its `from` names.
    EmptyFolder,
    /// The model is suspended: runs leave it out.
    Suspended,
}

/// How old the data of a table or a model is.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(example = json!({
    "pipeline": "shop", "table": "shop.orders", "model": null, "status": "pass", "covered_until": "2026-01-01T12:00:00.000000Z",
    "lag_seconds": 12.5, "lag_reason": "up_to_date", "lag_detail": null, "warn_after_seconds": 600, "error_after_seconds": 3600,
    "target_lag_seconds": null, "mean_lag_seconds": null, "max_lag_seconds": null, "share_within_target": null,
}))]
pub struct Freshness {
    /// The pipeline.
    pub pipeline: String,
    /// The table; `null` for a model.
    pub table: Option<String>,
    /// The model; `null` for a table.
    pub model: Option<String>,
    /// Of a table: by its limits. Of a model: `warn` beyond its target lag, `error` if its last refresh failed. `unknown` before the first
    /// publication, unless the first run failed.
    pub status: Status,
    /// The time up to which every committed change of its sources is in it; `null` before the first publication.
    #[serde(serialize_with = "crate::time::exact")]
    pub covered_until: Option<Timestamp>,
    /// The time from `covered_until` until now.
    pub lag_seconds: Option<f64>,
    /// Why it has this lag.
    pub lag_reason: LagReason,
    /// What that is about, if there is more to say.
    pub lag_detail: Option<String>,
    /// The limit of a table for `warn`.
    pub warn_after_seconds: Option<u64>,
    /// The limit of a table for `error`.
    pub error_after_seconds: Option<u64>,
    /// The target lag of a model; with `downstream`, the shortest one of its readers.
    pub target_lag_seconds: Option<u64>,
    /// The mean lag of a model in the last 24 hours.
    pub mean_lag_seconds: Option<f64>,
    /// The longest lag of a model in the last 24 hours.
    pub max_lag_seconds: Option<f64>,
    /// The share of the last 24 hours in which a model was within its target lag, 0 to 1.
    pub share_within_target: Option<f64>,
}

/// A table or a model whose freshness is asked for.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    Table(TrackedTable<'a>),
    Model(PipelineModel<'a>),
}

impl<'a> Subject<'a> {
    /// The tables and models of a pipeline, sorted by name.
    #[must_use]
    pub fn all(definition: &'a Definition) -> Vec<Self> {
        let tables = TrackedTable::all(definition).map(Self::Table);
        let models = PipelineModel::all(definition).into_iter().map(Self::Model);
        let mut all: Vec<Self> = tables.chain(models).collect();
        all.sort_by_key(Self::id);

        all
    }

    #[must_use]
    pub fn id(&self) -> TableId {
        match self {
            Self::Table(table) => table.table.id.clone(),
            Self::Model(model) => model.id(),
        }
    }

    fn definition(&self) -> &'a Definition {
        match self {
            Self::Table(table) => table.definition,
            Self::Model(model) => model.definition,
        }
    }
}

/// Gives the age of the data of tables and models: now − `covered_until`. Rejects hold `covered_until` back.
///
/// It asks the state database the same number of times, whatever the number of subjects.
pub async fn freshness(app: &App, subjects: &[Subject<'_>]) -> Result<Vec<Freshness>> {
    freshness_at(app, subjects, Timestamp::now()).await
}

/// The same by another clock.
pub async fn freshness_at(
    app: &App,
    subjects: &[Subject<'_>],
    now: Timestamp,
) -> Result<Vec<Freshness>> {
    if subjects.is_empty() {
        return Ok(Vec::new());
    }
    let known = Known::read(app, subjects).await?;

    Ok(subjects
        .iter()
        .map(|subject| match subject {
            Subject::Table(table) => known.of_table(*table, now),
            Subject::Model(model) => known.of_model(*model, now),
        })
        .collect())
}

/// Seconds, rounded to milliseconds and never negative: the clocks of two machines do not agree more closely.
#[must_use]
pub fn seconds(time: SignedDuration) -> f64 {
    rounded(time.as_secs_f64())
}

fn rounded(seconds: f64) -> f64 {
    (seconds.max(0.0) * 1_000.0).round() / 1_000.0
}

/// Up to when something is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Covered {
    /// It was never made.
    Never,
    /// The last batch up to which everything is in it.
    ByBatch(i64),
    /// It reads nothing of the pipeline: its last refresh counts.
    ByItself,
}

/// What the state database knows of the subjects and of what they read.
#[derive(Default)]
struct Known {
    tables: HashMap<TableId, TableState>,
    models: HashMap<TableId, ModelState>,
    refreshes: HashMap<TableId, LastRefresh>,
    lags: HashMap<TableId, LagSince>,
    files: HashMap<TableId, HoldingFiles>,
    activities: HashMap<String, Activity>,
    /// By pipeline and batch.
    covered: HashMap<(String, i64), Timestamp>,
}

impl Known {
    async fn read(app: &App, subjects: &[Subject<'_>]) -> Result<Self> {
        let store = &app.store;
        let mut tables = BTreeSet::new();
        let mut models = BTreeSet::new();
        let mut of_files = BTreeSet::new();
        let mut targets: Vec<(TableId, Option<f64>)> = Vec::new();
        let mut pipelines = BTreeSet::new();
        for subject in subjects {
            let definition = subject.definition();
            let id = |name: &str| TableId::new(&definition.name, name);
            pipelines.insert(definition.name.as_str());
            match subject {
                Subject::Table(of) => {
                    tables.insert(of.table.id.clone());
                    if of.table.files.is_some() {
                        of_files.insert(of.table.id.clone());
                    }
                }
                Subject::Model(of) => {
                    tables.extend(
                        definition
                            .tables_of(&of.model.name)
                            .iter()
                            .map(|name| id(name)),
                    );
                    models.insert(of.id());
                    models.extend(read_through_views(definition, of.model).into_iter().map(id));
                    let target = definition.target_lag(&of.model.name);
                    targets.push((of.id(), target.map(|target| target.as_secs_f64())));
                }
            }
        }
        let all = |ids: &BTreeSet<TableId>| ids.iter().cloned().collect::<Vec<_>>();
        let (tables, models, of_files) = (all(&tables), all(&models), all(&of_files));
        let pipelines: Vec<&str> = pipelines.into_iter().collect();
        let mut known = Self {
            tables: store.tables(&references(&tables)).await?,
            files: store.holding_files(&references(&of_files)).await?,
            activities: store.activities(&pipelines).await?,
            ..Self::default()
        };
        if !targets.is_empty() {
            let (asked, targets): (Vec<TableId>, Vec<Option<f64>>) = targets.into_iter().unzip();
            let asked = references(&asked);
            let since = Timestamp::now();
            let since = since.checked_sub(WINDOW).unwrap_or(Timestamp::MIN);
            known.models = store.models(&references(&models)).await?;
            known.refreshes = store.last_refreshes(&asked).await?;
            known.lags = store.lags_since(&asked, &targets, since).await?;
        }
        let mut batches = BTreeSet::new();
        for subject in subjects {
            if let Covered::ByBatch(batch) = known.covered(subject) {
                batches.insert((subject.definition().name.as_str(), batch));
            }
        }
        known.covered = store.covered_untils(&batches).await?;

        Ok(known)
    }

    fn covered(&self, subject: &Subject<'_>) -> Covered {
        match subject {
            Subject::Table(of) => Covered::ByBatch(self.covered_batch(of)),
            Subject::Model(of) => self.covered_model(*of),
        }
    }

    /// The last batch up to which everything is in a table.
    fn covered_batch(&self, of: &TrackedTable<'_>) -> i64 {
        let state = self.tables.get(&of.table.id);
        let published = state.map_or(0, |state| state.current_batch.min(state.history_batch));
        let clean = state.and_then(|state| state.clean_batch);

        clean.map_or(published, |clean| clean.min(published))
    }

    fn covered_model(&self, of: PipelineModel<'_>) -> Covered {
        let PipelineModel { definition, model } = of;
        let state = self.models.get(&of.id());
        let Some(state) = state.filter(|state| state.made_of.is_some()) else {
            return Covered::Never;
        };
        let is_view = model.config.materialized == Materialized::View;
        let mut batches: Vec<i64> = Vec::new();
        if is_view {
            for name in read_through_views(definition, model) {
                let read = self.models.get(&TableId::new(&definition.name, name));
                batches.extend(read.and_then(|read| read.covered_batch));
            }
        } else {
            batches.extend(state.covered_batch);
        }
        for name in definition.tables_of(&model.name) {
            let Some(table) = self.tables.get(&TableId::new(&definition.name, &name)) else {
                continue;
            };
            if is_view {
                batches.push(table.current_from().min(table.history_from()));
            }
            batches.extend(table.clean_batch);
        }
        let least = batches.into_iter().min();

        least.map_or(Covered::ByItself, Covered::ByBatch)
    }

    fn covered_until(&self, pipeline: &str, batch: i64) -> Option<Timestamp> {
        self.covered.get(&(pipeline.to_owned(), batch)).copied()
    }

    fn of_table(&self, of: TrackedTable<'_>, now: Timestamp) -> Freshness {
        let TrackedTable { definition, table } = of;
        let pipeline = definition.name.as_str();
        let batch = self.covered_batch(&of);
        let covered_until = self.covered_until(pipeline, batch);
        let lag_seconds = covered_until.map(|covered| seconds(now.duration_since(covered)));
        let limits = &table.freshness;
        let activity = self.activities.get(pipeline);
        // Before the first publication, the time since the first run counts.
        let waited = activity.and_then(|activity| activity.first_accepted_at);
        let age = lag_seconds.or_else(|| waited.map(|since| seconds(now.duration_since(since))));
        let is_over = |limit: Option<Duration>| {
            limit
                .zip(age)
                .is_some_and(|(limit, age)| age > limit.as_secs_f64())
        };
        let has_failed = activity.is_some_and(|activity| activity.ended == Some(RunState::Failed));
        let status = match lag_seconds {
            _ if is_over(limits.error_after) => Status::Error,
            None if has_failed => Status::Error,
            None => Status::Unknown,
            Some(_) if is_over(limits.warn_after) => Status::Warn,
            Some(_) => Status::Pass,
        };
        let has_limit = limits.warn_after.is_some() || limits.error_after.is_some();
        let state = self.tables.get(&table.id);
        let (lag_reason, lag_detail) = if state.is_some_and(|state| state.clean_batch.is_some()) {
            (LagReason::Rejected, None)
        } else {
            let is_complete = activity.is_some_and(|activity| activity.last_landed <= batch);
            let is_blocked = covered_until.is_some()
                && activity.is_some_and(|activity| activity.blocked_at == covered_until);
            let reason = match waits(activity) {
                LagReason::NotScheduled if is_blocked && status != Status::Pass => {
                    LagReason::BlockedByTransaction
                }
                LagReason::NotScheduled if status == Status::Pass && has_limit => {
                    LagReason::UpToDate
                }
                LagReason::NotScheduled if status == Status::Pass && is_complete => {
                    LagReason::NoLimit
                }
                reason => reason,
            };
            self.held_by_files(of, reason)
        };

        Freshness {
            pipeline: pipeline.to_owned(),
            table: Some(table.id.to_string()),
            model: None,
            status,
            covered_until,
            lag_seconds,
            lag_reason,
            lag_detail,
            warn_after_seconds: limits.warn_after.map(|limit| limit.as_secs()),
            error_after_seconds: limits.error_after.map(|limit| limit.as_secs()),
            target_lag_seconds: None,
            mean_lag_seconds: None,
            max_lag_seconds: None,
            share_within_target: None,
        }
    }

    /// Whether a table is old because of its files, though no run is under way: some cannot be read, or there are none.
    fn held_by_files(
        &self,
        of: TrackedTable<'_>,
        reason: LagReason,
    ) -> (LagReason, Option<String>) {
        let is_idle = matches!(
            reason,
            LagReason::UpToDate | LagReason::NoLimit | LagReason::NotScheduled
        );
        let held = self.files.get(&of.table.id).filter(|_| is_idle);
        let (Some(pattern), Some(held)) = (&of.table.files, held) else {
            return (reason, None);
        };
        if !held.has_files {
            let detail = format!("no file was found that `{pattern}` names");
            return (LagReason::EmptyFolder, Some(detail));
        }
        if held.count == 0 {
            return (reason, None);
        }
        let more = usize::try_from(held.count).unwrap_or(usize::MAX) - held.oldest.len();
        let mut shown: Vec<String> = held.oldest.iter().map(|path| format!("`{path}`")).collect();
        if more > 0 {
            shown.push(format!("and {more} more"));
        }
        let detail = format!(
            "not read: {}; `GET /v1/sources/{}/files` says why",
            shown.join(", "),
            of.definition.name
        );

        (LagReason::UnreadableFiles, Some(detail))
    }

    fn of_model(&self, of: PipelineModel<'_>, now: Timestamp) -> Freshness {
        let PipelineModel { definition, model } = of;
        let pipeline = definition.name.as_str();
        let id = of.id();
        let activity = self.activities.get(pipeline);
        let target = definition.target_lag(&model.name);
        let last = self.refreshes.get(&id);
        let covered = self.covered_model(of);
        let covered_until = match covered {
            Covered::Never => None,
            Covered::ByBatch(batch) => self.covered_until(pipeline, batch),
            Covered::ByItself => last.and_then(|last| last.succeeded_at),
        };
        let is_complete = match covered {
            Covered::Never => false,
            Covered::ByItself => true,
            Covered::ByBatch(batch) => {
                activity.is_some_and(|activity| activity.last_landed <= batch)
            }
        };
        let lag_seconds = covered_until.map(|covered| seconds(now.duration_since(covered)));
        let is_failed = last
            .and_then(|last| last.state)
            .is_some_and(|last| last != RefreshState::Succeeded);
        let is_late = target
            .zip(lag_seconds)
            .is_some_and(|(target, lag)| lag > target.as_secs_f64());
        let status = match lag_seconds {
            _ if is_failed => Status::Error,
            None => Status::Unknown,
            Some(_) if is_late => Status::Warn,
            Some(_) => Status::Pass,
        };
        let is_suspended = self.models.get(&id).is_some_and(|state| state.is_suspended);
        let lag_reason = if is_suspended {
            LagReason::Suspended
        } else if is_failed {
            LagReason::Failed
        } else if status == Status::Pass && target.is_some() {
            LagReason::UpToDate
        } else if status == Status::Pass && is_complete {
            LagReason::NoLimit
        } else {
            waits(activity)
        };
        let lag = self.lags.get(&id);

        Freshness {
            pipeline: pipeline.to_owned(),
            table: None,
            model: Some(id.to_string()),
            status,
            covered_until,
            lag_seconds,
            lag_reason,
            lag_detail: None,
            warn_after_seconds: None,
            error_after_seconds: None,
            target_lag_seconds: target.map(|target| target.as_secs()),
            mean_lag_seconds: lag.and_then(|lag| lag.mean).map(rounded),
            max_lag_seconds: lag.and_then(|lag| lag.maximum).map(rounded),
            share_within_target: lag.and_then(|lag| lag.share_within_target).map(rounded),
        }
    }
}

fn references(ids: &[TableId]) -> Vec<&TableId> {
    ids.iter().collect()
}

/// What something that is not young enough waits for.
fn waits(activity: Option<&Activity>) -> LagReason {
    let states = activity.map(|activity| (activity.active, activity.ended));
    match states.unwrap_or_default() {
        (Some(RunState::Running), _) => LagReason::Running,
        (Some(_), _) => LagReason::Queued,
        (None, Some(RunState::Failed)) => LagReason::Failed,
        (None, Some(_)) => LagReason::NotScheduled,
        (None, None) => LagReason::NeverRun,
    }
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
