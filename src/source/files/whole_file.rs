//! A file that was read to its end before any of its rows lands, so that a truncated file lands no row.

use std::io;
use std::ops::ControlFlow;

use tokio::sync::OwnedSemaphorePermit;
use tokio::task::{JoinSet, spawn_blocking};

use super::access::DropAccess;
use super::dropped_file::DroppedFile;
use super::file_fault::FileFault;
use super::file_limits::FIRST_BYTES;
use super::folder::DropFolder;
use super::rows::{FileColumns, FileReader, FileRow};
use super::store_fault::is_forbidden;

/// The service keeps this many bytes of a file's rows. It reads a larger file twice.
const KEPT_BYTES: usize = 4 << 20;
/// The memory for kept rows is taken in parts of this size.
const ROOM_BYTES: usize = 1 << 18;

/// A file that was read to its end.
pub(super) struct WholeFile {
    pub(super) columns: FileColumns,
    pub(super) rows: KeptRows,
    /// The bytes of memory that reading it takes.
    pub(super) memory: usize,
}

/// Rows that are kept until their file proves whole.
pub(super) struct KeptRows {
    /// All rows; `None` if they are too large to be kept.
    pub(super) kept: Option<Vec<FileRow>>,
    pub(super) count: u64,
    bytes: usize,
    /// The memory that the rows may take.
    room: Option<OwnedSemaphorePermit>,
    room_bytes: usize,
    access: DropAccess,
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
        let mut bytes = FIRST_BYTES;
        loop {
            let reader = self.reader_of(dropped).map_err(FileFault::Unreadable)?;
            let limits = reader.file.limits.clone();
            let store_fault = reader.file.fault.clone();
            let read = read_within(reader, self.access.clone(), bytes).await;
            // Other files had the memory. Now it waits for them.
            if let Some(missed) = limits.missed()
                && bytes < self.access.settings.memory_bytes
            {
                bytes = missed
                    .saturating_mul(2)
                    .min(self.access.settings.memory_bytes);
                continue;
            }
            return match (read, store_fault.take()) {
                (Some(Ok(whole)), _) => Ok(whole),
                (Some(Err(_)), Some(cause)) => Err(self.fault_of_store(cause)),
                (Some(Err(failure)), None) => Err(FileFault::Unreadable(failure.reason())),
                (None, _) => Err(FileFault::Unreadable("it makes its decoder fail".into())),
            };
        }
    }

    fn fault_of_store(&self, cause: object_store::Error) -> FileFault {
        if is_forbidden(&cause) {
            return FileFault::Forbidden;
        }

        FileFault::Unavailable {
            is_silent: !self.store.is_local()
                && matches!(cause, object_store::Error::Generic { .. }),
            error: self.unavailable(cause),
        }
    }
}

/// Waits for memory and reads a file; `None` if its decoder panicked.
///
/// A task of its own does both: it goes on while the caller lands another file, so that memory never waits for a caller who waits
/// for memory.
async fn read_within(
    reader: FileReader,
    access: DropAccess,
    bytes: usize,
) -> Option<Result<WholeFile, ReadFailure>> {
    let _wanted = reader.file.limits.wanted();
    let mut task = JoinSet::new();
    task.spawn(async move {
        let limits = reader.file.limits.clone();
        limits.take(bytes).await;
        let read = spawn_blocking(move || WholeFile::read(&reader, access)).await;
        // Also if the decoder panicked: the caller may wait for this memory.
        limits.release();
        read
    });

    task.join_next().await?.ok()?.ok()
}

impl WholeFile {
    fn read(reader: &FileReader, access: DropAccess) -> Result<Self, ReadFailure> {
        let mut columns = FileColumns::default();
        let mut rows = KeptRows::new(access);
        let read = reader.read(&mut columns, &mut |row| {
            rows.push(row);
            ControlFlow::Continue(())
        });

        let memory = reader.file.limits.release();

        match read {
            Ok(()) => Ok(Self {
                columns,
                rows,
                memory,
            }),
            Err(cause) => Err(ReadFailure {
                cause,
                count: rows.count,
            }),
        }
    }
}

impl KeptRows {
    fn new(access: DropAccess) -> Self {
        Self {
            kept: Some(Vec::new()),
            count: 0,
            bytes: 0,
            room: None,
            room_bytes: 0,
            access,
        }
    }

    fn push(&mut self, row: FileRow) {
        self.count += 1;
        if self.kept.is_none() {
            return;
        }
        self.bytes += row.bytes();
        if self.bytes > KEPT_BYTES || !self.has_room() {
            self.kept = None;
            self.room = None;
        } else if let Some(kept) = &mut self.kept {
            kept.push(row);
        }
    }

    /// Whether there is memory for the rows, of all files together.
    fn has_room(&mut self) -> bool {
        if self.bytes <= self.room_bytes {
            return true;
        }
        let missing = (self.bytes - self.room_bytes).max(ROOM_BYTES);
        let Some(more) = self.access.try_keeping(missing) else {
            return false;
        };
        self.room_bytes += missing;
        match &mut self.room {
            Some(room) => room.merge(more),
            None => self.room = Some(more),
        }

        true
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
