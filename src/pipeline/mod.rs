//! The pipelines: folders with a `pipeline.yaml`, read and checked. Knows no server.

mod allowed;
mod column;
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
use std::path::Path;
use std::sync::Arc;

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
pub use marts::{CurrentRows, Mart, Marts, Tracked};
pub use models::{NodeKind, PipelineModel};
pub use names::Names;
pub use operations::{OperationColumn, Operations};
pub use own_columns::is_own_column;
pub use properties::Properties;
pub use reader::{Reader, written_name};
pub use schedule::Schedule;
pub use schema::schema;
pub use source::{AuditColumns, OrderBy, SourceDefinition, SourceKind};
pub use table::{ContractMode, Freshness, NewColumns, Table};
pub use test::{Check, Severity, TableTest, Test};

use crate::config::Config;
use crate::error::{Error, Result};

/// The pipelines of the folder `pipelines.path`, as far as they may be seen. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Pipelines {
    loaded: Arc<Loaded>,
    /// The names of those that may be seen; `None` for all.
    seen: Option<Arc<BTreeSet<String>>>,
}

#[derive(Debug, Default)]
struct Loaded {
    usable: BTreeMap<String, Definition>,
    broken: BTreeMap<String, Broken>,
}

/// A pipeline that cannot run.
#[derive(Debug, Clone, Copy)]
pub struct BrokenPipeline<'a> {
    /// The folder's or the definition's.
    pub name: &'a str,
    /// The name of the folder with its files.
    pub folder: &'a str,
    /// What is wrong, with file and line.
    pub fault: &'a str,
    pub findings: &'a [Finding],
}

#[derive(Debug)]
struct Broken {
    folder: String,
    fault: String,
    findings: Vec<Finding>,
    /// Whether so little can be read that it may be the definition of any pipeline.
    is_unread: bool,
}

/// A message about a pipeline names so many faults at most.
const MOST_FAULTS: usize = 20;

impl Broken {
    /// `folder` is the name of the folder with the files.
    fn new(folder: &str, findings: Vec<Finding>, is_unread: bool) -> Self {
        let errors: Vec<&Finding> = findings.iter().filter(|one| one.is_error()).collect();
        let named = errors.iter().take(MOST_FAULTS);
        let mut listed: Vec<String> = named.map(|one| format!("{folder}/{one}")).collect();
        if errors.len() > MOST_FAULTS {
            listed.push(format!("and {} more", errors.len() - MOST_FAULTS));
        }

        Self {
            folder: folder.to_owned(),
            fault: listed.join("; "),
            findings,
            is_unread,
        }
    }

    fn view<'a>(&'a self, name: &'a str) -> BrokenPipeline<'a> {
        BrokenPipeline {
            name,
            folder: &self.folder,
            fault: &self.fault,
            findings: &self.findings,
        }
    }
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
        let mut loaded = Loaded::default();
        for folder in folders(&config.pipelines.path)? {
            let name = folder
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            let Checked {
                definition,
                mut findings,
            } = Checked::read(&folder, config, |_| Reader::Trusted);
            let misnamed = definition
                .as_ref()
                .and_then(|definition| allowed::misnamed(definition, &name, config));
            findings.extend(misnamed);
            let rival = definition.as_ref().and_then(|definition| {
                rival(
                    written(definition, config),
                    loaded.usable.values(),
                    |_| true,
                    config,
                )
            });
            let is_again = rival.is_some()
                && definition
                    .as_ref()
                    .is_some_and(|own| loaded.usable.contains_key(&own.name));
            findings.extend(rival);
            match definition {
                Some(definition) if !findings.iter().any(Finding::is_error) => {
                    loaded.usable.insert(definition.name.clone(), definition);
                }
                other => {
                    let broken = Broken::new(&name, findings, other.is_none());
                    let name = match other {
                        Some(definition) if is_again => format!("{}_again", definition.name),
                        Some(definition) => definition.name,
                        None => name,
                    };
                    loaded.broken.insert(name, broken);
                }
            }
        }

        Ok(Self {
            loaded: Arc::new(loaded),
            seen: None,
        })
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
            .map(|(_, definition)| definition)
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

    /// Why nobody can say what a pipeline declares: its definition is broken, or the only one that could be its own.
    #[must_use]
    pub fn unclear(&self, pipeline: &str) -> Option<BrokenPipeline<'_>> {
        if self.loaded.usable.contains_key(pipeline) {
            return None;
        }
        let is_own = |broken: &BrokenPipeline<'_>| broken.name == pipeline;
        let unread = self
            .loaded
            .broken
            .iter()
            .filter(|(_, broken)| broken.is_unread);
        let mut unread = unread.map(|(name, broken)| broken.view(name));

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
        self.loaded.usable.get(name).filter(|_| self.has(name))
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
        tables: Vec<String>,
        config: &Config,
    ) -> Option<Finding> {
        let others = self.loaded.usable.values();

        rival(
            tables,
            others.filter(|other| other.name != pipeline),
            |name| self.has(name),
            config,
        )
    }
}

/// Why a definition cannot stand beside others, of which the message names only those that may be seen: it writes a table twice, or one of another pipeline. One of the same name counts, too.
fn rival<'a>(
    tables: impl IntoIterator<Item = String>,
    others: impl Iterator<Item = &'a Definition>,
    is_seen: impl Fn(&str) -> bool,
    config: &Config,
) -> Option<Finding> {
    let mut own = BTreeSet::new();
    for name in tables {
        if own.contains(&name) {
            let message = format!(
                "two of its tables write `{name}`; rename one of them, or set three different `schemas`"
            );
            return Some(Finding::error(finding::FILE, &message));
        }
        own.insert(name);
    }
    for other in others {
        let shared = written(other, config).find(|name| own.contains(name));
        if let Some(shared) = shared {
            let message = format!(
                "it writes `{shared}`, which {} writes too; rename one of the tables, or give one pipeline its own `schemas`",
                if is_seen(&other.name) {
                    format!("pipeline `{}`", other.name)
                } else {
                    "another pipeline".into()
                }
            );
            return Some(Finding::error(finding::FILE, &message));
        }
    }

    None
}

/// The names of the tables that a pipeline writes. Trino reads every name in lower case.
pub fn written(definition: &Definition, config: &Config) -> impl Iterator<Item = String> + use<> {
    let all = Names::new(definition, config).all();

    all.into_iter().map(|name| name.to_string().to_lowercase())
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
