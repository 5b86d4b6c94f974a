//! The bytes of a dropped file: as an unpacked stream, or as a file that Parquet seeks in.

use std::fs;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};

use bytes::{Buf, Bytes};
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};
use tokio::runtime::Handle;
use tokio_util::io::{StreamReader, SyncIoBridge};

use super::beneath::is_link;
use super::drop_store::{DropStore, local_fault};
use super::file_fault::unreadable;
use super::file_limits::FileLimits;
use super::local_folder::{LocalFolder, meta_of_open};
use super::store_fault::StoreFault;
use super::unpacking::unpacked;

/// The bytes of one request while the headers of Parquet's pages are read.
const CHUNK_BYTES: u64 = 1 << 16;
/// The bytes of a stream that are held in memory.
const BUFFER_BYTES: usize = 1 << 16;
/// The most bytes that a packed Parquet file may unpack to. Parquet is packed itself, so nobody gains by packing it again.
const MOST_UNPACKED: u64 = 2 << 30;

/// A dropped file, as it was listed. Call its methods outside the runtime's threads.
#[derive(Clone)]
pub(super) struct StoredFile {
    pub(super) store: DropStore,
    pub(super) path: Path,
    pub(super) etag: Option<String>,
    pub(super) size: u64,
    /// The store's fault, as opposed to a fault of the file.
    pub(super) fault: StoreFault,
    pub(super) limits: FileLimits,
}

impl StoredFile {
    /// Opens the file from its start and unpacks gzip and zstd.
    ///
    /// # Errors
    ///
    /// The store's fault, which `fault` keeps, or a fault of the packing.
    pub(super) fn text(&self) -> io::Result<Box<dyn Read>> {
        match &self.store {
            DropStore::Local(folder) => {
                let file = LocalBytes {
                    file: self.open_local(folder)?,
                    of: self.clone(),
                };
                self.unpacked_stream(file)
            }
            DropStore::Bucket(store) => {
                let got = Handle::current()
                    .block_on(store.get_opts(&self.path, self.options(None)))
                    .map_err(|cause| self.fault.keep(cause))?;
                let fault = self.fault.clone();
                let stream = got.into_stream().map_err(move |cause| fault.keep(cause));
                self.unpacked_stream(SyncIoBridge::new(StreamReader::new(Box::pin(stream))))
            }
        }
    }

    fn unpacked_stream(&self, bytes: impl Read + 'static) -> io::Result<Box<dyn Read>> {
        let bytes = BufReader::with_capacity(BUFFER_BYTES, bytes);

        unpacked(bytes, self.size, &self.limits)
    }

    /// Opens the listed version of a file of this machine, and no other.
    fn open_local(&self, folder: &LocalFolder) -> io::Result<fs::File> {
        let file = folder.plain_file(&self.path).map_err(|fault| {
            if is_link(&fault) {
                unreadable("a link or something else has replaced it or one of its folders since it was listed, and links are not followed; write the file itself")
            } else {
                self.keep_local(fault)
            }
        })?;
        let meta = meta_of_open(&file, &self.path).map_err(|fault| self.keep_local(fault))?;
        if self.etag.is_some() && meta.e_tag != self.etag {
            return Err(self.fault.keep(object_store::Error::Precondition {
                path: self.path.to_string(),
                source: "another file has replaced it since it was listed".into(),
            }));
        }

        Ok(file)
    }

    fn keep_local(&self, fault: io::Error) -> io::Error {
        self.fault.keep(local_fault(&self.path, fault))
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
                return Err(unreadable(
                    "it is larger than 2 GiB unpacked; send Parquet files without gzip or zstd around them",
                ));
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
        match &self.store {
            DropStore::Local(folder) => self.local_range(folder, start, length),
            DropStore::Bucket(store) => self.range_of(store, start, length),
        }
    }

    fn local_range(&self, folder: &LocalFolder, start: u64, length: u64) -> io::Result<Bytes> {
        let mut file = self.open_local(folder)?;
        let length = usize::try_from(length).map_err(io::Error::other)?;
        let mut bytes = vec![0; length];
        file.seek(SeekFrom::Start(start))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(|fault| self.keep_local(fault))?;

        Ok(bytes.into())
    }

    fn range_of(&self, store: &dyn ObjectStore, start: u64, length: u64) -> io::Result<Bytes> {
        let range = GetRange::Bounded(start..start + length);
        let request = async {
            store
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

/// A file of this machine. A fault of its disk is not one of the file.
struct LocalBytes {
    file: fs::File,
    of: StoredFile,
}

impl Read for LocalBytes {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.file
            .read(room)
            .map_err(|fault| self.of.keep_local(fault))
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
