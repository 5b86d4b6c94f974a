//! Encodes record batches as the bytes of Parquet files.

use std::io::Write;
use std::mem;

use arrow_array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::spawn_blocking;

use super::arrow::SCHEMA;

const ROW_GROUP_BYTES: usize = 8 << 20;
const PAGE_BYTES: usize = 128 << 10;
const PART_BYTES: usize = 1 << 20;

/// Parts of a file in order, each of at most 1 MiB.
pub(super) type Parts = Vec<Vec<u8>>;

/// What a file gained.
pub(super) struct Gain {
    /// The full parts; at the end of the file all that are left.
    pub(super) parts: Parts,
    /// About how many bytes the file would have if it ended now.
    pub(super) size: usize,
}

/// Encodes files one after the other on a thread of its own, in row groups of at most 8 MiB.
///
/// One thread encodes all files: if many threads took turns, the allocator would keep memory for each.
pub(super) struct Encoder {
    /// Rows of the file; `None` ends it.
    rows: Sender<Option<RecordBatch>>,
    gains: Receiver<Result<Gain, ParquetError>>,
}

impl Encoder {
    /// Starts the thread. A file begins with its first rows.
    pub(super) fn new() -> Self {
        let (rows, mut batches) = channel(1);
        let (gained, gains) = channel(1);
        spawn_blocking(move || {
            let mut each = |gain| gained.blocking_send(gain).is_ok();
            if let Err(fault) = encode(&mut batches, &mut each) {
                each(Err(fault));
            }
        });

        Self { rows, gains }
    }

    /// Hands over a record batch. The caller then asks [`Self::gain`] what the file gained.
    pub(super) async fn write(&self, rows: RecordBatch) {
        // If the thread has ended, its fault waits in `gains`.
        drop(self.rows.send(Some(rows)).await);
    }

    /// Waits for what a file gained. One answer comes for each [`Self::write`] and [`Self::end`], in their order.
    pub(super) async fn gain(&mut self) -> Result<Gain, ParquetError> {
        let gain = self.gains.recv().await;

        gain.unwrap_or_else(|| Err(ParquetError::General("the encoder has ended".into())))
    }

    /// Ends the file. The caller then asks [`Self::gain`] for the rest of its bytes.
    pub(super) async fn end(&self) {
        drop(self.rows.send(None).await);
    }
}

/// Encodes record batches as they come, and calls `each` with what the file gained, until it says false.
fn encode(
    batches: &mut Receiver<Option<RecordBatch>>,
    each: &mut impl FnMut(Result<Gain, ParquetError>) -> bool,
) -> Result<(), ParquetError> {
    let mut file = None;
    while let Some(rows) = batches.blocking_recv() {
        let mut writer = match file.take() {
            Some(writer) => writer,
            None => begin()?,
        };
        let gain = if let Some(rows) = rows {
            writer.write(&rows)?;
            drop(rows);
            let gain = Gain {
                parts: mem::take(&mut writer.inner_mut().full),
                size: writer.bytes_written() + writer.in_progress_size(),
            };
            file = Some(writer);
            gain
        } else {
            writer.finish()?;
            let sink = mem::take(writer.inner_mut());
            Gain {
                parts: sink.full.into_iter().chain([sink.open]).collect(),
                size: writer.bytes_written(),
            }
        };
        if !each(Ok(gain)) {
            break;
        }
    }

    Ok(())
}

fn begin() -> Result<ArrowWriter<Sink>, ParquetError> {
    ArrowWriter::try_new(Sink::default(), SCHEMA.clone(), Some(properties()?))
}

/// Collects bytes in parts that never grow: a buffer that doubles would hold a row group twice.
#[derive(Default)]
struct Sink {
    full: Parts,
    open: Vec<u8>,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.open.capacity() == 0 {
            self.open.reserve_exact(PART_BYTES);
        }
        let taken = bytes.len().min(PART_BYTES - self.open.len());
        self.open.extend_from_slice(&bytes[..taken]);
        if self.open.len() == PART_BYTES {
            self.full.push(mem::take(&mut self.open));
        }

        Ok(taken)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Fast to write. Statistics exist where queries filter (batch, table, event), not for the JSON texts.
fn properties() -> Result<WriterProperties, ParquetError> {
    let field =
        |name: &str| ColumnPath::from(vec!["fields".into(), "key_value".into(), name.into()]);
    let mut properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_data_page_size_limit(PAGE_BYTES)
        .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_column_statistics_enabled(field("key"), EnabledStatistics::None);
    for text in ["raw_data".into(), field("value")] {
        properties = properties
            .set_column_dictionary_enabled(text.clone(), false)
            .set_column_statistics_enabled(text, EnabledStatistics::None);
    }
    // Values compress faster without their lengths between them. `raw_data` hardly gains, and not every reader of
    // Iceberg knows this encoding.
    properties = properties.set_column_encoding(field("value"), Encoding::DELTA_LENGTH_BYTE_ARRAY);
    // Nearly every value is new, and close to the one before.
    for number in ["audit_event_id", "audit_timestamp"] {
        properties = properties
            .set_column_dictionary_enabled(number.into(), false)
            .set_column_encoding(number.into(), Encoding::DELTA_BINARY_PACKED);
    }

    Ok(properties.build())
}
