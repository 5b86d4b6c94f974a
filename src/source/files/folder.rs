//! An opened drop folder: its store, its ledger, the tables that its files belong to.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard};

use jiff::Timestamp;
use object_store::path::Path;
use serde_json::Value;

use super::access::DropAccess;
use super::drop_store::DropStore;
use super::dropped_file::DroppedFile;
use super::file_limits::FileLimits;
use super::local_folder::LocalFolder;
use super::reading_outcome::ReadingOutcome;
use super::round::FilesPosition;
use super::rows::{FileReader, RowRules};
use super::store_fault::StoreFault;
use super::stored_file::StoredFile;
use super::table_pattern::{TablePattern, branches};
use crate::config::Files;
use crate::error::{Cause, Error, Result};
use crate::landing::open_store;
use crate::pipeline::{CatalogueColumn, Definition, FileSource, Table};
use crate::source::safety::CursorSafety;
use crate::state::{SourceFile, Store};

/// Part of the name of S3's directory buckets, which list names in no order.
const UNORDERED: &str = "--x-s3";

/// A drop folder whose files are read.
pub(in crate::source) struct DropFolder<'a> {
    pub(super) source: &'a FileSource,
    pub(super) pipeline: &'a str,
    pub(super) tables: &'a BTreeMap<String, Table>,
    pub(super) table_patterns: Vec<TablePattern<'a>>,
    pub(super) store: DropStore,
    /// The folder, as the paths of its files begin.
    pub(super) root: Path,
    pub(super) access: DropAccess,
    pub(super) ledger: Store,
    /// The definition that files are read by, as a short text. Files that another definition could not read are
    /// retried.
    pub(super) definition_fingerprint: String,
    outcome: Mutex<ReadingOutcome>,
    /// The folders that hold all files of tables.
    pub(super) branches: Vec<Path>,
    /// Whether the store lists names in their order.
    pub(super) lists_in_order: bool,
    /// The files that the reading takes, the oldest first; empty before the listing.
    pub(super) taken: Vec<DroppedFile>,
    /// What the reading listed; `None` before the listing.
    pub(super) part: Option<ListedPart>,
}

/// The part of the folder that a reading listed.
pub(super) struct ListedPart {
    /// The name that it began after.
    pub(super) began_after: Option<Path>,
    /// Whether it is one of many that go on where the last one ended.
    pub(super) goes_on: bool,
    /// Whether it reached the last name.
    pub(super) ended_round: bool,
    /// The position before it.
    pub(super) before: FilesPosition,
    /// The position after it, if all its files are read.
    pub(super) after: FilesPosition,
}

impl<'a> DropFolder<'a> {
    /// Opens the folder; nothing is listed yet.
    ///
    /// # Errors
    ///
    /// [`Error::SourceUnreadable`] if `source.path` is no address of a store, or the settings do not allow it.
    pub(in crate::source) fn open(
        source: &'a FileSource,
        definition: &'a Definition,
        access: &DropAccess,
        ledger: &Store,
    ) -> Result<Self> {
        let store = store_of(source, access).map_err(|fault| Error::SourceUnreadable {
            detail: format!("pipeline `{}`: {fault}", definition.name),
        })?;

        let table_patterns = TablePattern::of(&definition.tables);

        Ok(Self {
            source,
            pipeline: &definition.name,
            tables: &definition.tables,
            branches: branches(&store.root, &table_patterns),
            table_patterns,
            lists_in_order: !source.path.contains(UNORDERED),
            store: store.store,
            root: store.root,
            access: access.clone(),
            ledger: ledger.clone(),
            definition_fingerprint: fingerprint(source, definition, &access.settings),
            outcome: Mutex::default(),
            taken: Vec::new(),
            part: None,
        })
    }

    /// The branch that a file is in.
    pub(super) fn branch_of(&self, location: &Path) -> Option<&Path> {
        self.branches
            .iter()
            .find(|branch| location.prefix_matches(branch))
    }

