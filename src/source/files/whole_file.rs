//! A file that was read to its end before any of its rows lands, so that a truncated file lands no row.

use std::io;
use std::ops::ControlFlow;

use super::dropped_file::DroppedFile;
use super::file_fault::FileFault;
use super::folder::DropFolder;
use super::rows::{FileColumns, FileReader, FileRow};
use super::store_fault::is_forbidden;

/// The service keeps this many bytes of a file's rows. It reads a larger file twice.
const KEPT_BYTES: usize = 4 << 20;

/// A file that was read to its end.
#[derive(Default)]
pub(super) struct WholeFile {
    pub(super) columns: FileColumns,
    pub(super) rows: KeptRows,
}

/// Rows that are kept until their file proves whole.
pub(super) struct KeptRows {
    /// All rows; `None` if they are too large to be kept.
    pub(super) kept: Option<Vec<FileRow>>,
    pub(super) count: u64,
    bytes: usize,
}

/// Why a file could not be read to its end.
struct ReadFailure {
    cause: io::Error,
    /// The rows that were read before it.
    count: u64,
}

impl DropFolder<'_> {
    /// Reads a file to its end.
    pub(super) async fn read_whole(&self, dropped: &DroppedFile) -> Result<WholeFile, FileFault> {
        if let Some(refusal) = &dropped.refusal {
            return Err(FileFault::Unreadable(refusal.reason.clone()));
        }
        let reader = self.reader_of(dropped).map_err(FileFault::Unreadable)?;
        let store_fault = reader.file.fault.clone();
        let read = tokio::task::spawn_blocking(move || WholeFile::read(&reader))
            .await
            .map_err(|_| FileFault::Unreadable("it makes its decoder fail".into()))?;

        read.map_err(|failure| match store_fault.take() {
            Some(cause) => self.fault_of_store(cause),
            None => FileFault::Unreadable(failure.reason()),
        })
    }

    fn fault_of_store(&self, cause: object_store::Error) -> FileFault {
        if is_forbidden(&cause) {
            return FileFault::Forbidden;
        }

        FileFault::Unavailable {
            is_silent: self.source.local().is_none()
                && matches!(cause, object_store::Error::Generic { .. }),
            error: self.unavailable(cause),
        }
    }
}

impl WholeFile {
    fn read(reader: &FileReader) -> Result<Self, ReadFailure> {
        let Self {
            mut columns,
            mut rows,
        } = Self::default();
        let read = reader.read(&mut columns, &mut |row| {
            rows.push(row);
            ControlFlow::Continue(())
        });

        match read {
            Ok(()) => Ok(Self { columns, rows }),
            Err(cause) => Err(ReadFailure {
                cause,
                count: rows.count,
            }),
        }
    }
}

impl Default for KeptRows {
    fn default() -> Self {
        Self {
            kept: Some(Vec::new()),
            count: 0,
            bytes: 0,
        }
    }
}

impl KeptRows {
    fn push(&mut self, row: FileRow) {
        self.count += 1;
        self.bytes += row.bytes();
        if self.bytes > KEPT_BYTES {
            self.kept = None;
        } else if let Some(kept) = &mut self.kept {
            kept.push(row);
        }
    }
}

impl ReadFailure {
    fn reason(&self) -> String {
        match self.cause.kind() {
            io::ErrorKind::UnexpectedEof => format!(
                "it ends in the middle, after {} rows; it was not written to its end, or cut",
                self.count
            ),
            _ => self.cause.to_string(),
        }
    }
}
