//! How far models may lag behind their sources.

use std::collections::BTreeMap;
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
pub(super) fn warn_of_downstream(project: &mut Project, lags: &BTreeMap<String, Duration>) {
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
    /// The target lag of a model; `None` if it has none.
    #[must_use]
    pub fn target_lag(&self, model: &str) -> Option<Duration> {
        self.target_lags.get(model).copied()
    }
}
