//! Chooses the definitions that can stand beside each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use super::known_folder::KnownFolder;
use super::rivals::{namesake, shared, written};
use super::{Definition, Finding};
use crate::config::Config;

/// The definition that a folder's pipeline may work by.
pub(super) struct Candidate {
    /// `None` if there is no good one.
    pub(super) definition: Option<Arc<Definition>>,
    /// The names of the tables that it writes.
    tables: BTreeSet<String>,
    /// Why the newest definition is not taken beside those of others.
    pub(super) refused: Option<Finding>,
}

/// Two folders whose definitions cannot stand beside each other, by their numbers.
struct Conflict {
    first: usize,
    second: usize,
    /// The table that both write; `None` if they have one name.
    table: Option<String>,
}

/// Chooses a definition for each folder. In a conflict, a new definition yields to the one before it.
pub(super) struct Choice<'a> {
    folders: Vec<&'a KnownFolder>,
    candidates: Vec<Candidate>,
    config: &'a Config,
}

impl<'a> Choice<'a> {
    pub(super) fn of(folders: &'a BTreeMap<PathBuf, KnownFolder>, config: &'a Config) -> Self {
        let folders: Vec<&KnownFolder> = folders.values().collect();
        let candidates = folders.iter().map(|folder| {
            let newest = folder.good().or(folder.used.as_ref());
            Candidate::of(newest.cloned(), None, config)
        });

        Self {
            candidates: candidates.collect(),
            folders,
            config,
        }
    }

    /// Each step takes a new definition away. Those that were used side by side before have no conflict.
    pub(super) fn settled(mut self) -> Vec<Candidate> {
        while let Some(conflict) = self.conflict() {
            let Conflict { first, second, .. } = conflict;
            let loser = if self.is_new(second) { second } else { first };
            let winner = first + second - loser;
            let refused = self.refusal(&conflict, winner);
            let before = self.folders[loser].used.clone();
            // One that is not new has nothing to yield to.
            let before = before.filter(|_| self.is_new(loser));
            self.candidates[loser] = Candidate::of(before, Some(refused), self.config);
        }

        self.candidates
    }

    fn conflict(&self) -> Option<Conflict> {
        let mut names: BTreeMap<&str, usize> = BTreeMap::new();
        let mut owners: BTreeMap<&str, usize> = BTreeMap::new();
        for (second, candidate) in self.candidates.iter().enumerate() {
            let Some(definition) = &candidate.definition else {
                continue;
            };
            for table in &candidate.tables {
                if let Some(first) = owners.insert(table, second) {
                    let table = Some(table.clone());
                    return Some(Conflict {
                        first,
                        second,
                        table,
                    });
                }
            }
            if let Some(first) = names.insert(&definition.name, second) {
                return Some(Conflict {
                    first,
                    second,
                    table: None,
                });
            }
        }

        None
    }

    fn is_new(&self, number: usize) -> bool {
        let chosen = self.candidates[number].definition.as_ref();

        !is_same(chosen, self.folders[number].used.as_ref())
    }

    fn refusal(&self, conflict: &Conflict, winner: usize) -> Finding {
        let name = self.candidates[winner].definition.as_ref();
        let name = name.map(|winner| winner.name.as_str()).unwrap_or_default();

        match &conflict.table {
            Some(table) => shared(table, &format!("pipeline `{name}`")),
            None => namesake(name, &self.folders[winner].name),
        }
    }
}

impl Candidate {
    fn of(definition: Option<Arc<Definition>>, refused: Option<Finding>, config: &Config) -> Self {
        let tables = definition.iter().flat_map(|one| written(one, config));

        Self {
            tables: tables.collect(),
            definition,
            refused,
        }
    }
}

/// Whether both are one reading of one definition, or none.
pub(super) fn is_same(one: Option<&Arc<Definition>>, other: Option<&Arc<Definition>>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        (None, None) => true,
        _ => false,
    }
}
