//! Files that are dropped into a folder: what the listing has and the ledger has not.

mod batch;
mod columns;
mod csv;
mod json;
mod land;
mod listing;
mod open;
mod read;
mod rows;
mod tidy;
mod walk;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};

use glob::Pattern;
use jiff::Timestamp;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use open::File;
use rows::Columns;

pub(super) use listing::FoundFile;

use super::Reading;
use super::cursor::Safety;
use crate::error::{Cause, Error, Result};
use crate::landing::open_store;
use crate::pipeline::{CatalogueColumn, Definition, FileSource, Table};
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
    /// The definition that files are read by, as a short text: what could not be read by another is tried again.
    read_by: String,
    /// What became of the files of the reading.
    outcome: Mutex<Outcome>,
}

/// What became of the files of a reading.
#[derive(Default)]
struct Outcome {
    files: Vec<SourceFile>,
    /// The time of the oldest file that was not read.
    unread: Option<Timestamp>,
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
            read_by: fingerprint(source, definition),
            outcome: Mutex::default(),
        })
    }

    /// How far the ledger can be trusted, and why.
    pub(super) fn safety(&self) -> (Safety, String) {
        match self.source.sequence.as_ref().or(self.source.occurred_at.as_ref()) {
            Some(column) => (
                Safety::Proven,
                format!("every file is read that the ledger does not have by path, etag and size; its rows are in the order of `{column}`"),
            ),
            None => (
                Safety::Overlap,
                "every file is read that the ledger does not have by path, etag and size, but rows are in the order in which files were first listed, so one that comes late or again counts as new; name a `sequence` or an `occurred_at` column".into(),
            ),
        }
    }

    /// What became of the files of the reading.
    pub(super) fn read_files(&self) -> Vec<SourceFile> {
        self.outcome
            .lock()
            .map(|outcome| outcome.files.clone())
            .unwrap_or_default()
    }

    /// The time up to which a reading that was read to its end holds everything: files that were not read hold it.
    pub(super) fn covered_after(&self, reading: &Reading, before: Option<Timestamp>) -> Timestamp {
        let unread = self.outcome.lock().ok().and_then(|outcome| outcome.unread);
        let covered = unread.map_or(reading.covered_until, |unread| {
            unread.min(reading.covered_until)
        });

        before.map_or(covered, |before| before.max(covered))
    }

    /// The columns that the files of a table had in this reading, without those that only say how a row is to be taken.
    pub(super) fn columns_of(&self, table: &str) -> Vec<CatalogueColumn> {
        let outcome = self.outcome.lock();
        let columns = outcome
            .ok()
            .and_then(|outcome| Some(outcome.columns.get(table)?.found.clone()));

        columns
            .unwrap_or_default()
            .into_iter()
            .filter(|CatalogueColumn { name, .. }| {
                let table = self.tables.get(table);
                !self.source.technical().any(|technical| technical == name)
                    || table.is_some_and(|table| table.uses(name))
            })
            .collect()
    }

    fn parts(&self, found: &FoundFile) -> (File, FileSource, Vec<String>) {
        let file = File {
            store: Arc::clone(&self.store),
            path: Path::parse(&found.path).unwrap_or_default(),
            etag: found.has_etag.then(|| found.etag.clone()),
            size: found.size,
            fault: Arc::default(),
        };
        let key = self
            .tables
            .get(&found.table)
            .map_or_else(Vec::new, Table::key_fields);

        (file, self.source.clone(), key)
    }

    /// Whether the first file that waits may be read; `None` where none waits.
    pub(super) async fn may_read(&self, reading: &Reading) -> Option<bool> {
        let first = reading.files.iter().find(|found| found.refused.is_none())?;
        let path = Path::parse(&first.path).ok()?;

        match self.store.get(&path).await {
            // It may be gone by now.
            Ok(_) | Err(object_store::Error::NotFound { .. }) => Some(true),
            Err(_) => Some(false),
        }
    }

    fn unavailable(&self, cause: impl Into<Cause>) -> Error {
        Error::FilesUnavailable {
            path: self.source.path.clone(),
            cause: cause.into(),
        }
    }
}

/// A short text that differs where files would be read otherwise.
fn fingerprint(source: &FileSource, definition: &Definition) -> String {
    let mut hasher = DefaultHasher::new();
    format!("{source:?}").hash(&mut hasher);
    for (name, table) in &definition.tables {
        (name, &table.key, format!("{:?}", table.columns)).hash(&mut hasher);
    }

    format!("{:016x}", hasher.finish())
}