    /// The cursor's position after the reading. It stays if the store went away before all files were read.
    pub(super) fn position_after_reading(&self) -> Result<Value> {
        let part = self.part.as_ref();
        let part = part.ok_or_else(|| Error::internal("the folder was not listed"))?;
        let outcome = self.outcome()?;
        if outcome.is_interrupted {
            return part.before.to_value();
        }
        let mut after = part.after.clone();
        after.note_unread(outcome.unread);

        after.to_value()
    }

    /// Why it is unknown how many files wait; `None` if all names were listed.
    pub(super) fn why_uncounted(&self) -> Option<String> {
        let is_cut = self.part.as_ref().is_some_and(|part| !part.ended_round);

        is_cut.then(|| {
            "the folder has more names than one look lists, so only runs count the files that wait; `source.after` keeps a folder small".into()
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

    /// The outcome of the reading so far.
    pub(super) fn outcome(&self) -> Result<MutexGuard<'_, ReadingOutcome>> {
        self.outcome
            .lock()
            .map_err(|_| Error::internal("a thread that reads files died"))
    }

    /// The outcome of each file of the reading.
    pub(super) fn files_read(&self) -> Vec<SourceFile> {
        self.outcome()
            .map(|outcome| outcome.files.clone())
            .unwrap_or_default()
    }

    /// The time up to which a complete reading holds everything. Unread files hold it back.
    pub(super) fn covered(&self, until: Timestamp, before: Option<Timestamp>) -> Timestamp {
        let unread = self.outcome().ok().and_then(|outcome| outcome.unread);
        let covered = unread.map_or(until, |unread| unread.min(until));

        before.map_or(covered, |before| before.max(covered))
    }

    /// The columns of a table's files in this reading, without technical columns that the table does not use.
    pub(super) fn columns_read(&self, table: &str) -> Vec<CatalogueColumn> {
        let mut columns = self
            .outcome()
            .map(|outcome| outcome.columns_of(table))
            .unwrap_or_default();
        let table = self.tables.get(table);
        columns.retain(|CatalogueColumn { name, .. }| {
            !self.source.technical().any(|technical| technical == name)
                || table.is_some_and(|table| table.uses(name))
        });

        columns
    }

    /// The reader of a file. Fails if the file's format is unknown.
    pub(super) fn reader_of(&self, dropped: &DroppedFile) -> Result<FileReader, String> {
        let format = self.source.format_of(&dropped.path)?;
        let key = self
            .tables
            .get(&dropped.table)
            .map_or_else(Vec::new, Table::key_fields);

        Ok(FileReader {
            file: StoredFile {
                store: self.store.clone(),
                path: Path::parse(&dropped.path).unwrap_or_default(),
                etag: dropped.has_etag.then(|| dropped.etag.clone()),
                size: dropped.size,
                fault: StoreFault::default(),
                limits: FileLimits::new(&self.access),
            },
            format,
            rules: RowRules {
                source: self.source.clone(),
                key,
                modified_at: dropped.modified_at,
            },
        })
    }

    pub(super) fn unavailable(&self, cause: impl Into<Cause>) -> Error {
        Error::FilesUnavailable {
            path: self.source.path.clone(),
            cause: cause.into(),
        }
    }
}

struct OpenedStore {
    store: DropStore,
    root: Path,
}

/// The store of a source; what is wrong, if there is none.
fn store_of(source: &FileSource, access: &DropAccess) -> Result<OpenedStore, String> {
    let (address, _) = source.split();
    let folder = source.folder()?;
    let root = access.settings.root_of(&folder)?;
    let (store, path) = open_store(address)
        .map_err(|cause| format!("`source.path` is no folder of a store: {cause}"))?;
    let store = if folder.is_local() {
        DropStore::Local(LocalFolder::new(&root, &folder))
    } else {
        DropStore::Bucket(store)
    };

    Ok(OpenedStore { store, root: path })
}

/// A short text that changes whenever files would be read differently.
fn fingerprint(source: &FileSource, definition: &Definition, limits: &Files) -> String {
    let mut hasher = DefaultHasher::new();
    format!("{source:?}").hash(&mut hasher);
    (limits.largest_row_bytes, limits.memory_bytes).hash(&mut hasher);
    for (name, table) in &definition.tables {
        (name, &table.key, format!("{:?}", table.columns)).hash(&mut hasher);
    }

    format!("{:016x}", hasher.finish())
}
