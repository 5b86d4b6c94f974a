//! The SQL models of a pipeline: read from its folder, and rendered with the names of its tables.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use icefront_project::{Column, Fault, Known, Project, Relation, SourceKey};
use serde::Serialize;

use super::environment::Environment;
use super::reader::Reader;
use super::target_lag::{target_lags, warn_of_downstream};
use super::{Definition, Finding, Names, Severity, TableId};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::sql::TableName;

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// The current rows of a tracked table.
    CurrentRows,
    /// All versions of a tracked table.
    History,
    /// The typed events of a tracked table.
    TypedLog,
    /// A declared table that Icefront does not keep.
    Source,
    /// A SQL model.
    Model,
}

impl NodeKind {
    /// As messages name it.
    #[must_use]
    pub fn in_words(self) -> &'static str {
        match self {
            Self::CurrentRows => "current rows",
            Self::History => "history",
            Self::TypedLog => "typed log",
            Self::Source => "source",
            Self::Model => "model",
        }
    }
}

/// A model with the definition of its pipeline.
#[derive(Debug, Clone, Copy)]
pub struct PipelineModel<'a> {
    pub definition: &'a Definition,
    pub model: &'a icefront_project::Model,
}

impl<'a> PipelineModel<'a> {
    /// The models of a pipeline, sorted by name.
    #[must_use]
    pub fn all(definition: &'a Definition) -> Vec<Self> {
        let models = definition.models.models.iter();
        let mut models: Vec<Self> = models.map(|model| Self { definition, model }).collect();
        models.sort_by(|one, other| one.model.name.cmp(&other.model.name));

        models
    }

    /// Its name in the API: `shop.daily_revenue`.
    #[must_use]
    pub fn id(&self) -> TableId {
        TableId::new(&self.definition.name, &self.model.name)
    }
}

/// Reads the models of a pipeline into its definition. `wrong` are names of tables that have faults; models may read them.
pub(super) fn add_models(
    folder: &Path,
    definition: &mut Definition,
    wrong: &BTreeSet<String>,
    config: &Config,
    reader: Reader,
    findings: &mut Vec<Finding>,
) {
    let mut models = match read(folder, definition, wrong, config, reader) {
        Ok(models) => models,
        Err(faults) => {
            let faults = faults.iter();
            findings.extend(faults.map(|fault| Finding::of_fault(Severity::Error, fault)));
            return;
        }
    };
    definition.target_lags = target_lags(&models);
    warn_of_downstream(&mut models, &definition.target_lags);
    let warnings = models.warnings.iter();
    findings.extend(warnings.map(|fault| Finding::of_fault(Severity::Warn, fault)));
    findings.extend(definition.refused_reads(&models));
    definition.models = Arc::new(models);
}

fn read(
    folder: &Path,
    definition: &Definition,
    wrong: &BTreeSet<String>,
    config: &Config,
    reader: Reader,
) -> Result<Project, Vec<Fault>> {
    let names = Names::new(definition, config);
    let relation = |table: TableName| Relation::new(&table.0[0], &table.0[1], &table.0[2]);
    let mut tables = BTreeMap::new();
    let mut sources = BTreeMap::new();
    let mut columns = BTreeMap::new();
    for (name, table) in &definition.tables {
        tables.insert(name.clone(), relation(names.current(name)));
        if table.marts().has_history() {
            tables.insert(format!("{name}_history"), relation(names.history(name)));
        }
        let key = SourceKey {
            source: definition.name.clone(),
            table: name.clone(),
        };
        sources.insert(key, relation(names.staging(name)));
        // A source with a catalogue may have more columns than are declared.
        if table.files.is_some() {
            let declared = table.columns.iter().map(|column| Column {
                name: column.name.clone(),
                data_type: Some(column.data_type.clone()),
            });
            columns.insert(relation(names.current(name)), declared.collect());
        }
    }
    for name in wrong {
        tables.insert(name.clone(), relation(names.current(name)));
        tables.insert(format!("{name}_history"), relation(names.history(name)));
        let key = SourceKey {
            source: definition.name.clone(),
            table: name.clone(),
        };
        sources.insert(key, relation(names.staging(name)));
    }
    let known = Known {
        catalog: config.trino.catalog.clone(),
        schema: definition.schemas.marts.clone(),
        target: config.pipelines.target.clone(),
        tables,
        sources,
        columns,
        env: Environment::of(config, &definition.allowed, reader).into_values(),
        vars: definition.vars.clone(),
        models: definition.model_defaults.clone(),
    };

    Project::read(folder, &definition.name, &known)
}

impl Definition {
    /// Finds a model by its name in the pipeline.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] with the nearest name.
    pub fn model(&self, name: &str) -> Result<PipelineModel<'_>> {
        let models = || self.models.models.iter().map(|model| model.name.as_str());
        let model = self
            .models
            .model(name)
            .ok_or_else(|| Error::not_found("model", name, models()))?;

        Ok(PipelineModel {
            definition: self,
            model,
        })
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
