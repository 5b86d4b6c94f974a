//! The steps `model.<name>`: each refreshes a model after those that it reads. Models that do not read each other go side by side.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::join_all;
use icefront_project::{Materialized, Model, OnError};
use jiff::Timestamp;
use tokio::sync::watch;

use crate::error::{Class, Error, Result};
use crate::models::{Refreshing, Snapshots};
use crate::pipeline::TableId;
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
    /// Whether each model that has ended is up to date.
    ended: watch::Sender<BTreeMap<String, bool>>,
}

/// Refreshes the selected models. `failed` are tables that this run could not bring up to date.
pub(in crate::run) async fn refresh(
    attempt: &Attempt<'_>,
    failed: BTreeSet<String>,
) -> Vec<StepEnd> {
    let mut ended = BTreeMap::new();
    for name in failed {
        ended.insert(format!("{name}_history"), false);
        ended.insert(name, false);
    }
    let phase = Phase {
        attempt,
        snapshots: Snapshots::default(),
        // Trino's times of a refresh have three digits.
        as_of: Timestamp::from_millisecond(Timestamp::now().as_millisecond()).unwrap_or_default(),
        ended: watch::Sender::new(ended),
    };
    let models = attempt.definition.models.models.iter();
    let refreshed = models
        .filter(|model| attempt.selection.models.contains(&model.name))
        .map(|model| phase.refresh(model));

    join_all(refreshed).await
}

impl Phase<'_> {
    async fn refresh(&self, model: &Model) -> StepEnd {
        let is_blocked = self.waits_in_vain(model).await;
        let name = format!("model.{}", model.name);
        let began = Timestamp::now();
        let id = TableId::new(&self.attempt.definition.name, &model.name);
        if is_blocked && model.config.on_error == OnError::Skip {
            step::skip(self.attempt, &name).await;
            self.record_failure(&id, began, RefreshState::UpstreamFailed, None)
                .await;
            self.end(model, false);
            return Ok(());
        }
        let end = step::run(self.attempt, &name, async |publisher| {
            self.refresh_step(model, &id, publisher).await
        })
        .await;
        if let Err(problem) = &end
            && problem.class != Class::Interrupted
        {
            let problem = serde_json::to_value(problem).ok();
            self.record_failure(&id, began, RefreshState::Failed, problem)
                .await;
        }
        self.end(model, end.is_ok() && !is_blocked);

        end
    }

    /// Waits for the models of this run that a model reads. True if one of them, or a table, is not up to date.
    async fn waits_in_vain(&self, model: &Model) -> bool {
        let read = self.read_by(model);
        let awaited = |name: &&String| self.attempt.selection.models.contains(*name);
        let awaited: Vec<&String> = read.iter().filter(awaited).collect();
        let mut ended = self.ended.subscribe();
        let have_ended = ended
            .wait_for(|ended| awaited.iter().all(|name| ended.contains_key(*name)))
            .await;
        have_ended.is_ok_and(|ended| read.iter().any(|name| ended.get(name) == Some(&false)))
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

    fn end(&self, model: &Model, is_up_to_date: bool) {
        self.ended.send_modify(|ended| {
            ended.insert(model.name.clone(), is_up_to_date);
        });
    }

    async fn refresh_step(
        &self,
        model: &Model,
        id: &TableId,
        publisher: Publisher<'_>,
    ) -> Result<Counts> {
        if self.attempt.app.store.model(id).await?.is_suspended {
            return Ok(Counts::default());
        }
        let store = &self.attempt.app.store;
        // An earlier attempt of the run may have done it.
        let is_full = self.attempt.request.full_refresh
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
        };
        let store = &self.attempt.app.store;
        if let Err(error) = store.record_failed_refresh(id, &failed).await {
            tracing::warn!(model = %id, %error, "a refresh that failed was not recorded");
        }
    }
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
        let verified = crate::models::verify(Refreshing {
            definition: attempt.definition,
            names: &attempt.names,
            model,
            publisher,
            analyses: &attempt.app.analyses,
            snapshots: &snapshots,
            as_of: Timestamp::now(),
            is_full: false,
        })
        .await?;

        verified.map_or(Ok(Counts::default()), |verified| Counts::of(&verified))
    })
    .await
}
