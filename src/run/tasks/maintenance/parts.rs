//! The Iceberg tables that maintenance looks at. Builds and other tables that a run drops are none of them.

use icefront_project::Materialized;

use crate::pipeline::Marts;
use crate::run::attempt::Attempt;
use crate::sql::TableName;

/// The tables of one step.
pub(super) struct Part {
    pub(super) step: String,
    pub(super) tables: Vec<TableName>,
}

/// The tables of a pipeline, by tracked table and model.
pub(super) fn parts(attempt: &Attempt<'_>) -> Vec<Part> {
    let (names, definition) = (&attempt.names, attempt.definition);
    let mut parts = vec![Part {
        step: "maintain".to_owned(),
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
            step: format!("maintain.{name}"),
            tables,
        });
    }
    for model in &definition.models.models {
        if model.config.materialized != Materialized::View {
            parts.push(Part {
                step: format!("maintain.{}", model.name),
                tables: names.of_model(model),
            });
        }
    }

    parts
}
