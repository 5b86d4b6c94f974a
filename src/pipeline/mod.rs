//! The pipelines: folders with a `pipeline.yaml`, read and checked. Knows no server.

mod allowed;
mod broken;
mod choice;
mod column;
mod contents;
mod declared;
mod defaults;
mod definition;
mod deletes;
mod draft;
mod drift;
mod environment;
mod evolution;
mod files;
mod filled;
mod finding;
mod folder;
mod identity;
mod known_folder;
mod loaded;
mod marts;
mod misfit;
mod models;
mod named_column;
mod names;
mod operations;
mod own_columns;
mod places;
mod properties;
mod reader;
mod reload;
mod rivals;
mod scalar;
mod schedule;
mod schema;
mod source;
mod table;
mod table_checks;
mod tables;
mod target_lag;
mod test;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use broken::BrokenPipeline;
pub use column::{Column, DataType, TypeKind};
pub use declared::DeclaredColumn;
pub use definition::{Definition, MaxRejects, Verify};
pub use deletes::{CompareKeys, Deletes};
pub use drift::{Drift, DriftKind};
pub use evolution::{Evolution, MadeOf};
pub use files::{AfterLanding, ChangedFile, Csv, FileSource, Format};
pub use finding::Finding;
pub use folder::Checked;
pub use identity::{CatalogueColumn, NotQualified, SourceTable, TableId};
pub use loaded::PipelineFiles;
pub use marts::{CurrentRows, Mart, Marts, Tracked};
pub use models::{NodeKind, PipelineModel};
pub use names::Names;
pub use operations::{OperationColumn, Operations};
pub use own_columns::is_own_column;
pub use properties::Properties;
pub use reader::{Reader, written_name};
pub use reload::{Reload, ReloadOutcome};
pub use rivals::written;
pub use schedule::Schedule;
pub use schema::schema;
pub use source::{AuditColumns, OrderBy, SourceDefinition, SourceKind};
pub use table::{ContractMode, Freshness, NewColumns, Table};
pub use test::{Check, Severity, TableTest, Test};

use self::loaded::Loaded;
use crate::config::Config;
use crate::error::{Error, Result};

/// The pipelines of the folder `pipelines.path`, as far as they may be seen. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Pipelines {
    loaded: Arc<Loaded>,
    /// The names of those that may be seen; `None` for all.
    seen: Option<Arc<BTreeSet<String>>>,
}

/// The pipelines after their files were read anew, and what became of each of them.
#[derive(Debug)]
pub struct Reloaded {
    pub pipelines: Pipelines,
    pub outcomes: Vec<Reload>,
}

/// A table with the definition of its pipeline.
#[derive(Debug, Clone, Copy)]
pub struct TrackedTable<'a> {
    pub definition: &'a Definition,
    pub table: &'a Table,
}

impl<'a> TrackedTable<'a> {
    /// The tables of a pipeline, sorted by name.
    pub fn all(definition: &'a Definition) -> impl Iterator<Item = Self> {
        let tables = definition.tables.values();

        tables.map(move |table| Self { definition, table })
    }
}

impl Pipelines {
    /// Reads every folder below `pipelines.path`. The usable pipelines run, although others are broken.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] if `pipelines.path` cannot be read.
    pub fn load(config: &Config) -> Result<Self> {
        Loaded::read(config, &Loaded::default()).map(Self::of)
    }

    /// Reads the folders anew. A pipeline whose new definition is broken, or cannot stand beside the others, keeps its last good one.
    ///
    /// # Errors
    ///
    /// As [`Pipelines::load`].
    pub fn reload(&self, config: &Config) -> Result<Reloaded> {
        let now = Loaded::read(config, &self.loaded)?;

        Ok(Reloaded {
            outcomes: now.since(&self.loaded),
            pipelines: Self::of(now),
        })
    }

    fn of(loaded: Loaded) -> Self {
        Self {
            loaded: Arc::new(loaded),
            seen: None,
        }
    }

    /// The files as they were read.
    #[must_use]
    pub fn files(&self) -> PipelineFiles {
        self.loaded.files()
    }

    /// The files as they are now.
    ///
    /// # Errors
    ///
    /// As [`Pipelines::load`].
    pub fn files_now(&self, config: &Config) -> Result<PipelineFiles> {
        PipelineFiles::look(config, &self.loaded)
    }

    /// Whether a pipeline works by the same definition in `other`.
    #[must_use]
    pub fn has_same(&self, other: &Self, name: &str) -> bool {
        let own = self.loaded.usable.get(name);
        let other = other.loaded.usable.get(name);

        own.zip(other)
            .is_some_and(|(own, other)| Arc::ptr_eq(own, other))
    }

    /// The same pipelines, but only those whose names fit.
    #[must_use]
    pub fn only(&self, fits: impl Fn(&str) -> bool) -> Self {
        let names = self.loaded.usable.keys().chain(self.loaded.broken.keys());
        let seen = names.filter(|name| self.has(name) && fits(name));

        Self {
            seen: Some(Arc::new(seen.cloned().collect())),
            loaded: Arc::clone(&self.loaded),
        }
    }

    /// All pipelines, also those that may not be seen.
    #[must_use]
    pub fn all(&self) -> Self {
        Self {
            loaded: Arc::clone(&self.loaded),
            seen: None,
        }
    }

