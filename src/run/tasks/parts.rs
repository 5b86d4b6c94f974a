//! The Iceberg tables that maintenance and erasure look at. Builds and other tables that a run drops are none of them.

use icefront_project::Materialized;

use crate::pipeline::Marts;
use crate::run::attempt::Attempt;
use crate::sql::TableName;

/// The tables of one step.
pub(super) struct Part {
    /// What they belong to.
    pub(super) of: Owner,
    pub(super) tables: Vec<TableName>,
}

/// What tables belong to, by the name in the pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Owner {
    /// All tracked tables share them.
    Pipeline,
    Table(String),
    Model(String),
}

impl Part {
    /// The name of the step that does `what` with them.
    pub(super) fn step(&self, what: &str) -> String {
        match &self.of {
            Owner::Pipeline => what.to_owned(),
            Owner::Table(name) | Owner::Model(name) => format!("{what}.{name}"),
        }
    }
}

/// The tables of a pipeline, by tracked table and model. Those of a model are first the ones beside it, then its own.
pub(super) fn parts(attempt: &Attempt<'_>) -> Vec<Part> {
    let (names, definition) = (&attempt.names, attempt.definition);
    let mut parts = vec![Part {
        of: Owner::Pipeline,
        tables: vec![names.landing(), names.rejects()],
    }];
    for (name, table) in &definition.tables {
        let mut tables = vec![names.staging(name)];
        if table.marts() != Marts::CurrentView {
            tables.push(names.current(name));
        }
        if table.marts().has_history() {
            tables.push(names.history(name));
        }
        parts.push(Part {
            of: Owner::Table(name.clone()),
            tables,
        });
    }
    for model in &definition.models.models {
        if model.config.materialized != Materialized::View {
            parts.push(Part {
                of: Owner::Model(model.name.clone()),
                tables: names.of_model(model),
            });
        }
    }

    parts
}
