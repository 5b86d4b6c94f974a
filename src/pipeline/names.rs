//! The names of the Iceberg tables that a pipeline writes.

use icefront_project::{Materialized, Model};

use super::Definition;
use crate::config::Config;
use crate::sql::TableName;

/// In characters; some file systems have short names.
const LONGEST_TEST: usize = 80;

#[derive(Debug, Clone)]
pub struct Names<'a> {
    definition: &'a Definition,
    catalog: &'a str,
}

impl<'a> Names<'a> {
    /// The catalog comes from the settings, the schemas from the definition.
    #[must_use]
    pub fn new(definition: &'a Definition, config: &'a Config) -> Self {
        Self {
            definition,
            catalog: &config.trino.catalog,
        }
    }

    /// All events of the pipeline, as they came.
    #[must_use]
    pub fn landing(&self) -> TableName {
        let name = format!("{}_events", self.definition.name);
        TableName::new(self.catalog, &self.definition.schemas.landing, &name)
    }

    /// The source's keys of a table during a key comparison.
    #[must_use]
    pub fn keys(&self, table: &str) -> TableName {
        let table = self.definition.trino_name(table);
        let name = format!("{}_{table}_keys", self.definition.name);
        TableName::new(self.catalog, &self.definition.schemas.landing, &name)
    }

    /// The typed log.
    #[must_use]
    pub fn staging(&self, table: &str) -> TableName {
        let name = self.definition.trino_name(table);
        TableName::new(self.catalog, &self.definition.schemas.staging, name)
    }

    /// The typed log once more, while marts are built from it slice by slice.
    #[must_use]
    pub fn sliced_log(&self, table: &str) -> TableName {
        let name = format!("{}__slices", self.definition.trino_name(table));
        TableName::new(self.catalog, &self.definition.schemas.staging, &name)
    }

    /// The rejects of all tables of the pipeline.
    #[must_use]
    pub fn rejects(&self) -> TableName {
        let name = format!("{}_rejects", self.definition.name);
        TableName::new(self.catalog, &self.definition.schemas.staging, &name)
    }

    #[must_use]
    pub fn current(&self, table: &str) -> TableName {
        let name = self.definition.trino_name(table);
        TableName::new(self.catalog, &self.definition.schemas.marts, name)
    }

    #[must_use]
    pub fn history(&self, table: &str) -> TableName {
        let name = self.definition.history_name(table);
        TableName::new(self.catalog, &self.definition.schemas.marts, &name)
    }

    /// The view that counts events by hour.
    #[must_use]
    pub fn monitoring(&self) -> TableName {
        self.of_pipeline("monitoring")
    }

    /// The view of how fresh tables and models are.
    #[must_use]
    pub fn freshness(&self) -> TableName {
        self.of_pipeline("freshness")
    }

    fn of_pipeline(&self, what: &str) -> TableName {
        let name = format!("{}_{what}", self.definition.name);
        TableName::new(self.catalog, &self.definition.schemas.marts, &name)
    }

    /// The table or view of a model.
    #[must_use]
    pub fn model(model: &Model) -> TableName {
        let name = &model.relation;
        TableName::new(&name.catalog, &name.schema, &name.table)
    }

    /// How the rows of a model's table changed in its last refresh.
    #[must_use]
    pub fn changes(model: &TableName) -> TableName {
        beside(model, "_changes")
    }

    /// The rows that failed a test of a model. Long names are cut.
    #[must_use]
    pub fn failures(model: &TableName, test: &str) -> TableName {
        let mut short: String = test.chars().take(LONGEST_TEST).collect();
        if short.len() < test.len() {
            // Another long name may begin alike.
            short = format!("{short}_{:08x}", crc32(test));
        }
        beside(model, &format!("_failures_{}", short.to_lowercase()))
    }

    /// The affected scopes of a model, while it is refreshed.
    #[must_use]
    pub fn scopes(model: &TableName) -> TableName {
        beside(model, "__scopes")
    }

    /// The table that is built to replace another.
    #[must_use]
    pub fn build(table: &TableName) -> TableName {
        beside(table, "__build")
    }

    /// The tables of a model that is no view: its changes, its failing rows, its own rows.
    #[must_use]
    pub fn of_model(&self, model: &Model) -> Vec<TableName> {
        let table = Self::model(model);
        let singular = self.definition.models.singular_tests.iter();
        let singular = singular
            .filter(|test| test.model == model.name && test.store_failures)
            .map(|test| &test.name);
        let declared = model.tests.iter().filter(|test| test.store_failures);
        let tests = declared.map(|test| &test.name).chain(singular);
        let mut tables = vec![Self::changes(&table)];
        tables.extend(tests.map(|test| Self::failures(&table, test)));
        tables.push(table);

        tables
    }

    /// Every table that the pipeline writes.
    #[must_use]
    pub fn all(&self) -> Vec<TableName> {
        let mut all = vec![
            self.landing(),
            self.rejects(),
            self.monitoring(),
            self.freshness(),
        ];
        let mut builds = Vec::new();
        for table in self.definition.tables.keys() {
            let layers = [
                self.staging(table),
                self.current(table),
                self.history(table),
            ];
            builds.extend(layers.iter().map(Self::build));
            builds.push(self.sliced_log(table));
            all.push(self.keys(table));
            all.extend(layers);
        }
        for model in &self.definition.models.models {
            let table = Self::model(model);
            if model.config.materialized == Materialized::View {
                all.push(table);
            } else {
                builds.push(Self::build(&table));
                builds.push(Self::scopes(&table));
                all.extend(self.of_model(model));
            }
        }
        all.extend(builds);

        all
    }
}

fn crc32(text: &str) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(text.as_bytes());

    sum.sum()
}

/// A table of the same schema whose name has this end.
fn beside(table: &TableName, end: &str) -> TableName {
    let mut beside = table.clone();
    if let Some(name) = beside.0.last_mut() {
        name.push_str(end);
    }
    beside
}