    /// Whether a pipeline of this name may be seen, if there is one.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.seen.as_ref().is_none_or(|seen| seen.contains(name))
    }

    /// The names of those that may be seen; `None` if nothing is hidden, also not what pipelines left that are no more.
    #[must_use]
    pub fn seen(&self) -> Option<Vec<String>> {
        let seen = self.seen.as_ref()?;

        Some(seen.iter().cloned().collect())
    }

    /// In the order of their names.
    pub fn usable(&self) -> impl Iterator<Item = &Definition> {
        let usable = self.loaded.usable.iter();

        usable
            .filter(|(name, _)| self.has(name))
            .map(|(_, definition)| &**definition)
    }

    /// The usable pipelines sorted by name, or only the named one.
    ///
    /// # Errors
    ///
    /// As [`Pipelines::get`], about the field `pipeline`.
    pub fn chosen(&self, only: Option<&str>) -> Result<Vec<&Definition>> {
        match only {
            None => Ok(self.usable().collect()),
            Some(name) => self
                .get(name)
                .map(|definition| vec![definition])
                .map_err(|error| error.at_field("pipeline".into())),
        }
    }

    pub fn broken(&self) -> impl Iterator<Item = BrokenPipeline<'_>> {
        let broken = self.loaded.broken.iter();

        broken
            .filter(|(name, _)| self.has(name))
            .map(|(name, broken)| broken.view(name))
    }

    /// Why a usable pipeline keeps its last good definition: its files cannot be used. `None` if it works by its files.
    #[must_use]
    pub fn outdated(&self, name: &str) -> Option<BrokenPipeline<'_>> {
        let outdated = self.loaded.outdated.get_key_value(name);

        outdated
            .filter(|_| self.has(name))
            .map(|(name, broken)| broken.view(name))
    }

    /// Why nobody can say what a pipeline declares: its files are broken, or the only ones that could be its own.
    #[must_use]
    pub fn unclear(&self, pipeline: &str) -> Option<BrokenPipeline<'_>> {
        if let Some(outdated) = self.outdated(pipeline) {
            return Some(outdated);
        }
        if self.loaded.usable.contains_key(pipeline) {
            return None;
        }
        let is_own = |broken: &BrokenPipeline<'_>| broken.name == pipeline;
        let broken = self.loaded.broken.iter().chain(&self.loaded.outdated);
        let mut unread = broken
            .filter(|(_, broken)| broken.is_unread)
            .map(|(name, broken)| broken.view(name));

        self.broken().find(is_own).or_else(|| unread.next())
    }

    /// The tables that the definitions declare, in lower case, each with its pipeline.
    #[must_use]
    pub fn declared_tables(&self, config: &Config) -> BTreeMap<String, String> {
        self.usable()
            .flat_map(|one| written(one, config).map(|table| (table, one.name.clone())))
            .collect()
    }

    /// # Errors
    ///
    /// [`Error::PipelineBroken`], or [`Error::NotFound`] with the nearest name.
    pub fn get(&self, name: &str) -> Result<&Definition> {
        if let Some(definition) = self.found(name) {
            return Ok(definition);
        }
        if let Some(broken) = self.loaded.broken.get(name).filter(|_| self.has(name)) {
            return Err(broken.view(name).error());
        }
        let names = self.usable().map(|definition| definition.name.as_str());

        Err(Error::not_found(
            "pipeline",
            name,
            names.chain(self.broken().map(|broken| broken.name)),
        ))
    }

    fn found(&self, name: &str) -> Option<&Definition> {
        let found = self.loaded.usable.get(name).filter(|_| self.has(name));

        found.map(|definition| &**definition)
    }

    /// Finds a table by its name in the API, such as `shop.orders`.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] with the nearest name.
    pub fn table(&self, name: &str) -> Result<TrackedTable<'_>> {
        let found = name.parse().ok().and_then(|id: TableId| {
            let definition = self.found(&id.pipeline)?;
            let table = definition.tables.get(&id.name)?;
            Some(TrackedTable { definition, table })
        });
        let names: Vec<String> = self
            .usable()
            .flat_map(|pipeline| pipeline.tables.values())
            .map(|table| table.id.to_string())
            .collect();

        found.ok_or_else(|| Error::not_found("table", name, names.iter().map(String::as_str)))
    }

    /// Finds a model by its name in the API, such as `shop.daily_revenue`.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] with the nearest name.
    pub fn model(&self, name: &str) -> Result<PipelineModel<'_>> {
        let found = name.parse().ok().and_then(|id: TableId| {
            let definition = self.found(&id.pipeline)?;
            let model = definition.models.model(&id.name)?;
            Some(PipelineModel { definition, model })
        });

        found.ok_or_else(|| {
            let names: Vec<String> = self.models().map(|model| model.id().to_string()).collect();
            Error::not_found("model", name, names.iter().map(String::as_str))
        })
    }

    /// All models, sorted by pipeline. A model comes after the models that it reads.
    pub fn models(&self) -> impl Iterator<Item = PipelineModel<'_>> {
        self.usable().flat_map(|definition| {
            let models = definition.models.models.iter();
            models.map(move |model| PipelineModel { definition, model })
        })
    }

    /// Why a definition cannot stand beside the others, if it takes the place of the one of its name.
    #[must_use]
    pub fn rival_of_next(
        &self,
        pipeline: &str,
        tables: &[String],
        config: &Config,
    ) -> Option<Finding> {
        let own: BTreeSet<&String> = tables.iter().collect();
        let others = self.loaded.usable.values();
        let mut others = others.filter(|other| other.name != pipeline);
        let rival = others.find_map(|other| {
            let shared = written(other, config).find(|table| own.contains(table))?;
            let name = if self.has(&other.name) {
                format!("pipeline `{}`", other.name)
            } else {
                "another pipeline".into()
            };
            Some(rivals::shared(&shared, &name))
        });

        rivals::twice(tables.iter().cloned()).or(rival)
    }
}
