//! How far models may lag behind their sources, and which tables they come from.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use icefront_project::{Fault, Materialized, Project, TargetLag};

use super::Definition;

/// The target lag of each model that has one. `downstream` is the shortest of the readers; without a reader that has one there is
/// none.
pub(super) fn target_lags(project: &Project) -> BTreeMap<String, Duration> {
    let mut lags: BTreeMap<String, Duration> = BTreeMap::new();
    // What readers ask of a model, which views and models without a lag hand on.
    let mut asked: BTreeMap<&str, Duration> = BTreeMap::new();
    for model in project.models.iter().rev() {
        let of_readers = asked.get(model.name.as_str()).copied();
        let is_view = model.config.materialized == Materialized::View;
        let lag = match model.config.target_lag {
            _ if is_view => None,
            Some(TargetLag::Within(lag)) => Some(lag),
            Some(TargetLag::Downstream) => of_readers,
            None => None,
        };
        // Runs for its readers refresh it, too.
        let passed_on = lag.or(of_readers);
        for name in &model.refs {
            let Some(lag) = passed_on else { break };
            let shortest = asked.entry(name).or_insert(lag);
            *shortest = lag.min(*shortest);
        }
        lags.extend(lag.map(|lag| (model.name.clone(), lag)));
    }

    lags
}

/// Warns of models that wait for readers which never ask.
pub(super) fn warn_unscheduled(project: &mut Project, lags: &BTreeMap<String, Duration>) {
    let waits = |model: &&icefront_project::Model| {
        model.config.target_lag == Some(TargetLag::Downstream)
            && model.config.materialized != Materialized::View
            && !lags.contains_key(&model.name)
    };
    let faults: Vec<Fault> = project
        .models
        .iter()
        .filter(waits)
        .map(|model| {
            let message = "`target_lag: downstream` starts no refresh, because no model with a target lag reads it; write a duration, or give a reader one";
            Fault::new(&model.file, message)
        })
        .collect();
    project.warnings.extend(faults);
}

impl Definition {
    /// How far a model may lag; `None` if nothing refreshes it by itself.
    #[must_use]
    pub fn target_lag(&self, model: &str) -> Option<Duration> {
        self.target_lags.get(model).copied()
    }

    /// The tables of the pipeline from which a model comes, directly or through others.
    #[must_use]
    pub fn tables_of(&self, model: &str) -> BTreeSet<String> {
        let mut tables = BTreeSet::new();
        let mut seen = BTreeSet::new();
        let mut open = vec![model];
        while let Some(name) = open.pop() {
            if !seen.insert(name) {
                continue;
            }
            let Some(model) = self.models.model(name) else {
                let table = if self.tables.contains_key(name) {
                    name
                } else {
                    name.strip_suffix("_history").unwrap_or(name)
                };
                tables.insert(table.to_owned());
                continue;
            };
            open.extend(model.refs.iter().map(String::as_str));
            let logs = model
                .sources
                .iter()
                .filter(|key| key.source == self.name && !self.models.sources.contains_key(*key));
            tables.extend(logs.map(|key| key.table.clone()));
        }

        tables
    }
}
