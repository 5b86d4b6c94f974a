//! Files that are dropped into a folder: what the listing has and the ledger has not.

mod columns;
mod json;
mod listing;
mod open;
mod read;
mod rows;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use glob::Pattern;
use object_store::ObjectStore;
use object_store::path::Path;
use open::File;
use rows::Columns;

pub(super) use listing::Found;

use super::cursor::Safety;
use crate::error::{Cause, Error, Result};
use crate::landing::open_store;
use crate::pipeline::{Definition, FileSource, Table};
use crate::state::{SourceFile, Store};

/// A folder whose files are read.
pub(super) struct Files<'a> {
    source: &'a FileSource,
    pipeline: &'a str,
    tables: &'a BTreeMap<String, Table>,
    patterns: Vec<(&'a str, Pattern)>,
    store: Arc<dyn ObjectStore>,
    root: Path,
    ledger: Store,
    /// What became of the files of the reading.
    outcome: Mutex<Outcome>,
}

/// What became of the files of a reading.
#[derive(Default)]
struct Outcome {
    files: Vec<SourceFile>,
    columns: BTreeMap<String, Columns>,
}

impl<'a> Files<'a> {
    /// Opens the folder; nothing is listed yet.
    ///
    /// # Errors
    ///
    /// [`Error::SourceUnreadable`] where `source.path` is no address of a store.
    pub(super) fn open(
        source: &'a FileSource,
        definition: &'a Definition,
        ledger: &Store,
    ) -> Result<Self> {
        let (folder, _) = source.split();
        let (store, root) = open_store(folder).map_err(|cause| Error::SourceUnreadable {
            detail: format!(
                "`source.path` of pipeline `{}` is no folder of a store: {cause}",
                definition.name
            ),
        })?;
        let patterns = definition
            .tables
            .iter()
            .filter_map(|(name, table)| {
                let pattern = Pattern::new(table.files.as_deref()?).ok()?;
                Some((name.as_str(), pattern))
            })
            .collect();

        Ok(Self {
            source,
            pipeline: &definition.name,
            tables: &definition.tables,
            patterns,
            store,
            root,
            ledger: ledger.clone(),
            outcome: Mutex::default(),
        })
    }

    /// How far the ledger can be trusted, and why.
    pub(super) fn safety(&self) -> (Safety, String) {
        let order = match &self.source.sequence {
            Some(column) => format!("their rows are in the order of `{column}`"),
            None => "their rows are in the order in which the files were first listed; a `sequence` column makes it the writer's".into(),
        };

        (
            Safety::Proven,
            format!(
                "every file is read that the ledger does not have by path, etag and size; {order}"
            ),
        )
    }

    /// What became of the files of the reading.
    pub(super) fn read_files(&self) -> Vec<SourceFile> {
        self.outcome
            .lock()
            .map(|outcome| outcome.files.clone())
            .unwrap_or_default()
    }

    /// The columns that the files of a table had in this reading, without those that only say how a row is to be taken.
    pub(super) fn columns_of(&self, table: &str) -> Vec<(String, String)> {
        let outcome = self.outcome.lock();
        let columns = outcome
            .ok()
            .and_then(|outcome| Some(outcome.columns.get(table)?.found.clone()));

        columns
            .unwrap_or_default()
            .into_iter()
            .filter(|(name, _)| !self.source.technical().any(|technical| technical == name))
            .collect()
    }

    fn parts(&self, found: &Found) -> (File, FileSource, Vec<String>) {
        let file = File {
            store: Arc::clone(&self.store),
            path: Path::from(found.path.as_str()),
            etag: found.has_etag.then(|| found.etag.clone()),
            size: found.size,
            fault: Arc::default(),
        };
        let key = self
            .tables
            .get(&found.table)
            .map_or(&[][..], |table| &table.key);

        (file, self.source.clone(), key.to_vec())
    }

    fn unavailable(&self, cause: impl Into<Cause>) -> Error {
        Error::FilesUnavailable {
            path: self.source.path.clone(),
            cause: cause.into(),
        }
    }
}
