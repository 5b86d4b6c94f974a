//! What a model reads: tracked tables, typed logs, other models, declared sources. Through a view it reads the view's inputs.

use std::collections::BTreeSet;

use icefront_project::{Materialized, Model, SingularTest, SourceKey};

use crate::pipeline::{Definition, Names, NodeKind, TableId};
use crate::sql::TableName;

/// A table that a model reads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReadTable {
    pub input: Input,
    pub table: TableName,
}

/// What a table that a model reads is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Input {
    /// The current rows of a tracked table.
    Current(TableId),
    /// The history of a tracked table.
    History(TableId),
    /// The typed log of a tracked table.
    Log(TableId),
    /// Another model that is a table.
    Model(TableId),
    /// A table of a declared source, which Icefront does not write.
    Declared,
}

/// A view that a model reads.
#[derive(Debug, Clone)]
pub(super) struct ReadView {
    pub(super) name: TableName,
    pub(super) sql: String,
}

/// All that a model reads.
#[derive(Debug, Clone, Default)]
pub(super) struct Inputs {
    pub(super) tables: BTreeSet<ReadTable>,
    pub(super) views: Vec<ReadView>,
}

fn is_view(model: &Model) -> bool {
    model.config.materialized == Materialized::View
}

impl Input {
    /// The tracked table that it belongs to.
    #[must_use]
    pub fn tracked(&self) -> Option<&TableId> {
        match self {
            Self::Current(id) | Self::History(id) | Self::Log(id) => Some(id),
            Self::Model(_) | Self::Declared => None,
        }
    }

    #[must_use]
    pub fn kind(&self) -> NodeKind {
        match self {
            Self::Current(_) => NodeKind::CurrentRows,
            Self::History(_) => NodeKind::History,
            Self::Log(_) => NodeKind::TypedLog,
            Self::Model(_) => NodeKind::Model,
            Self::Declared => NodeKind::Source,
        }
    }
}

impl Inputs {
    pub(super) fn of(definition: &Definition, names: &Names<'_>, model: &Model) -> Self {
        let mut inputs = Self::default();
        inputs.add(definition, names, model);

        inputs
    }

    /// The tables and views that a model names.
    pub(super) fn read_directly(
        definition: &Definition,
        names: &Names<'_>,
        model: &Model,
    ) -> BTreeSet<TableName> {
        let mut inputs = Self::default();
        inputs.add_own(definition, names, model);
        let mut read: BTreeSet<TableName> =
            inputs.tables.into_iter().map(|read| read.table).collect();
        let models = model
            .refs
            .iter()
            .filter_map(|name| definition.models.model(name));
        read.extend(models.map(Names::model));

        read
    }

    fn add(&mut self, definition: &Definition, names: &Names<'_>, model: &Model) {
        self.add_own(definition, names, model);
        self.add_views(definition, names, &model.refs);
    }

    fn add_views(&mut self, definition: &Definition, names: &Names<'_>, refs: &BTreeSet<String>) {
        for name in refs {
            if let Some(view) = definition.models.model(name).filter(|model| is_view(model)) {
                self.add_view(definition, names, view);
            }
        }
    }

    /// The tables and views that a singular test names, and those that the views do.
    pub(super) fn of_test(definition: &Definition, names: &Names<'_>, test: &SingularTest) -> Self {
        let mut inputs = Self::default();
        inputs.add_named(definition, names, &test.refs, &test.sources);
        inputs.add_views(definition, names, &test.refs);

        inputs
    }

    /// Adds what a model names, without the views.
    fn add_own(&mut self, definition: &Definition, names: &Names<'_>, model: &Model) {
        self.add_named(definition, names, &model.refs, &model.sources);
    }

    fn add_named(
        &mut self,
        definition: &Definition,
        names: &Names<'_>,
        refs: &BTreeSet<String>,
        sources: &BTreeSet<SourceKey>,
    ) {
        let id = |name: &str| TableId::new(&definition.name, name);
        let project = &definition.models;
        for name in refs {
            let (input, table) = match project.model(name) {
                Some(view) if is_view(view) => continue,
                Some(model) => (Input::Model(id(name)), Names::model(model)),
                None if definition.tables.contains_key(name) => {
                    (Input::Current(id(name)), names.current(name))
                }
                None => {
                    let table = name.strip_suffix("_history").unwrap_or(name);
                    (Input::History(id(table)), names.history(table))
                }
            };
            self.tables.insert(ReadTable { input, table });
        }
        for key in sources {
            let read = match project.sources.get(key) {
                Some(declared) => ReadTable {
                    input: Input::Declared,
                    table: TableName::new(&declared.catalog, &declared.schema, &declared.table),
                },
                None => ReadTable {
                    input: Input::Log(id(&key.table)),
                    table: names.staging(&key.table),
                },
            };
            self.tables.insert(read);
        }
    }

    fn add_view(&mut self, definition: &Definition, names: &Names<'_>, view: &Model) {
        let name = Names::model(view);
        if self.views.iter().any(|known| known.name == name) {
            return;
        }
        self.views.push(ReadView {
            name,
            sql: view.sql.clone(),
        });
        self.add(definition, names, view);
    }
}
