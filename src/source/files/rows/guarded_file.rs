//! A Parquet file whose pages a guard admits, one by one, while they are read.

use std::io::{self, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use super::page_guard::PageGuard;
use super::page_header::PageHeader;

/// The bytes of a header that are read first, and the most: it may hold the smallest and the largest value of its page.
const HEADER_BYTES: usize = 512;
const LARGEST_HEADER: usize = 1 << 20;

/// A Parquet file whose pages a guard admits. Its clones share the guard.
pub(super) struct GuardedFile<R> {
    file: R,
    guard: SharedGuard,
}

/// The guard of a file, which its reader and its parser share.
#[derive(Clone)]
pub(super) struct SharedGuard(Arc<Mutex<PageGuard>>);

impl SharedGuard {
    pub(super) fn new(guard: PageGuard) -> Self {
        Self(Arc::new(Mutex::new(guard)))
    }

    pub(super) fn begin_batch(&self) {
        self.lock().begin_batch();
    }

    fn lock(&self) -> MutexGuard<'_, PageGuard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<R> GuardedFile<R> {
    pub(super) fn new(file: R, guard: SharedGuard) -> Self {
        Self { file, guard }
    }
}

impl<R: Length> Length for GuardedFile<R> {
    fn len(&self) -> u64 {
        self.file.len()
    }
}

impl<R: ChunkReader> ChunkReader for GuardedFile<R> {
    type T = HeaderReader<R::T>;

    /// The decoder calls this for the header of each page.
    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(HeaderReader {
            file: self.file.get_read(start)?,
            start,
            guard: self.guard.clone(),
            header: None,
        })
    }

    /// The decoder calls this for the page after its header.
    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        let page = self.file.get_bytes(start, length)?;
        self.guard
            .lock()
            .check_page(start, &page)
            .map_err(external)?;

        Ok(page)
    }
}

fn external(fault: io::Error) -> ParquetError {
    ParquetError::External(fault.into())
}

/// Reads the header of a page, which the guard admits first.
pub(super) struct HeaderReader<R> {
    file: R,
    start: u64,
    guard: SharedGuard,
    /// The begin of the file from `start` on, once it was read.
    header: Option<Bytes>,
}

impl<R: Read> HeaderReader<R> {
    fn admitted(&mut self) -> io::Result<Bytes> {
        let mut bytes = Vec::new();
        let mut most = HEADER_BYTES;
        loop {
            let wanted = (most - bytes.len()) as u64;
            let read = self.file.by_ref().take(wanted).read_to_end(&mut bytes)?;
            if let Some(header) = PageHeader::read(&bytes) {
                self.guard.lock().admit(self.start, header)?;
                return Ok(bytes.into());
            }
            most = bytes.len() * 2;
            if read == 0 || most > LARGEST_HEADER {
                let message = "the header of a page is cut, wrong or larger than 1 MiB";
                return Err(io::Error::other(message));
            }
        }
    }
}

impl<R: Read> Read for HeaderReader<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let mut header = match self.header.take() {
            Some(header) => header,
            None => self.admitted()?,
        };
        let taken = if header.is_empty() {
            self.file.read(room)?
        } else {
            let taken = header.len().min(room.len());
            room[..taken].copy_from_slice(&header.split_to(taken));
            taken
        };
        self.header = Some(header);

        Ok(taken)
    }
}
