//! The steps `model.<name>`: each refreshes a model after those that it reads. Models that do not read each other go side by side.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use icefront_project::{Materialized, Model, OnError};
use jiff::Timestamp;
use tokio::sync::{Semaphore, watch};

use crate::error::{Class, Error, Result};
use crate::models::{Refreshing, Snapshots};
use crate::pipeline::{Definition, TableId};
use crate::publish::Publisher;
use crate::run::attempt::Attempt;
use crate::run::counts::Counts;
use crate::run::failure::StepEnd;
use crate::run::step;
use crate::state::{ChangedRows, FailedRefresh, RefreshAction, RefreshState, Refreshed};

/// The refreshes of one run. All of them read the same snapshots.
struct Phase<'a> {
    attempt: &'a Attempt<'a>,
    snapshots: Snapshots,
    as_of: Timestamp,
    /// How each model that has ended stands, and the tables that failed.
    ended: watch::Sender<BTreeMap<String, Ended>>,
    /// A model's step begins when it gets one of these: its time limit does not count the wait.
    places: Semaphore,
}

/// How a model or a table stands after its part of the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Ended {
    UpToDate,
    Stale,
    /// The next attempt of the run brings it up to date.
    Interrupted,
}

/// Refreshes the selected models. `failed` are tables that this run could not bring up to date.
pub(in crate::run) async fn refresh(
    attempt: &Attempt<'_>,
    failed: BTreeSet<String>,
) -> Vec<StepEnd> {
    let mut ended = BTreeMap::new();
    for name in failed {
        ended.insert(format!("{name}_history"), Ended::Stale);
        ended.insert(name, Ended::Stale);
    }
    let phase = Phase {
        attempt,
        snapshots: Snapshots::default(),
        // Trino's times of a refresh have three digits.
        as_of: Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap_or_default(),
        ended: watch::Sender::new(ended),
        places: Semaphore::new(attempt.app.config.runs.concurrency.max(1)),
    };
    let models = attempt.definition.models.models.iter();
    let refreshed = models
        .filter(|model| attempt.selection.models.contains(&model.name))
        .map(|model| phase.refresh(model));

    join_all(refreshed).await
}

impl Phase<'_> {
    async fn refresh(&self, model: &Model) -> StepEnd {
        let inputs = self.inputs_of(model).await;
        let name = format!("model.{}", model.name);
        let id = TableId::new(&self.attempt.definition.name, &model.name);
        let known = self.attempt.app.store.model(&id).await;
        let is_suspended = known.is_ok_and(|known| known.is_suspended);
        if is_suspended || inputs == Ended::Interrupted {
            self.end(model, inputs);
            return Ok(());
        }
        let place = self.places.acquire().await;
        debug_assert!(place.is_ok(), "nobody closes it");
        let began = Timestamp::now();
        if inputs == Ended::Stale && model.config.on_error == OnError::Skip {
            step::skip(self.attempt, &name).await;
            self.record_failure(&id, began, RefreshState::UpstreamFailed, None)
                .await;
            self.end(model, Ended::Stale);
            return Ok(());
        }
        let end = step::run(self.attempt, &name, async |publisher| {
            self.refresh_step(model, publisher).await
        })
        .await;
        if let Err(problem) = &end
            && problem.class != Class::Interrupted
        {
            let problem = serde_json::to_value(problem).ok();
            self.record_failure(&id, began, RefreshState::Failed, problem)
                .await;
        }
        let ended = match &end {
            Ok(()) => inputs,
            Err(problem) if problem.class == Class::Interrupted => Ended::Interrupted,
            Err(_) => Ended::Stale,
        };
        self.end(model, ended);

        end
    }

    /// Waits for the models of this run that a model reads, and says how the worst of its inputs stands.
    async fn inputs_of(&self, model: &Model) -> Ended {
        let read = self.read_by(model);
        let awaited = |name: &&String| self.attempt.selection.models.contains(*name);
        // Its tests may read others: they come first, however they end.
        let awaited: Vec<&String> = read.iter().chain(&model.after).filter(awaited).collect();
        let mut ended = self.ended.subscribe();
        let have_ended = ended
            .wait_for(|ended| awaited.iter().all(|name| ended.contains_key(*name)))
            .await;
        let worst = have_ended.ok().and_then(|ended| {
            let of_inputs = read.iter().filter_map(|name| ended.get(name).copied());
            of_inputs.max()
        });

        worst.unwrap_or(Ended::UpToDate)
    }

    /// The tables and models that a model reads. Through a view it reads what the view does.
    fn read_by(&self, model: &Model) -> BTreeSet<String> {
        let mut read = BTreeSet::new();
        let mut open = vec![model];
        while let Some(model) = open.pop() {
            let logs = model.sources.iter();
            let logs = logs.filter(|key| key.source == self.attempt.definition.name);
            read.extend(logs.map(|key| key.table.clone()));
            for name in &model.refs {
                let view = self.attempt.definition.models.model(name);
                let view = view.filter(|view| view.config.materialized == Materialized::View);
                if read.insert(name.clone()) {
                    open.extend(view);
                }
            }
        }
        read
    }

    fn end(&self, model: &Model, how: Ended) {
        self.ended.send_modify(|ended| {
            ended.insert(model.name.clone(), how);
        });
    }

    async fn refresh_step(&self, model: &Model, publisher: Publisher<'_>) -> Result<Counts> {
        let store = &self.attempt.app.store;
        let table = self.attempt.task.forgotten_table();
        let forgets = table.is_some_and(|table| may_read(self.attempt.definition, model, table));
        // An earlier attempt of the run may have done it.
        let is_full = (forgets || self.attempt.request.full_refresh)
            && !store
                .has_succeeded(self.attempt.run.id, publisher.step)
                .await?;
        let mut refreshing = self.refreshing(model, publisher);
        refreshing.is_full = is_full;
        let refreshed = Box::pin(refreshing.run()).await?;

        Ok(counts(&refreshed))
    }

    fn refreshing<'b>(&'b self, model: &'b Model, publisher: Publisher<'b>) -> Refreshing<'b> {
        Refreshing {
            definition: self.attempt.definition,
            names: &self.attempt.names,
            model,
            publisher,
            analyses: &self.attempt.app.analyses,
            snapshots: &self.snapshots,
            as_of: self.as_of,
            is_full: false,
        }
    }

    /// Notes a refresh that published nothing. A fault here costs only the note.
    async fn record_failure(
        &self,
        id: &TableId,
        started_at: Timestamp,
        state: RefreshState,
        problem: Option<serde_json::Value>,
    ) {
        let failed = FailedRefresh {
            attempt: self.attempt.run.attempt_id(),
            started_at,
            state,
            problem,
            target_lag: self.attempt.definition.target_lag(&id.name),
        };
        let store = &self.attempt.app.store;
        if let Err(error) = store.record_failed_refresh(id, &failed).await {
            tracing::warn!(model = %id, %error, "a refresh that failed was not recorded");
        }
    }
}

