//! The pipelines as they were read: those that can run, those that cannot, and why.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Definition;
use super::broken::Broken;
use super::choice::{Candidate, Choice, is_same};
use super::contents::Contents;
use super::known_folder::KnownFolder;
use super::reload::{Reload, ReloadOutcome};
use crate::config::Config;
use crate::error::{Error, Result};

#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) usable: BTreeMap<String, Arc<Definition>>,
    pub(super) broken: BTreeMap<String, Broken>,
    /// Why usable pipelines keep their last good definition: their files cannot be used.
    pub(super) outdated: BTreeMap<String, Broken>,
    folders: BTreeMap<PathBuf, KnownFolder>,
}

/// The files of all pipelines, to be compared with those of another time.
#[derive(Debug, PartialEq, Eq)]
pub struct PipelineFiles(BTreeMap<PathBuf, Contents>);

impl PipelineFiles {
    /// # Errors
    ///
    /// [`Error::Settings`] if `pipelines.path` cannot be read.
    pub(super) fn look(config: &Config, known: &Loaded) -> Result<Self> {
        let folders = folders(&config.pipelines.path, known)?.into_iter();

        Ok(Self(
            folders
                .map(|folder| {
                    let contents = Contents::of(&folder);
                    (folder, contents)
                })
                .collect(),
        ))
    }
}

impl Loaded {
    /// Reads what changed since `before`. Pipelines whose new definition is broken, or cannot stand beside others, keep the one before.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] if `pipelines.path` cannot be read.
    pub(super) fn read(config: &Config, before: &Self) -> Result<Self> {
        let mut folders_read = BTreeMap::new();
        for path in folders(&config.pipelines.path, before)? {
            let known = before.folders.get(&path);
            let folder = KnownFolder::read(&path, known, config);
            folders_read.insert(path, folder);
        }
        let chosen = Choice::of(&folders_read, config).settled();

        Ok(Self::of(folders_read, chosen))
    }

    /// The files as they were read.
    pub(super) fn files(&self) -> PipelineFiles {
        let folders = self.folders.iter();

        PipelineFiles(
            folders
                .map(|(path, folder)| (path.clone(), folder.contents))
                .collect(),
        )
    }

    /// What became of each pipeline since `before`, by name.
    pub(super) fn since(&self, before: &Self) -> Vec<Reload> {
        let old = before.usable.keys().chain(before.broken.keys());
        let names: BTreeSet<&String> = old
            .chain(self.usable.keys())
            .chain(self.broken.keys())
            .collect();

        names
            .into_iter()
            .map(|name| {
                let used = self.usable.get(name);
                let broken = self.outdated.get(name).or_else(|| self.broken.get(name));
                let outcome = match used {
                    _ if broken.is_some() => ReloadOutcome::Broken,
                    Some(used) if is_same(Some(used), before.usable.get(name)) => {
                        ReloadOutcome::Unchanged
                    }
                    Some(_) => ReloadOutcome::Read,
                    None => ReloadOutcome::Removed,
                };
                Reload {
                    pipeline: name.clone(),
                    outcome,
                    usable: used.is_some(),
                    findings: broken.map_or_else(Vec::new, |broken| broken.findings.clone()),
                }
            })
            .collect()
    }

    fn of(folders: BTreeMap<PathBuf, KnownFolder>, chosen: Vec<Candidate>) -> Self {
        let mut loaded = Self::default();
        let mut rest = Vec::new();
        for ((path, mut folder), candidate) in folders.into_iter().zip(chosen) {
            let mut findings = folder.findings.clone();
            findings.extend(candidate.refused);
            let is_unread = folder.definition.is_none();
            let broken = || Broken::new(&folder.name, findings, is_unread);
            if let Some(used) = &candidate.definition {
                if !is_same(Some(used), folder.definition.as_ref()) {
                    loaded.outdated.insert(used.name.clone(), broken());
                }
                loaded.usable.insert(used.name.clone(), Arc::clone(used));
            } else {
                let own = folder.definition.as_ref().map(|own| &own.name);
                rest.push((own.unwrap_or(&folder.name).clone(), broken()));
            }
            folder.used = candidate.definition;
            loaded.folders.insert(path, folder);
        }
        for (mut name, broken) in rest {
            while loaded.usable.contains_key(&name) || loaded.broken.contains_key(&name) {
                name.push_str("_again");
            }
            loaded.broken.insert(name, broken);
        }

        loaded
    }
}

/// The folders with a `pipeline.yaml`. One that was there, and cannot be looked into any more, still counts.
fn folders(path: &Path, known: &Loaded) -> Result<Vec<PathBuf>> {
    let unreadable = |fault: std::io::Error| {
        Error::Settings(format!(
            "`pipelines.path` is `{}`, which cannot be read: {fault}",
            path.display()
        ))
    };
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let folder = entry.map_err(unreadable)?.path();
        let is_pipeline = match std::fs::metadata(folder.join("pipeline.yaml")) {
            Ok(file) => file.is_file(),
            Err(fault) => {
                let is_gone =
                    matches!(fault.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory);
                !is_gone && known.folders.contains_key(&folder)
            }
        };
        if is_pipeline {
            folders.push(folder);
        }
    }

    Ok(folders)
}
