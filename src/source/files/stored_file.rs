//! The bytes of a file in an object store: as an unpacked stream, or as a file that Parquet seeks in.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use flate2::bufread::MultiGzDecoder;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use tokio::runtime::Handle;
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::file_fault::unreadable;
use super::store_fault::StoreFault;

/// The bytes of one request while Parquet is read.
const CHUNK_BYTES: u64 = 1 << 20;
/// The bytes of a stream that are held in memory.
const BUFFER_BYTES: usize = 1 << 16;
/// The most bytes that a packed Parquet file may unpack to.
const MOST_UNPACKED: u64 = 16 << 30;

/// A file of an object store, as it was listed. Call its methods outside the runtime's threads.
#[derive(Clone)]
pub(super) struct StoredFile {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) path: Path,
    pub(super) etag: Option<String>,
    pub(super) size: u64,
    /// The store's fault, as opposed to a fault of the file.
    pub(super) fault: StoreFault,
}

impl StoredFile {
    /// Opens the file from its start and unpacks gzip and zstd.
    ///
    /// # Errors
    ///
    /// The store's fault, which `fault` keeps, or a fault of the packing.
    pub(super) fn text(&self) -> io::Result<Box<dyn Read>> {
        let got = Handle::current()
            .block_on(self.store.get_opts(&self.path, self.options(None)))
            .map_err(|cause| self.fault.keep(cause))?;
        let fault = self.fault.clone();
        let stream = got.into_stream().map_err(move |cause| fault.keep(cause));
        let bytes = SyncIoBridge::new(StreamReader::new(Box::pin(stream)));
        let mut bytes = BufReader::with_capacity(BUFFER_BYTES, bytes);

        Ok(match bytes.fill_buf()? {
            [0x1f, 0x8b, ..] => Box::new(MultiGzDecoder::new(bytes)),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::Decoder::with_buffer(bytes)?),
            _ => Box::new(bytes),
        })
    }

    /// Unpacks a gzip or zstd file into a temporary file, for callers that seek; `None` if it is not packed.
    ///
    /// # Errors
    ///
    /// As [`StoredFile::text`]; a fault of the folder of temporary files counts as one of the store.
    pub(super) fn unpacked(&self) -> io::Result<Option<fs::File>> {
        if !self.is_packed()? {
            return Ok(None);
        }
        let mut file = tempfile::tempfile().map_err(|fault| self.no_room(&fault))?;
        let mut text = self.text()?;
        let mut part = vec![0; BUFFER_BYTES];
        let mut unpacked = 0;
        loop {
            let read = text.read(&mut part)?;
            if read == 0 {
                return Ok(Some(file));
            }
            unpacked += read as u64;
            if unpacked > MOST_UNPACKED {
                return Err(unreadable("it is larger than 16 GiB unpacked"));
            }
            file.write_all(&part[..read])
                .map_err(|fault| self.no_room(&fault))?;
        }
    }

    fn is_packed(&self) -> io::Result<bool> {
        let begin = self.range(0, self.size.min(4))?;

        Ok(matches!(
            begin[..],
            [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd]
        ))
    }

    fn no_room(&self, fault: &io::Error) -> io::Error {
        self.fault.keep(object_store::Error::Generic {
            store: "the folder of temporary files",
            source: fault.to_string().into(),
        })
    }

    fn range(&self, start: u64, length: u64) -> io::Result<Bytes> {
        if start.checked_add(length).is_none_or(|end| end > self.size) {
            return Err(unreadable("it points beyond its own end"));
        }
        // Stores refuse a request for zero bytes.
        if length == 0 {
            return Ok(Bytes::new());
        }
        let range = GetRange::Bounded(start..start + length);
        let request = async {
            self.store
                .get_opts(&self.path, self.options(Some(range)))
                .await?
                .bytes()
                .await
        };

        Handle::current()
            .block_on(request)
            .map_err(|cause| self.fault.keep(cause))
    }

    /// The request for the listed version of the file, and no other.
    fn options(&self, range: Option<GetRange>) -> GetOptions {
        GetOptions {
            if_match: self.etag.clone(),
            range,
            ..GetOptions::default()
        }
    }
}

impl Length for StoredFile {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for StoredFile {
    type T = FileChunks;

    fn get_read(&self, start: u64) -> Result<FileChunks, ParquetError> {
        Ok(FileChunks {
            file: self.clone(),
            next: start,
            chunk: Bytes::new(),
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        self.range(start, length as u64)
            .map_err(|fault| ParquetError::External(fault.into()))
    }
}

/// A file from some byte on, fetched chunk by chunk.
pub(super) struct FileChunks {
    file: StoredFile,
    next: u64,
    chunk: Bytes,
}

impl Read for FileChunks {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if self.chunk.is_empty() && self.next < self.file.size {
            let length = CHUNK_BYTES.min(self.file.size - self.next);
            self.chunk = self.file.range(self.next, length)?;
            self.next += length;
        }
        let taken = room.len().min(self.chunk.len());
        self.chunk.copy_to_slice(&mut room[..taken]);

        Ok(taken)
    }
}
