//! Streams events into Parquet files in the object store, in bounded memory.

use object_store::buffered::BufWriter;
use parquet::arrow::AsyncArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;

use super::Event;
use super::arrow::{Rows, SCHEMA};
use super::folder::{Batch, Folder, unavailable};
use crate::error::{Error, Result};

const FILE_BYTES: usize = 128 << 20;
const ROW_GROUP_BYTES: usize = 8 << 20;
const PAGE_BYTES: usize = 128 << 10;
const UPLOAD_BYTES: usize = 5 << 20;
/// Parts under way at once: each holds its bytes.
const UPLOADS: usize = 2;

/// The files of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Files {
    /// How many.
    pub count: usize,
    /// Their size in bytes.
    pub bytes: usize,
}

/// Writes one batch: files of about 128 MiB, each of row groups of at most 8 MiB.
pub struct Writer<'a> {
    folder: &'a Folder,
    batch: Batch<'a>,
    rows: Rows,
    file: Option<AsyncArrowWriter<BufWriter>>,
    written: Files,
}

impl<'a> Writer<'a> {
    /// Begins a batch that was read at `ingested_at_us`, microseconds since 1970 UTC; no file is made before the first event.
    #[must_use]
    pub fn new(folder: &'a Folder, batch: Batch<'a>, ingested_at_us: i64) -> Self {
        Self {
            folder,
            batch,
            rows: Rows::new(batch.id, ingested_at_us),
            file: None,
            written: Files::default(),
        }
    }

    /// Adds an event.
    ///
    /// # Errors
    ///
    /// [`Error::LandingUnavailable`].
    pub async fn push(&mut self, event: &Event<'_>) -> Result<()> {
        if self.rows.push(event).map_err(Error::internal)? {
            self.flush().await?;
        }

        Ok(())
    }

    /// Ends the last file and says what was written.
    ///
    /// # Errors
    ///
    /// [`Error::LandingUnavailable`].
    pub async fn finish(mut self) -> Result<Files> {
        if !self.rows.is_empty() {
            self.flush().await?;
        }
        self.end_file().await?;

        Ok(self.written)
    }

    async fn flush(&mut self) -> Result<()> {
        let rows = self.rows.finish().map_err(Error::internal)?;
        if self.file.is_none() {
            self.file = Some(self.begin_file()?);
        }
        if let Some(file) = &mut self.file {
            file.write(&rows).await.map_err(writing)?;
            if file.bytes_written() + file.in_progress_size() >= FILE_BYTES {
                self.end_file().await?;
            }
        }

        Ok(())
    }

    fn begin_file(&mut self) -> Result<AsyncArrowWriter<BufWriter>> {
        let path = self.folder.file(&self.batch, self.written.count);
        self.written.count += 1;
        let upload = BufWriter::with_capacity(self.folder.store(), path, UPLOAD_BYTES)
            .with_max_concurrency(UPLOADS);

        AsyncArrowWriter::try_new(upload, SCHEMA.clone(), Some(properties()?)).map_err(writing)
    }

    async fn end_file(&mut self) -> Result<()> {
        if let Some(mut file) = self.file.take() {
            file.finish().await.map_err(writing)?;
            self.written.bytes += file.bytes_written();
        }

        Ok(())
    }
}

fn writing(cause: ParquetError) -> Error {
    unavailable("writing a batch's file", cause)
}

/// Fast to write, and pruned where queries look: by batch, table and event, not by the rows' text.
fn properties() -> Result<WriterProperties> {
    let texts = [
        ColumnPath::from("raw_data"),
        ColumnPath::from(vec!["fields".into(), "key_value".into(), "value".into()]),
    ];
    let level = ZstdLevel::try_new(1).map_err(Error::internal)?;
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_data_page_size_limit(PAGE_BYTES)
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
        .set_statistics_enabled(EnabledStatistics::Chunk);
    for text in texts {
        properties = properties
            .set_column_dictionary_enabled(text.clone(), false)
            .set_column_statistics_enabled(text, EnabledStatistics::None);
    }

    Ok(properties.build())
}
