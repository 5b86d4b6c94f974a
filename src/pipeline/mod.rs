//! The pipelines: folders with a `pipeline.yaml`, read and checked. Knows no server.

mod column;
mod declared;
mod definition;
mod deletes;
mod drift;
mod evolution;
mod files;
mod identity;
mod marts;
mod models;
mod names;
mod operations;
mod scalar;
mod schedule;
mod schema;
mod source;
mod table;
mod target_lag;
mod test;

use std::collections::BTreeMap;
use std::path::Path;

pub use column::{Column, DataType, TypeKind};
pub use declared::DeclaredColumn;
pub use definition::{Definition, MaxRejects, Verify};
pub use deletes::{CompareKeys, Deletes};
pub use drift::{Drift, DriftKind};
pub use evolution::{Evolution, MadeOf};
pub use files::{AfterLanding, ChangedFile, Csv, FileSource, Format};
pub use identity::{CatalogueColumn, NotQualified, SourceTable, TableId};
pub use marts::{CurrentRows, Mart, Marts, Tracked};
pub use models::{NodeKind, PipelineModel};
pub use names::Names;
pub use operations::{OperationColumn, Operations};
pub use schedule::Schedule;
pub use schema::schema;
pub use source::{AuditColumns, OrderBy, SourceDefinition, SourceKind};
pub use table::{ContractMode, Freshness, NewColumns, Table};
pub use test::{Check, Severity, TableTest, Test};

use crate::config::Config;
use crate::error::{Error, Result};

/// All pipelines of the folder `pipelines.path`.
#[derive(Debug, Default)]
pub struct Pipelines {
    usable: BTreeMap<String, Definition>,
    /// Each with its fault.
    broken: BTreeMap<String, String>,
}

/// A pipeline that cannot run.
#[derive(Debug, Clone, Copy)]
pub struct BrokenPipeline<'a> {
    /// The folder's or the definition's.
    pub name: &'a str,
    /// What is wrong, with file and line.
    pub fault: &'a str,
}

/// A table with the definition of its pipeline.
#[derive(Debug, Clone, Copy)]
pub struct TrackedTable<'a> {
    pub definition: &'a Definition,
    pub table: &'a Table,
}

impl BrokenPipeline<'_> {
    #[must_use]
    pub fn error(&self) -> Error {
        Error::PipelineBroken {
            pipeline: self.name.to_owned(),
            detail: self.fault.to_owned(),
        }
    }
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
        let mut pipelines = Self::default();
        for folder in folders(&config.pipelines.path)? {
            let name = folder
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            match models::read_pipeline(&folder, config) {
                Ok(definition) => pipelines.add(definition, config),
                Err(fault) => {
                    pipelines.broken.insert(name, fault);
                }
            }
        }

        Ok(pipelines)
    }

    /// In the order of their names.
    pub fn usable(&self) -> impl Iterator<Item = &Definition> {
        self.usable.values()
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
        self.broken
            .iter()
            .map(|(name, fault)| BrokenPipeline { name, fault })
    }

    /// # Errors
    ///
    /// [`Error::PipelineBroken`], or [`Error::NotFound`] with the nearest name.
    pub fn get(&self, name: &str) -> Result<&Definition> {
        if let Some(definition) = self.usable.get(name) {
            return Ok(definition);
        }
        if let Some(fault) = self.broken.get(name) {
            return Err(BrokenPipeline { name, fault }.error());
        }

        Err(Error::not_found(
            "pipeline",
            name,
            self.usable
                .keys()
                .chain(self.broken.keys())
                .map(String::as_str),
        ))
    }

    /// Finds a table by its name in the API, such as `shop.orders`.
    ///
    /// # Errors
    ///
    /// [`Error::NotFound`] with the nearest name.
    pub fn table(&self, name: &str) -> Result<TrackedTable<'_>> {
        let found = name.parse().ok().and_then(|id: TableId| {
            let definition = self.usable.get(&id.pipeline)?;
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
            let definition = self.usable.get(&id.pipeline)?;
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

    /// Adds a pipeline. It is broken if another has its name, or writes one of its tables.
    fn add(&mut self, definition: Definition, config: &Config) {
        // Trino reads every name in lower case.
        let writes = |d: &Definition| -> Vec<String> {
            let all = Names::new(d, config).all();
            all.iter()
                .map(|name| name.to_string().to_lowercase())
                .collect()
        };
        let own = writes(&definition);
        let twice = own
            .iter()
            .enumerate()
            .find(|(at, name)| own[..*at].contains(name));
        if let Some((_, name)) = twice {
            let fault = format!(
                "two of its tables write `{name}`; rename one of them, or set three different `schemas`"
            );
            self.broken.insert(definition.name, fault);
            return;
        }
        let rival = self.usable.values().find_map(|other| {
            let shared = writes(other).into_iter().find(|name| own.contains(name))?;
            Some((other.name.clone(), shared))
        });
        match rival {
            None => {
                self.usable.insert(definition.name.clone(), definition);
            }
            Some((other, shared)) => {
                let fault = format!(
                    "it writes `{shared}`, which pipeline `{other}` writes too; rename one of the tables, or give one pipeline its own `schemas`"
                );
                let name = if other == definition.name {
                    format!("{}_again", definition.name)
                } else {
                    definition.name
                };
                self.broken.insert(name, fault);
            }
        }
    }
}

fn folders(path: &Path) -> Result<Vec<std::path::PathBuf>> {
    let unreadable = |fault: std::io::Error| {
        Error::Settings(format!(
            "`pipelines.path` is `{}`, which cannot be read: {fault}",
            path.display()
        ))
    };
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let folder = entry.map_err(unreadable)?.path();
        if folder.join("pipeline.yaml").is_file() {
            folders.push(folder);
        }
    }
    folders.sort();

    Ok(folders)
}
