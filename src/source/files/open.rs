//! Opens a file of an object store: as an unpacked stream of bytes, or as a file that Parquet seeks in.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::{Arc, Mutex};

use bytes::{Buf, Bytes};
use flate2::bufread::MultiGzDecoder;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use tokio::runtime::Handle;
use tokio_util::io::{StreamReader, SyncIoBridge};

const CHUNK: u64 = 1 << 20;
/// The most bytes that a packed Parquet file may unpack to.
const MOST_UNPACKED: u64 = 16 << 30;

/// A file as it was listed.
#[derive(Clone)]
pub(super) struct File {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) path: Path,
    pub(super) etag: Option<String>,
    pub(super) size: u64,
    /// The store's fault, as opposed to a fault of the file.
    pub(super) fault: Arc<Mutex<Option<object_store::Error>>>,
}

impl File {
    /// Opens the file from its start and unpacks gzip and zstd. Call it outside the runtime's threads.
    ///
    /// # Errors
    ///
    /// The store's fault, which `fault` keeps, or a fault of the packing.
    pub(super) fn text(&self) -> io::Result<Box<dyn Read>> {
        let options = GetOptions {
            if_match: self.etag.clone(),
            ..GetOptions::default()
        };
        let got = Handle::current()
            .block_on(self.store.get_opts(&self.path, options))
            .map_err(|fault| self.lost(fault))?;
        let fault = Arc::clone(&self.fault);
        let stream = got.into_stream().map_err(move |cause| keep(&fault, cause));
        let bytes = SyncIoBridge::new(StreamReader::new(Box::pin(stream)));
        let mut bytes = BufReader::with_capacity(1 << 16, bytes);

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
    /// As [`File::text`]; a fault of the folder of temporary files counts as one of the store.
    pub(super) fn unpacked(&self) -> io::Result<Option<std::fs::File>> {
        let begin = self.range(0, self.size.min(4))?;
        if !matches!(begin[..], [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd]) {
            return Ok(None);
        }
        let no_room = |fault: io::Error| {
            self.lost(object_store::Error::Generic {
                store: "the folder of temporary files",
                source: fault.to_string().into(),
            })
        };
        let mut file = tempfile::tempfile().map_err(no_room)?;
        let mut text = self.text()?;
        let mut part = vec![0; 1 << 16];
        let mut unpacked = 0;
        loop {
            let read = text.read(&mut part)?;
            if read == 0 {
                return Ok(Some(file));
            }
            unpacked += read as u64;
            if unpacked > MOST_UNPACKED {
                return Err(super::rows::unreadable("it is larger than 16 GiB unpacked"));
            }
            file.write_all(&part[..read]).map_err(no_room)?;
        }
    }

    fn range(&self, start: u64, length: u64) -> io::Result<Bytes> {
        if start.checked_add(length).is_none_or(|end| end > self.size) {
            return Err(super::rows::unreadable("it points beyond its own end"));
        }
        // Stores refuse a request for zero bytes.
        if length == 0 {
            return Ok(Bytes::new());
        }
        let options = GetOptions {
            if_match: self.etag.clone(),
            range: Some(GetRange::Bounded(start..start + length)),
            ..GetOptions::default()
        };
        Handle::current()
            .block_on(async {
                self.store
                    .get_opts(&self.path, options)
                    .await?
                    .bytes()
                    .await
            })
            .map_err(|fault| self.lost(fault))
    }

    fn lost(&self, cause: object_store::Error) -> io::Error {
        keep(&self.fault, cause)
    }
}

/// Whether the store denied access, as opposed to not answering.
pub(super) fn is_forbidden(fault: &object_store::Error) -> bool {
    if matches!(fault, object_store::Error::PermissionDenied { .. }) {
        return true;
    }
    let mut cause: Option<&dyn std::error::Error> = Some(fault);
    while let Some(now) = cause {
        let denied = now.downcast_ref::<io::Error>();
        if denied.is_some_and(|denied| denied.kind() == io::ErrorKind::PermissionDenied) {
            return true;
        }
        cause = now.source();
    }

    false
}

fn keep(fault: &Mutex<Option<object_store::Error>>, cause: object_store::Error) -> io::Error {
    let told = io::Error::other(cause.to_string());
    if let Ok(mut fault) = fault.lock() {
        fault.get_or_insert(cause);
    }

    told
}

impl Length for File {
    fn len(&self) -> u64 {
        self.size
    }
}

impl ChunkReader for File {
    type T = Chunks;

    fn get_read(&self, start: u64) -> Result<Chunks, ParquetError> {
        Ok(Chunks {
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

/// A part of a file from some byte on, fetched a MiB at a time.
pub(super) struct Chunks {
    file: File,
    next: u64,
    chunk: Bytes,
}

impl Read for Chunks {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        if self.chunk.is_empty() && self.next < self.file.size {
            let length = CHUNK.min(self.file.size - self.next);
            self.chunk = self.file.range(self.next, length)?;
            self.next += length;
        }
        let taken = room.len().min(self.chunk.len());
        self.chunk.copy_to_slice(&mut room[..taken]);

        Ok(taken)
    }
}
