//! Streams events into Parquet files in the object store, in bounded memory.

use object_store::buffered::BufWriter;
use parquet::arrow::async_writer::AsyncFileWriter;

use super::Event;
use super::arrow::Rows;
use super::encoder::{Encoder, Parts};
use super::folder::{Batch, Folder, unavailable};
use super::forgotten::ForgottenKeys;
use crate::error::{Cause, Error, Result};

const FILE_BYTES: usize = 32 << 20;
const UPLOAD_BYTES: usize = 5 << 20;
/// Uploads that run at once; each keeps its part in memory.
const UPLOADS: usize = 2;

/// The files of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Files {
    pub count: usize,
    pub bytes: usize,
}

/// Writes one batch: files of about 32 MiB, each of row groups of at most 8 MiB.
///
/// A thread of its own encodes one record batch while the next is collected. So at most two record batches are in
/// memory: an event that fills one waits until the other is encoded.
pub struct Writer<'a> {
    folder: &'a Folder,
    batch: Batch<'a>,
    forgotten: &'a ForgottenKeys,
    rows: Rows,
    encoder: Encoder,
    file: Option<File>,
    /// A full file, which the encoder ends while events of the next file are collected.
    ending: Option<File>,
    written: Files,
}

struct File {
    upload: BufWriter,
    /// About how many bytes the file would have if it ended now.
    size: usize,
}

impl<'a> Writer<'a> {
    /// Begins a batch that was read at `ingested_at_us`, microseconds since 1970 UTC. The first event makes the first
    /// file. Events of `forgotten` keys land without their content.
    #[must_use]
    pub fn new(
        folder: &'a Folder,
        batch: Batch<'a>,
        ingested_at_us: i64,
        forgotten: &'a ForgottenKeys,
    ) -> Self {
        Self {
            folder,
            batch,
            forgotten,
            rows: Rows::new(batch.id, ingested_at_us),
            encoder: Encoder::new(),
            file: None,
            ending: None,
            written: Files::default(),
        }
    }

    pub async fn push(&mut self, event: &Event<'_>) -> Result<()> {
        let event = self.forgotten.without_content(event);
        if self.rows.push(&event).map_err(Error::internal)? {
            self.flush().await?;
        }

        Ok(())
    }

    /// Ends the last file and says what was written.
    pub async fn finish(mut self) -> Result<Files> {
        if !self.rows.is_empty() {
            self.flush().await?;
        }
        if let Some(file) = self.encoded().await? {
            self.encoder.end().await;
            self.end_file(file).await?;
        }

        Ok(self.written)
    }

    /// Hands the collected events to the encoder, after it has encoded those before.
    async fn flush(&mut self) -> Result<()> {
        let rows = self.rows.finish().map_err(Error::internal)?;
        let file = match self.encoded().await? {
            Some(file) if file.size < FILE_BYTES => file,
            full => {
                if full.is_some() {
                    self.encoder.end().await;
                }
                self.ending = full;
                self.begin_file()
            }
        };
        self.encoder.write(rows).await;
        self.file = Some(file);

        Ok(())
    }

    /// Waits until the encoder has encoded the rows that it was given, and uploads what their file gained.
    async fn encoded(&mut self) -> Result<Option<File>> {
        if let Some(ending) = self.ending.take() {
            self.end_file(ending).await?;
        }
        let Some(mut file) = self.file.take() else {
            return Ok(None);
        };
        let gain = self.encoder.gain().await.map_err(writing)?;
        self.put(&mut file.upload, gain.parts).await?;
        file.size = gain.size;

        Ok(Some(file))
    }

    async fn end_file(&mut self, mut file: File) -> Result<()> {
        let left = self.encoder.gain().await.map_err(writing)?;
        self.put(&mut file.upload, left.parts).await?;

        file.upload.complete().await.map_err(writing)
    }

    fn begin_file(&mut self) -> File {
        let path = self.folder.file_path(&self.batch, self.written.count);
        self.written.count += 1;

        File {
            upload: BufWriter::with_capacity(self.folder.store(), path, UPLOAD_BYTES)
                .with_max_concurrency(UPLOADS),
            size: 0,
        }
    }

    async fn put(&mut self, upload: &mut BufWriter, parts: Parts) -> Result<()> {
        for part in parts {
            self.written.bytes += part.len();
            upload.put(part.into()).await.map_err(writing)?;
        }

        Ok(())
    }
}

fn writing(cause: impl Into<Cause>) -> Error {
    unavailable("writing a batch's file", cause)
}