/// Whether a model may hold rows of a tracked table. A declared source may be that table under another name.
pub(in crate::run) fn may_read(definition: &Definition, model: &Model, table: &str) -> bool {
    let mut sources = model.sources.iter();
    let history = format!("{table}_history");

    sources.any(|key| key.source != definition.name || key.table == table)
        || model.refs.iter().any(|name| {
            let read = definition.models.model(name);
            name == table
                || *name == history
                || read.is_some_and(|read| may_read(definition, read, table))
        })
}

fn counts(refreshed: &Refreshed) -> Counts {
    let mut counts = Counts::default();
    if let Some(ChangedRows {
        inserted,
        updated,
        deleted,
    }) = refreshed.changed
        && !matches!(
            refreshed.action,
            RefreshAction::NoData | RefreshAction::View
        )
    {
        counts.set("model_rows_inserted", inserted);
        counts.set("model_rows_updated", updated);
        counts.set("model_rows_deleted", deleted);
    }
    if let Some(scopes) = refreshed.scopes {
        counts.set("scopes", scopes);
    }

    counts
}

/// Compares a model with its query.
pub(in crate::run) async fn verify(attempt: &Attempt<'_>, name: &str) -> StepEnd {
    compare(attempt, name, true).await
}

/// As [`verify`], for a run that nobody asked to verify: what cannot be compared without doubt is left out.
pub(in crate::run) async fn verify_if_certain(attempt: &Attempt<'_>, name: &str) -> StepEnd {
    compare(attempt, name, false).await
}

async fn compare(attempt: &Attempt<'_>, name: &str, is_asked_for: bool) -> StepEnd {
    let step = format!("verify.{name}");

    step::run(attempt, &step, async |publisher| {
        let Some(model) = attempt.definition.models.model(name) else {
            let models = attempt.definition.models.models.iter();
            return Err(Error::not_found(
                "model",
                name,
                models.map(|model| model.name.as_str()),
            ));
        };
        let snapshots = Snapshots::default();
        let refreshing = Refreshing {
            definition: attempt.definition,
            names: &attempt.names,
            model,
            publisher,
            analyses: &attempt.app.analyses,
            snapshots: &snapshots,
            as_of: Timestamp::now(),
            is_full: false,
        };
        let verified = if is_asked_for {
            crate::models::verify(refreshing).await?
        } else {
            crate::models::verify_if_certain(refreshing).await?
        };

        verified.map_or(Ok(Counts::default()), |verified| Counts::of(&verified))
    })
    .await
}
