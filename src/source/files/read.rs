//! Files read to their ends and landed: each whole, or not at all.

use std::sync::Arc;

use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use object_store::path::Path;
use tokio::sync::mpsc;

use super::Files;
use super::listing::Found;
use super::open::File;
use super::rows::{Columns, Reader, Row, Sink};
use crate::error::{Error, Result};
use crate::landing::{Event, Writer};
use crate::pipeline::Format;
use crate::source::{Reading, Tally};
use crate::state::{FileState, SourceFile};

/// Files that are opened at once.
const OPENED: usize = 8;
/// Rows of a file are kept while the rest of it is checked, up to so many bytes; a larger file is read once more.
const KEPT_BYTES: usize = 4 << 20;
/// Rows that are handed over at once.
const HANDED_BYTES: usize = 1 << 20;

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

impl Files<'_> {
    /// Reads every row of the files; what cannot be read is noted, and stops nothing.
    ///
    /// # Errors
    ///
    /// [`Error::FilesUnavailable`], [`Error::LandingUnavailable`].
    pub(in crate::source) async fn read(
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
    sink: &mut impl Sink,
) -> std::io::Result<()> {
    match format {
        Format::Parquet => reader.parquet(file.clone(), columns, sink),
        text => reader.text(text, file.text()?, columns, sink),
    }
}
