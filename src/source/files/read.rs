//! Reads files to their ends and lands them: each completely, or not at all.

use std::collections::BTreeMap;
use std::sync::{Arc, MutexGuard};

use futures::future::BoxFuture;
use futures::stream::FuturesOrdered;
use futures::{FutureExt, StreamExt};
use jiff::Timestamp;

use super::folder::{DropFolder, Outcome};
use super::found::FoundFile;
use super::open::{File, is_forbidden};
use super::rows::{Columns, Reader, Row, Sink};
use crate::error::{Error, Result};
use crate::pipeline::Format;
use crate::source::intake::Intake;
use crate::state::{FileState, SourceFile};

/// The most files that are open at once.
const OPENED: usize = 8;
/// The service keeps this many bytes of a file's rows while it checks the file. It reads a larger file twice.
const KEPT_BYTES: usize = 4 << 20;
/// The most characters of a reason.
const LONGEST_REASON: usize = 1_000;

/// What a first look at a file gave.
pub(super) struct Checked {
    pub(super) columns: Columns,
    pub(super) rows: Vec<Row>,
    pub(super) count: u64,
    /// Whether `rows` are all rows.
    pub(super) is_kept: bool,
}

/// Why a file was not read.
enum Fault {
    /// The file itself cannot be read.
    Unreadable(String),
    Forbidden,
    /// The store does not answer as it should.
    Unavailable {
        /// The error that is reported.
        error: Error,
        /// Whether the store was silent, as it would be for any other file.
        is_silent: bool,
    },
}

impl DropFolder<'_> {
    /// Reads every row of the files. An unreadable file is noted and stops no other.
    pub(super) async fn read_taken(&self, first: i64, intake: &mut Intake<'_>) -> Result<()> {
        let mut id = first;
        let mut known = BTreeMap::new();
        for (name, table) in self.tables {
            let table = self.ledger.table(&table.id).await?;
            let catalogue = table.map_or_else(Vec::new, |table| table.catalogue);
            known.insert(name.clone(), catalogue);
        }
        let mut ahead = self.taken.iter();
        let mut checks: FuturesOrdered<BoxFuture<'_, _>> = FuturesOrdered::new();
        for found in ahead.by_ref().take(OPENED) {
            checks.push_back(self.check(found).boxed());
        }
        let mut first_fault = None;
        let mut is_any_read = false;
        let mut silent = 0;
        for found in &self.taken {
            let Some(checked) = checks.next().await else {
                break;
            };
            if let Some(next) = ahead.next() {
                checks.push_back(self.check(next).boxed());
            }
            let mut file = SourceFile {
                path: found.path.clone(),
                etag: found.etag.clone(),
                size: i64::try_from(found.size).map_err(Error::internal)?,
                table: found.table.clone(),
                modified_at: found.modified_at,
                state: FileState::Landed,
                rows: 0,
                reason: None,
                read_by: self.read_by.clone(),
            };
            let checked = checked.and_then(|checked| {
                let known = known.entry(found.table.clone()).or_default();
                match self.tables.get(&found.table) {
                    Some(table) => checked.columns.judge(table, known).map(|()| checked),
                    None => Ok(checked),
                }
                .map_err(Fault::Unreadable)
            });
            if checked.is_err() {
                self.outcome()?.hold(found.modified_at);
            }
            match checked {
                Err(Fault::Unavailable { error, is_silent }) => {
                    // A file that the store does not give stops no other. The next run asks for it again.
                    tracing::warn!(pipeline = self.pipeline, path = found.path, %error, "a file cannot be read now");
                    first_fault.get_or_insert(error);
                    silent = if is_silent { silent + 1 } else { 0 };
                    if silent == OPENED {
                        // If the store is away, each further file would wait as long.
                        break;
                    }
                    continue;
                }
                Err(Fault::Forbidden) if found.was_forbidden => {
                    is_any_read = true;
                    silent = 0;
                    continue;
                }
                Err(Fault::Forbidden) => {
                    file.state = FileState::Unreadable;
                    file.reason =
                        Some("the service may not read it; once it may, it is read".into());
                    // No definition has read it, so the next run retries it.
                    file.read_by.clear();
                }
                Err(Fault::Unreadable(reason)) => {
                    let refused = found.refused.as_ref();
                    file.state = refused.map_or(FileState::Unreadable, |(state, _)| *state);
                    file.reason = Some(presentable(&reason));
                }
                Ok(checked) => {
                    file.rows = i64::try_from(checked.count).map_err(Error::internal)?;
                    self.land(found, &checked, &mut id, intake).await?;
                    let mut outcome = self.outcome()?;
                    let columns = outcome.columns.entry(found.table.clone()).or_default();
                    let known = known.entry(found.table.clone()).or_default();
                    for column in &checked.columns.found {
                        columns.note(&column.name, &column.data_type);
                        if !known.iter().any(|known| known.name == column.name) {
                            known.push(column.clone());
                        }
                    }
                }
            }
            is_any_read = true;
            silent = 0;
            self.outcome()?.files.push(file);
        }

        match first_fault {
            Some(error) if !is_any_read => Err(error),
            _ => Ok(()),
        }
    }

    fn outcome(&self) -> Result<MutexGuard<'_, Outcome>> {
        self.outcome
            .lock()
            .map_err(|_| Error::internal("a thread that reads files died"))
    }

    /// Reads a file to its end before any row of it lands. A truncated file lands no row.
    async fn check(&self, found: &FoundFile) -> Result<Checked, Fault> {
        if let Some((_, reason)) = &found.refused {
            return Err(Fault::Unreadable(reason.clone()));
        }
        let format = self
            .source
            .format_of(&found.path)
            .map_err(Fault::Unreadable)?;
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
            match read_rows(&reader, format, &file, columns, &mut keep) {
                Ok(()) => Ok(checked),
                Err(cause) => Err((cause, checked.count)),
            }
        })
        .await
        .map_err(|_| Fault::Unreadable("it makes its decoder fail".into()))?;

        checked.map_err(
            |(cause, count)| match fault.lock().ok().and_then(|mut fault| fault.take()) {
                Some(cause) if is_forbidden(&cause) => Fault::Forbidden,
                Some(cause) => Fault::Unavailable {
                    is_silent: self.source.local().is_none()
                        && matches!(cause, object_store::Error::Generic { .. }),
                    error: self.unavailable(cause),
                },
                None if cause.kind() == std::io::ErrorKind::UnexpectedEof => {
                    Fault::Unreadable(format!(
                        "it ends in the middle, after {count} rows; it was not written to its end, or cut"
                    ))
                }
                None => Fault::Unreadable(cause.to_string()),
            },
        )
    }
}

impl Outcome {
    fn hold(&mut self, time: Timestamp) {
        self.unread = Some(self.unread.map_or(time, |unread| unread.min(time)));
    }
}

/// A reason that the database can store: it may quote bytes that are no text.
fn presentable(reason: &str) -> String {
    let shown = reason.chars().take(LONGEST_REASON);

    shown
        .map(|sign| if sign.is_control() { '\u{fffd}' } else { sign })
        .collect()
}

/// Gives every row of a file to `sink`.
pub(super) fn read_rows(
    reader: &Reader<'_>,
    format: Format,
    file: &File,
    columns: &mut Columns,
    sink: &mut impl Sink,
) -> std::io::Result<()> {
    match format {
        Format::Parquet => match file.unpacked()? {
            Some(unpacked) => reader.parquet(unpacked, columns, sink),
            None => reader.parquet(file.clone(), columns, sink),
        },
        text => reader.text(text, file.text()?, columns, sink),
    }
}
