//! What the last refreshes left, by which `state:` and `result:` select.

use icefront_project::{Last, Materialized, Model};
use serde_json::{Value, json};

use super::inputs::{Inputs, ReadView};
use crate::config::Config;
use crate::error::Result;
use crate::pipeline::{Definition, Names, TableId};
use crate::state::{RefreshState, Store};

/// What the last refreshes of a pipeline's models left.
pub async fn last(store: &Store, definition: &Definition, config: &Config) -> Result<Last> {
    let names = Names::new(definition, config);
    let mut last = Last::default();
    for model in &definition.models.models {
        let id = TableId::new(&definition.name, &model.name);
        let state = store.model(&id).await?;
        let views = Inputs::of(definition, &names, model).views;
        let written = written(definition, model, &views);
        let is_same = |made_of: &Value| {
            let mut parts = written.as_object().into_iter().flatten();
            parts.all(|(name, part)| made_of[name] == *part)
        };
        if state.made_of.is_none() {
            last.new.insert(model.name.clone());
        }
        if !state.made_of.as_ref().is_some_and(is_same) {
            last.modified.insert(model.name.clone());
        }
        let result = match store.last_refresh(&id).await?.state {
            None => continue,
            Some(RefreshState::Succeeded) => "success",
            Some(RefreshState::Failed) => "error",
            Some(RefreshState::UpstreamFailed) => "skipped",
        };
        last.results.insert(model.name.clone(), result.to_owned());
    }

    Ok(last)
}

/// What a model's table is made by, as far as its author wrote it.
pub(super) fn written(definition: &Definition, model: &Model, views: &[ReadView]) -> Value {
    let config = &model.config;
    let views: Vec<&String> = views.iter().map(|view| &view.sql).collect();
    // New tests are run on all rows. Those of a view are not run.
    let tests: Vec<Value> = if config.materialized == Materialized::View {
        Vec::new()
    } else {
        let singular = definition.models.singular_tests.iter();
        let singular = singular.filter(|test| test.model == model.name);
        let declared = model.tests.iter();
        declared
            .map(|test| json!([test.column, test.filter, test.check]))
            .chain(singular.map(|test| json!(test.sql)))
            .collect()
    };

    json!({
        "sql": model.sql,
        "views": views,
        "table": Names::model(model).to_string(),
        "configuration": {
            "materialized": config.materialized.as_str(),
            "unique_key": config.unique_key,
            "properties": config.properties,
        },
        "tests": tests,
    })
}
