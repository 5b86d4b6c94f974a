//! What the state database knows of tables and models, and how fresh they are by that.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use icefront_project::{Materialized, Model};
use jiff::Timestamp;

use super::lag::{Freshness, LagReason, Subject, seconds};
use crate::app::App;
use crate::error::Result;
use crate::pipeline::{Definition, PipelineModel, TableId, TrackedTable};
use crate::state::{
    Activity, HoldingFiles, LastRefresh, ModelState, RefreshState, RunState, Status, TableState,
};

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
pub(super) struct Known {
    tables: HashMap<TableId, TableState>,
    models: HashMap<TableId, ModelState>,
    refreshes: HashMap<TableId, LastRefresh>,
    files: HashMap<TableId, HoldingFiles>,
    activities: HashMap<String, Activity>,
    /// By pipeline and batch.
    covered: HashMap<(String, i64), Timestamp>,
}

impl Known {
    pub(super) async fn read(app: &App, subjects: &[Subject<'_>]) -> Result<Self> {
        let store = &app.store;
        let mut tables = BTreeSet::new();
        let mut models = BTreeSet::new();
        let mut of_files = BTreeSet::new();
        let mut asked_models = BTreeSet::new();
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
                    asked_models.insert(of.id());
                }
            }
        }
        let pipelines: Vec<&str> = pipelines.into_iter().collect();
        let mut known = Self {
            tables: store.tables(&references(&tables)).await?,
            files: store.holding_files(&references(&of_files)).await?,
            activities: store.activities(&pipelines).await?,
            ..Self::default()
        };
        if !asked_models.is_empty() {
            known.models = store.models(&references(&models)).await?;
            known.refreshes = store.last_refreshes(&references(&asked_models)).await?;
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

    pub(super) fn of(&self, subject: &Subject<'_>, now: Timestamp) -> Freshness {
        match subject {
            Subject::Table(table) => self.of_table(*table, now),
            Subject::Model(model) => self.of_model(*model, now),
        }
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
            mean_lag_seconds: None,
            max_lag_seconds: None,
            share_within_target: None,
        }
    }
}

fn references(ids: &BTreeSet<TableId>) -> Vec<&TableId> {
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
