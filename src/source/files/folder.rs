//! An opened drop folder: its store, its patterns, and the outcome of each file of the reading.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};

use glob::Pattern;
use jiff::Timestamp;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};

use super::found::FoundFile;
use super::open::File;
use super::rows::Columns;
use crate::error::{Cause, Error, Result};
use crate::landing::open_store;
use crate::pipeline::{CatalogueColumn, Definition, FileSource, Table};
use crate::source::safety::CursorSafety;
use crate::state::{SourceFile, Store};

/// A drop folder whose files are read.
pub(in crate::source) struct DropFolder<'a> {
    pub(super) source: &'a FileSource,
    pub(super) pipeline: &'a str,
    pub(super) tables: &'a BTreeMap<String, Table>,
    pub(super) patterns: Vec<(&'a str, Pattern)>,
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) root: Path,
    pub(super) ledger: Store,
    /// The definition that files are read by, as a short text. Files that another definition could not read are
    /// retried.
    pub(super) read_by: String,
    /// The outcome of each file of the reading.
    pub(super) outcome: Mutex<Outcome>,
    /// The files that the reading takes, the oldest first; empty before the listing.
    pub(super) taken: Vec<FoundFile>,
}

/// The outcome of each file of a reading.
#[derive(Default)]
pub(super) struct Outcome {
    pub(super) files: Vec<SourceFile>,
    /// The time of the oldest file that was not read.
    pub(super) unread: Option<Timestamp>,
    pub(super) columns: BTreeMap<String, Columns>,
}

impl<'a> DropFolder<'a> {
    /// Opens the folder; nothing is listed yet.
    ///
    /// # Errors
    ///
    /// [`Error::SourceUnreadable`] if `source.path` is no address of a store.
    pub(in crate::source) fn open(
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
            taken: Vec::new(),
        })
    }

    /// How far the ledger can be trusted, and why.
    pub(super) fn cursor_safety(&self) -> CursorSafety {
        let known = "every file is read that the ledger does not have by path, etag and size";
        match self
            .source
            .sequence
            .as_ref()
            .or(self.source.occurred_at.as_ref())
        {
            Some(column) => {
                CursorSafety::proven(format!("{known}; its rows are in the order of `{column}`"))
            }
            None => CursorSafety::overlap(format!(
                "{known}, but rows are in the order in which files were first listed, so a file that comes late or again counts as new; name a `sequence` or an `occurred_at` column"
            )),
        }
    }

    /// The outcome of each file of the reading.
    pub(super) fn files_read(&self) -> Vec<SourceFile> {
        self.outcome
            .lock()
            .map(|outcome| outcome.files.clone())
            .unwrap_or_default()
    }

    /// The time up to which a complete reading holds everything. Unread files hold it back.
    pub(super) fn covered(&self, until: Timestamp, before: Option<Timestamp>) -> Timestamp {
        let unread = self.outcome.lock().ok().and_then(|outcome| outcome.unread);
        let covered = unread.map_or(until, |unread| unread.min(until));

        before.map_or(covered, |before| before.max(covered))
    }

    /// The columns of a table's files in this reading, without technical columns that the table does not use.
    pub(super) fn columns_read(&self, table: &str) -> Vec<CatalogueColumn> {
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

    pub(super) fn parts(&self, found: &FoundFile) -> (File, FileSource, Vec<String>) {
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

    /// Whether the first file that waits may be read; `None` if no file waits.
    pub(super) async fn may_read(&self) -> Option<bool> {
        let first = self.taken.iter().find(|found| found.refused.is_none())?;
        let path = Path::parse(&first.path).ok()?;

        match self.store.get(&path).await {
            // The file may be gone by now.
            Ok(_) | Err(object_store::Error::NotFound { .. }) => Some(true),
            Err(_) => Some(false),
        }
    }

    pub(super) fn unavailable(&self, cause: impl Into<Cause>) -> Error {
        Error::FilesUnavailable {
            path: self.source.path.clone(),
            cause: cause.into(),
        }
    }
}

/// A short text that changes whenever files would be read differently.
fn fingerprint(source: &FileSource, definition: &Definition) -> String {
    let mut hasher = DefaultHasher::new();
    format!("{source:?}").hash(&mut hasher);
    for (name, table) in &definition.tables {
        (name, &table.key, format!("{:?}", table.columns)).hash(&mut hasher);
    }

    format!("{:016x}", hasher.finish())
}
