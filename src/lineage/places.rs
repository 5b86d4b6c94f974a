//! What each step reads and writes.

use icefront_project::{Materialized, Model};

use crate::pipeline::{Definition, Mart, Marts, Names, Table};
use crate::sql::TableName;

/// A table that a step reads or writes.
#[derive(Debug, Clone)]
pub(super) enum Place<'a> {
    /// A tracked table in its source.
    Source(&'a Table),
    Landing,
    TypedLog(&'a Table),
    Rejects,
    Current(&'a Table),
    History(&'a Table),
    Model(&'a Model),
    /// A table of a declared source.
    Declared(TableName),
}

/// What a step reads and writes.
#[derive(Debug, Default)]
pub(super) struct Places<'a> {
    pub(super) inputs: Vec<Place<'a>>,
    pub(super) outputs: Vec<Place<'a>>,
}

impl<'a> Place<'a> {
    /// Its name in Trino; `None` if it is elsewhere.
    pub(super) fn table(&self, names: &Names<'_>) -> Option<TableName> {
        Some(match self {
            Self::Source(_) => return None,
            Self::Landing => names.landing(),
            Self::TypedLog(table) => names.staging(&table.id.name),
            Self::Rejects => names.rejects(),
            Self::Current(table) => names.current(&table.id.name),
            Self::History(table) => names.history(&table.id.name),
            Self::Model(model) => Names::model(model),
            Self::Declared(table) => table.clone(),
        })
    }

    pub(super) fn is_view(&self) -> bool {
        match self {
            Self::Current(table) => table.marts() == Marts::CurrentView,
            Self::Model(model) => model.config.materialized == Materialized::View,
            _ => false,
        }
    }

    pub(super) fn description(&self) -> Option<&'a str> {
        match self {
            Self::Source(_) | Self::Landing | Self::Rejects | Self::Declared(_) => None,
            Self::TypedLog(table) | Self::Current(table) | Self::History(table) => {
                table.description.as_deref()
            }
            Self::Model(model) => description(model),
        }
    }
}

/// What a model means, as its author wrote it.
pub(super) fn description(model: &Model) -> Option<&str> {
    let own = model.config.description.as_deref();

    own.or(model.properties.description.as_deref())
}

impl<'a> Places<'a> {
    /// What a step reads and writes by its name.
    ///
    /// The landing table holds the events of all tables. If `stage` read it, every table would seem to come from all of
    /// them, so it reads the table in the source.
    pub(super) fn of(definition: &'a Definition, step: &str) -> Self {
        let (kind, subject) = step.split_once('.').unwrap_or((step, ""));
        if kind == "model" {
            let model = definition.models.model(subject);
            return model.map_or_else(Self::default, |model| Self::of_model(definition, model));
        }
        if kind == "extract" {
            return Self {
                inputs: definition.tables.values().map(Place::Source).collect(),
                outputs: vec![Place::Landing],
            };
        }
        let Some(table) = definition.tables.get(subject) else {
            return Self::of_other(definition, kind, subject);
        };
        let marts = table.marts();
        let mut current = vec![Place::Current(table)];
        if marts.has_history() {
            current.push(Place::History(table));
        }
        match kind {
            "stage" | "restage" => Self {
                inputs: vec![Place::Source(table)],
                outputs: vec![Place::TypedLog(table)],
            },
            "test" => Self {
                inputs: vec![Place::TypedLog(table)],
                outputs: Vec::new(),
            },
            "mart" => Self {
                inputs: vec![Place::TypedLog(table)],
                outputs: if marts.each().contains(&Mart::HistoryWithView) {
                    current
                } else {
                    vec![Place::Current(table)]
                },
            },
            "verify" => Self {
                inputs: std::iter::once(Place::TypedLog(table))
                    .chain(current)
                    .collect(),
                outputs: Vec::new(),
            },
            "replay" => Self {
                inputs: vec![Place::Rejects],
                outputs: vec![Place::TypedLog(table)],
            },
            "dismiss" => Self {
                inputs: Vec::new(),
                outputs: vec![Place::Rejects],
            },
            _ => Self::default(),
        }
    }

    /// A step that is named by a history or a model.
    fn of_other(definition: &'a Definition, kind: &str, subject: &str) -> Self {
        let history = subject
            .strip_suffix("_history")
            .and_then(|name| definition.tables.get(name));
        match (kind, history, definition.models.model(subject)) {
            ("mart", Some(table), _) => Self {
                inputs: vec![Place::TypedLog(table)],
                outputs: vec![Place::History(table)],
            },
            ("verify", _, Some(model)) => {
                let mut places = Self::of_model(definition, model);
                places.inputs.append(&mut places.outputs);
                places
            }
            _ => Self::default(),
        }
    }

    /// The tests of a model.
    pub(super) fn of_tests(definition: &'a Definition, step: &str) -> Self {
        let model = step
            .strip_prefix("model.")
            .and_then(|name| definition.models.model(name));

        Self {
            inputs: model.map(Place::Model).into_iter().collect(),
            outputs: Vec::new(),
        }
    }

    fn of_model(definition: &'a Definition, model: &'a Model) -> Self {
        let project = &definition.models;
        let mut inputs = Vec::new();
        for name in &model.refs {
            let table = definition.tables.get(name).map(Place::Current);
            let history = name
                .strip_suffix("_history")
                .and_then(|name| definition.tables.get(name))
                .map(Place::History);
            let other = project.model(name).map(Place::Model);
            inputs.extend(other.or(table).or(history));
        }
        for key in &model.sources {
            let log = definition.tables.get(&key.table).map(Place::TypedLog);
            let declared = project.sources.get(key).map(|table| {
                Place::Declared(TableName::new(&table.catalog, &table.schema, &table.table))
            });
            inputs.extend(declared.or(log));
        }

        Self {
            inputs,
            outputs: vec![Place::Model(model)],
        }
    }
}
