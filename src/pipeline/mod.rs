//! What users write: folders with a `pipeline.yaml`, read and checked. Knows no server.

mod column;
mod declared;
mod definition;
mod deletes;
mod drift;
mod evolution;
mod files;
mod identity;
mod names;
mod operations;
mod source;
mod table;
mod test;

use std::collections::BTreeMap;
use std::path::Path;

pub use column::{Column, DataType};
pub use declared::DeclaredColumn;
pub use definition::{Definition, MaxRejects, Verify};
pub use deletes::{CompareKeys, Deletes};
pub use drift::{Drift, DriftKind};
pub use evolution::{Evolution, MadeOf};
pub use files::{After, Changed, Csv, FileSource, Format};
pub use identity::{CatalogueColumn, NotQualified, SourceTable, TableId};
pub use names::Names;
pub use operations::{OperationColumn, Operations};
pub use source::{AuditColumns, OrderBy, Source};
pub use table::{Contract, Freshness, NewColumns, Table, Tracked};
pub use test::{Check, Severity, TableTest, Test};

use crate::config::Config;
use crate::error::{Error, Result};

/// All pipelines of the settings' folder: those that can run, and those that are broken with the reason.
#[derive(Debug, Default)]
pub struct Pipelines {
    usable: BTreeMap<String, Definition>,
    broken: BTreeMap<String, String>,
}

impl Pipelines {
    /// Reads every folder below `pipelines.path`; a broken pipeline does not keep the others from being usable.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] when the folder itself cannot be read.
    pub fn load(config: &Config) -> Result<Self> {
        let mut pipelines = Self::default();
        for folder in folders(&config.pipelines.path)? {
            let name = folder
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            match Definition::read(&folder, config) {
                Ok(definition) => pipelines.add(definition, config),
                Err(fault) => {
                    pipelines.broken.insert(name, fault);
                }
            }
        }

        Ok(pipelines)
    }

    /// The pipelines that can run, by name.
    pub fn usable(&self) -> impl Iterator<Item = &Definition> {
        self.usable.values()
    }

    /// The broken ones: name, and what is wrong with file and line.
    pub fn broken(&self) -> impl Iterator<Item = (&str, &str)> {
        self.broken
            .iter()
            .map(|(name, fault)| (name.as_str(), fault.as_str()))
    }

    /// Finds a pipeline by name.
    ///
    /// # Errors
    ///
    /// [`Error::PipelineBroken`], or [`Error::NotFound`] with the nearest name.
    pub fn get(&self, name: &str) -> Result<&Definition> {
        if let Some(definition) = self.usable.get(name) {
            return Ok(definition);
        }
        if let Some(fault) = self.broken.get(name) {
            return Err(Error::PipelineBroken {
                pipeline: name.to_owned(),
                detail: fault.clone(),
            });
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
    pub fn table(&self, name: &str) -> Result<(&Definition, &Table)> {
        let found = name.parse().ok().and_then(|id: TableId| {
            let definition = self.usable.get(&id.pipeline)?;
            Some((definition, definition.tables.get(&id.name)?))
        });
        let names: Vec<String> = self
            .usable()
            .flat_map(|pipeline| pipeline.tables.values())
            .map(|table| table.id.to_string())
            .collect();

        found.ok_or_else(|| Error::not_found("table", name, names.iter().map(String::as_str)))
    }

    /// Takes a pipeline in unless it has the name of another or writes a table that another writes.
    fn add(&mut self, definition: Definition, config: &Config) {
        // Trino knows names in small letters alone.
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
                "two of its tables write `{name}`; rename one, or set `schemas` that differ"
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
                    "it writes `{shared}`, which pipeline `{other}` writes too; give one of them another name or its own `schemas`"
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
