//! Files that are dropped into a folder: what the listing has and the ledger has not.

mod columns;
mod open;
mod rows;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, TryStreamExt};
use glob::{MatchOptions, Pattern};
use jiff::Timestamp;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use open::File;
use rows::{Columns, Reader, Row};
use serde_json::json;
use tokio::sync::mpsc;

use super::Reading;
use super::cursor::Safety;
use super::tally::Tally;
use crate::error::{Cause, Error, Result};
use crate::landing::{Event, Writer, open_store};
use crate::pipeline::{After, Changed, Definition, FileSource, Format, Table};
use crate::state::{FileState, SourceFile, Store};

/// Files of one batch; those after them wait for the next.
const MOST_FILES: usize = 20_000;
/// Files are looked up in the ledger so many at once.
const LOOKED_UP: usize = 1_000;
/// Files that are opened at once.
const OPENED: usize = 8;
/// Rows of a file are kept while the rest of it is checked, up to so many bytes; a larger file is read once more.
const KEPT_BYTES: usize = 4 << 20;
/// Rows that are handed over at once.
const HANDED_BYTES: usize = 1 << 20;

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

/// A file that the ledger does not have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    modified_at: Timestamp,
    path: String,
    etag: String,
    has_etag: bool,
    size: u64,
    table: String,
    /// Whether the ledger has it as another file, and such are not to be read.
    is_refused: bool,
}

/// What a first look at a file gave.
struct Checked {
    columns: Columns,
    rows: Vec<Row>,
    count: u64,
    /// Whether `rows` are all rows.
    is_kept: bool,
}

/// Why a file was not read.
enum Fault {
    /// The file itself cannot be.
    Unreadable(String),
    /// The store does not answer as it should.
    Unavailable(Error),
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

    /// Lists the files that are to be read, the oldest first.
    ///
    /// # Errors
    ///
    /// [`Error::FilesUnavailable`], [`Error::StateUnavailable`].
    pub(super) async fn begin(&self, covered_before: Option<Timestamp>) -> Result<Reading> {
        let now = Timestamp::now();
        let mut marked = BTreeSet::new();
        if let Some(marker) = &self.source.marker {
            let mut listing = self.store.list(Some(&self.root));
            while let Some(meta) = listing
                .try_next()
                .await
                .map_err(|cause| self.unavailable(cause))?
            {
                if meta.location.filename() == Some(marker) {
                    marked.insert(parent(&meta.location));
                }
            }
        }
        let mut found = BTreeSet::new();
        let mut unread: Option<Timestamp> = None;
        let mut waits =
            |time: Timestamp| unread = Some(unread.map_or(time, |unread| unread.min(time)));
        let mut chunks = self.store.list(Some(&self.root)).try_chunks(LOOKED_UP);
        while let Some(listed) = chunks.next().await {
            let listed = listed.map_err(|fault| self.unavailable(fault.1))?;
            let mut files: Vec<Found> = Vec::new();
            for meta in &listed {
                let Some(file) = self.look(meta) else {
                    continue;
                };
                let is_marked =
                    self.source.marker.is_none() || marked.contains(&parent(&meta.location));
                let quiet = now.duration_since(file.modified_at).unsigned_abs();
                if !is_marked || file.modified_at > now || quiet < self.source.settle() {
                    waits(file.modified_at.min(now));
                    continue;
                }
                files.push(file);
            }
            for file in self.unknown(files).await? {
                found.insert(file);
                if found.len() > MOST_FILES
                    && let Some(late) = found.pop_last()
                {
                    waits(late.modified_at);
                }
            }
        }
        let covered = unread.map_or(now, |unread| unread.min(now));
        let (folder, _) = self.source.split();

        Ok(Reading {
            position: json!({"path": folder, "listed_at": now}),
            read_at: now,
            covered_until: covered_before.map_or(covered, |before| before.max(covered)),
            blocked_by: None,
            queries: Vec::new(),
            files: found.into_iter().collect(),
            compared: Vec::new(),
        })
    }

    /// Reads every row of the files; what cannot be read is noted, and stops nothing.
    ///
    /// # Errors
    ///
    /// [`Error::FilesUnavailable`], [`Error::LandingUnavailable`].
    pub(super) async fn read(
        &self,
        reading: &Reading,
        first: i64,
        (tally, writer): (&mut Tally, &mut Writer<'_>),
    ) -> Result<()> {
        let mut id = first;
        let checks: Vec<BoxFuture<'_, Result<Checked, Fault>>> = reading
            .files
            .iter()
            .map(|found| self.check(found).boxed())
            .collect();
        let mut checked = futures::stream::iter(checks).buffered(OPENED);
        for found in &reading.files {
            let Some(checked) = checked.next().await else {
                break;
            };
            let mut file = SourceFile {
                path: found.path.clone(),
                etag: found.etag.clone(),
                size: i64::try_from(found.size).map_err(Error::internal)?,
                table: found.table.clone(),
                modified_at: found.modified_at,
                state: FileState::Landed,
                rows: 0,
                reason: None,
            };
            match checked {
                Err(Fault::Unavailable(error)) => return Err(error),
                Err(Fault::Unreadable(reason)) => {
                    file.state = if found.is_refused {
                        FileState::Changed
                    } else {
                        FileState::Unreadable
                    };
                    file.reason = Some(reason);
                }
                Ok(checked) => {
                    file.rows = i64::try_from(checked.count).map_err(Error::internal)?;
                    self.land(found, &checked, &mut id, (&mut *tally, &mut *writer))
                        .await?;
                    let mut outcome = self
                        .outcome
                        .lock()
                        .map_err(|_| Error::internal("a thread that reads files died"))?;
                    let known = outcome.columns.entry(found.table.clone()).or_default();
                    for (name, kind) in &checked.columns.found {
                        known.note(name, kind);
                    }
                }
            }
            self.outcome
                .lock()
                .map_err(|_| Error::internal("a thread that reads files died"))?
                .files
                .push(file);
        }

        Ok(())
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

    /// Moves or deletes files that landed in earlier batches, where the definition wants it.
    ///
    /// # Errors
    ///
    /// [`Error::FilesUnavailable`], [`Error::StateUnavailable`].
    pub(super) async fn tidy(&self) -> Result<()> {
        if self.source.after == After::Keep {
            return Ok(());
        }
        let mut chunks = self.store.list(Some(&self.root)).try_chunks(LOOKED_UP);
        while let Some(listed) = chunks.next().await {
            let listed = listed.map_err(|fault| self.unavailable(fault.1))?;
            let files: Vec<Found> = listed.iter().filter_map(|meta| self.look(meta)).collect();
            let landed = self
                .ledger
                .landed_files(self.pipeline, &triples(&files))
                .await?;
            for file in files.iter().filter(|file| landed.contains(&file.path)) {
                let from = Path::from(file.path.as_str());
                let done = match self.source.after {
                    After::Move => {
                        let name = from.filename().unwrap_or_default();
                        let to = Path::from(parent(&from)).join("_done").join(name);
                        self.store.rename(&from, &to).await
                    }
                    _ => self.store.delete(&from).await,
                };
                match done {
                    Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                    Err(cause) => return Err(self.unavailable(cause)),
                }
            }
        }

        Ok(())
    }

    /// A listed file as one of ours: hidden ones are not, and those that no table names.
    fn look(&self, meta: &ObjectMeta) -> Option<Found> {
        let below = meta.location.prefix_match(&self.root)?;
        let parts: Vec<String> = below.map(|part| part.as_ref().to_owned()).collect();
        if parts.iter().any(|part| part.starts_with(['_', '.'])) {
            return None;
        }
        let options = MatchOptions {
            require_literal_separator: true,
            ..MatchOptions::new()
        };
        let name = parts.join("/");
        let (table, _) = self
            .patterns
            .iter()
            .find(|(_, pattern)| pattern.matches_with(&name, options))?;
        let modified_at =
            Timestamp::from_microsecond(meta.last_modified.timestamp_micros()).ok()?;

        Some(Found {
            modified_at,
            path: meta.location.to_string(),
            etag: meta
                .e_tag
                .clone()
                .unwrap_or_else(|| modified_at.to_string()),
            has_etag: meta.e_tag.is_some(),
            size: meta.size,
            table: (*table).to_owned(),
            is_refused: false,
        })
    }

    /// Leaves out what the ledger has.
    async fn unknown(&self, files: Vec<Found>) -> Result<Vec<Found>> {
        if files.is_empty() {
            return Ok(files);
        }
        let known = self
            .ledger
            .known_files(self.pipeline, &triples(&files))
            .await?;

        Ok(files
            .into_iter()
            .filter_map(|mut file| match known.get(&file.path) {
                None => Some(file),
                Some(true) => None,
                Some(false) => {
                    file.is_refused = self.source.changed == Changed::Reject;
                    Some(file)
                }
            })
            .collect())
    }

    /// Reads a file to its end before any row of it lands: one that breaks off has none.
    async fn check(&self, found: &Found) -> Result<Checked, Fault> {
        if found.is_refused {
            return Err(Fault::Unreadable(
                "it was read before as another file, and `source.changed` is `reject`".into(),
            ));
        }
        let name = Path::from(found.path.as_str())
            .filename()
            .unwrap_or_default()
            .to_owned();
        let format = self.source.format_of(&name).map_err(Fault::Unreadable)?;
        let (file, source, key) = self.parts(found);
        let modified_at = found.modified_at;
        let fault = Arc::clone(&file.fault);
        let checked = tokio::task::spawn_blocking(move || {
            let mut checked = Checked {
                columns: Columns::default(),
                rows: Vec::new(),
                count: 0,
                is_kept: true,
            };
            let mut bytes = 0;
            let reader = Reader {
                source: &source,
                key: &key,
                modified_at,
            };
            let Checked {
                columns,
                rows,
                count,
                is_kept,
            } = &mut checked;
            let mut keep = |row: Row| {
                *count += 1;
                bytes += row.data.len() + size_of::<Row>();
                if bytes > KEPT_BYTES {
                    *is_kept = false;
                    *rows = Vec::new();
                } else {
                    rows.push(row);
                }
                true
            };
            read_rows(&reader, format, &file, columns, &mut keep).map(|()| checked)
        })
        .await
        .map_err(|fault| Fault::Unavailable(Error::internal(fault)))?;

        checked.map_err(
            |cause| match fault.lock().ok().and_then(|mut fault| fault.take()) {
                Some(cause) => Fault::Unavailable(self.unavailable(cause)),
                None if cause.kind() == std::io::ErrorKind::UnexpectedEof => Fault::Unreadable(
                    "it ends in the middle; it was not written to its end, or cut".into(),
                ),
                None => Fault::Unreadable(cause.to_string()),
            },
        )
    }

    /// Lands the rows of a file that was checked.
    async fn land(
        &self,
        found: &Found,
        checked: &Checked,
        id: &mut i64,
        (tally, writer): (&mut Tally, &mut Writer<'_>),
    ) -> Result<()> {
        let mut push = Push {
            found,
            is_numbered: self.source.sequence.is_some(),
            id,
        };
        if checked.is_kept {
            return push.rows(&checked.rows, (tally, writer)).await;
        }
        let (file, source, key) = self.parts(found);
        let (path, modified_at) = (found.path.clone(), found.modified_at);
        let format = self.source.format_of(&path).map_err(Error::internal)?;
        let (sender, mut handed) = mpsc::channel::<Vec<Row>>(2);
        let fault = Arc::clone(&file.fault);
        let reading = tokio::task::spawn_blocking(move || {
            let reader = Reader {
                source: &source,
                key: &key,
                modified_at,
            };
            let mut rows = Vec::new();
            let mut bytes = 0;
            let mut hand = |row: Row| {
                bytes += row.data.len() + size_of::<Row>();
                rows.push(row);
                if bytes < HANDED_BYTES {
                    return true;
                }
                bytes = 0;
                sender.blocking_send(std::mem::take(&mut rows)).is_ok()
            };
            read_rows(&reader, format, &file, &mut Columns::default(), &mut hand)?;
            // Nobody takes it where the run was ended.
            let _ = sender.blocking_send(rows);
            Ok::<(), std::io::Error>(())
        });
        while let Some(rows) = handed.recv().await {
            push.rows(&rows, (&mut *tally, &mut *writer)).await?;
        }

        reading.await.map_err(Error::internal)?.map_err(|cause| {
            let lost = fault.lock().ok().and_then(|mut fault| fault.take());
            match lost {
                Some(cause) => self.unavailable(cause),
                // It was whole a moment ago, so it is another file by now; the next run takes it as what it is then.
                None => self.unavailable(cause),
            }
        })
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

/// Gives the rows of a file their numbers, and the writer its events.
struct Push<'a> {
    found: &'a Found,
    is_numbered: bool,
    id: &'a mut i64,
}

impl Push<'_> {
    async fn rows(
        &mut self,
        rows: &[Row],
        (tally, writer): (&mut Tally, &mut Writer<'_>),
    ) -> Result<()> {
        for row in rows {
            *self.id += 1;
            let event = Event {
                event_id: if self.is_numbered {
                    row.sequence
                } else {
                    Some(*self.id)
                },
                operation: row.operation.as_deref(),
                occurred_at_us: row.occurred_at_us,
                schema: Some("files"),
                table: Some(&self.found.table),
                data: Some(&row.data),
                source_file: Some(&self.found.path),
            };
            tally.count(&event);
            writer.push(&event).await?;
        }

        Ok(())
    }
}

fn read_rows(
    reader: &Reader<'_>,
    format: Format,
    file: &File,
    columns: &mut Columns,
    sink: &mut impl rows::Sink,
) -> std::io::Result<()> {
    match format {
        Format::Parquet => reader.parquet(file.clone(), columns, sink),
        text => reader.text(text, file.text()?, columns, sink),
    }
}

fn triples(files: &[Found]) -> Vec<(&str, &str, i64)> {
    files
        .iter()
        .map(|file| {
            (
                file.path.as_str(),
                file.etag.as_str(),
                i64::try_from(file.size).unwrap_or(i64::MAX),
            )
        })
        .collect()
}

fn parent(path: &Path) -> String {
    let path = path.as_ref();

    path.rsplit_once('/')
        .map_or("", |(parent, _)| parent)
        .to_owned()
}
