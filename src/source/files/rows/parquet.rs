//! Parquet: its columns with their Postgres types, and its rows, a few at a time.

use std::borrow::Cow;
use std::io;
use std::ops::ControlFlow;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Schema};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::reader::ChunkReader;

use super::column_text::ColumnText;
use super::footer::check_footer;
use super::guarded_file::{GuardedFile, SharedGuard};
use super::json_text::ObjectText;
use super::page_guard::{DELTA_ROWS, PageGuard, has_delta, value_bytes};
use super::sink::RowSink;
use super::views::with_views;
use crate::source::files::file_fault::{at_place, unreadable};
use crate::source::files::file_limits::FileLimits;

/// The most rows that are decoded at once, and about how many bytes.
const ROWS: u64 = 1024;
const BYTES: u64 = 4 << 20;
/// From this size on the values may not be more than [`MOST_RATIO`] times the size of their file: a page can repeat a long value in a
/// few bytes, and a file whose rows have keys of their own does not come near.
const FREE_BYTES: u64 = 512 << 20;
const MOST_RATIO: u64 = 1_000;

/// Gives every row of a Parquet file to `rows`.
pub(super) fn read(file: impl ChunkReader + 'static, rows: &mut RowSink<'_>) -> io::Result<()> {
    let limits = rows.limits;
    check_footer(&file, limits)?;
    let most_bytes = FREE_BYTES.max(file.len().saturating_mul(MOST_RATIO));
    let metadata = metadata_of(&file).map_err(|_| broken("its footer cannot be read"))?;
    check_lists(metadata.metadata(), limits)?;
    let guard = SharedGuard::new(PageGuard::of(metadata.metadata(), limits)?);
    let file = GuardedFile::new(file, guard.clone());
    let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
    let names = names_of(builder.schema());
    rows.rules.check_key(&names)?;
    for field in builder.schema().fields() {
        rows.columns
            .note(field.name(), &postgres_type(field.data_type()));
    }
    let at_once = rows_at_once(builder.metadata().row_groups());
    let mut batches = builder
        .with_batch_size(at_once)
        .build()
        .map_err(|_| broken("its columns cannot be read"))?;
    let mut place = RowPlace {
        row: 0,
        bytes: 0,
        most_bytes,
        limits,
    };
    loop {
        guard.begin_batch();
        let Some(batch) = batches.next() else {
            return Ok(());
        };
        let batch = batch.map_err(|_| place.broken())?;
        if push_batch(&batch, &names, rows, &mut place)?.is_break() {
            return Ok(());
        }
    }
}

/// How far a file was read.
struct RowPlace<'a> {
    row: u64,
    /// The bytes of all values by now, and the most.
    bytes: u64,
    most_bytes: u64,
    limits: &'a FileLimits,
}

impl RowPlace<'_> {
    /// Counts a value before it is written.
    fn count(&mut self, bytes: usize) -> io::Result<()> {
        self.bytes += bytes as u64;
        if self.bytes > self.most_bytes {
            return Err(self.limits.refuse(format!(
                "its values have more than 512 MiB and {MOST_RATIO} times its size, as no file of rows does; send it as several files, or with less repetition"
            )));
        }

        Ok(())
    }

    fn check_row(&self, bytes: usize) -> io::Result<()> {
        let checked = self.limits.check_row(bytes as u64);

        checked.map_err(|fault| at_place(fault, &format!("row {}", self.row)))
    }

    /// The decoder's own text may quote values.
    fn broken(&self) -> io::Error {
        match self.limits.refusal() {
            Some(reason) => unreadable(reason),
            None => broken(&format!("it cannot be decoded after row {}", self.row)),
        }
    }
}

fn broken(fault: &str) -> io::Error {
    unreadable(format!("it is no whole Parquet file: {fault}"))
}

/// Reads the footer. Texts and bytes are to stay in their pages.
fn metadata_of(file: &impl ChunkReader) -> parquet::errors::Result<ArrowReaderMetadata> {
    let options = ArrowReaderOptions::new();
    let metadata = ArrowReaderMetadata::load(file, options.clone())?;
    let schema = with_views(metadata.schema());

    ArrowReaderMetadata::try_new(
        metadata.metadata().clone(),
        options.with_schema(schema.into()),
    )
}

/// Refuses lists of texts in an encoding in which a few bytes repeat a long text: a single row may have any number of them.
fn check_lists(metadata: &ParquetMetaData, limits: &FileLimits) -> io::Result<()> {
    let groups = metadata.row_groups().iter();
    let mut chunks = groups.flat_map(RowGroupMetaData::columns);
    let repeated =
        chunks.find(|chunk| has_delta(chunk) && chunk.column_descr().max_rep_level() > 0);

    repeated.map_or(Ok(()), |chunk| {
        Err(limits.refuse(format!(
            "its list column `{}` is in the encoding `DELTA_BYTE_ARRAY`; write it in another, such as `PLAIN`",
            chunk.column_path()
        )))
    })
}

fn names_of(schema: &Schema) -> Vec<String> {
    let names = schema.fields().iter().map(|field| field.name().clone());

    names.collect()
}

/// How many rows are decoded at once. The widest row group decides: a well-packed group may be large.
fn rows_at_once(groups: &[RowGroupMetaData]) -> usize {
    let bytes_of_a_row = |group: &RowGroupMetaData| {
        let average =
            group.total_byte_size().max(1).unsigned_abs() / group.num_rows().max(1).unsigned_abs();
        let fixed: u64 = group.columns().iter().map(value_bytes).sum();
        average.max(fixed)
    };
    let widest = groups.iter().map(bytes_of_a_row).max();
    let has_delta = groups
        .iter()
        .any(|group| group.columns().iter().any(has_delta));
    let most = if has_delta { DELTA_ROWS } else { ROWS };
    let rows = (BYTES / widest.unwrap_or(1).max(1)).clamp(1, most);

    usize::try_from(rows).unwrap_or(1)
}

fn push_batch(
    batch: &RecordBatch,
    names: &[String],
    rows: &mut RowSink<'_>,
    place: &mut RowPlace<'_>,
) -> io::Result<ControlFlow<()>> {
    let most = place.limits.largest_row();
    let mut columns = Vec::with_capacity(names.len());
    for (name, column) in names.iter().zip(batch.columns()) {
        columns.push(ColumnText::of(name, column, most).map_err(|_| place.broken())?);
    }
    for row in 0..batch.num_rows() {
        place.row += 1;
        let mut object = ObjectText::with_capacity(1);
        let mut about_the_event: Vec<(&str, Cow<'_, str>)> = Vec::new();
        for (name, column) in names.iter().zip(&columns) {
            place.count(column.bytes(row))?;
            place.check_row(object.bytes() + column.bytes(row))?;
            let value = column.value(row).map_err(|_| place.broken())?;
            column.push_to(&mut object, value.as_deref());
            if rows.rules.is_about_the_event(name) {
                about_the_event.extend(value.map(|value| (name.as_str(), value)));
            }
        }
        place.check_row(object.bytes())?;
        let taken = rows.push(object.finish(), |name| {
            let found = about_the_event.iter().find(|(known, _)| *known == name)?;
            Some(found.1.as_ref())
        })?;
        if taken.is_break() {
            return Ok(taken);
        }
    }

    Ok(ControlFlow::Continue(()))
}

fn postgres_type(kind: &DataType) -> String {
    match kind {
        DataType::Boolean => "boolean".into(),
        DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16 => {
            "integer".into()
        }
        DataType::Int64 | DataType::UInt32 => "bigint".into(),
        DataType::UInt64 => "numeric(20,0)".into(),
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale) => format!("numeric({precision},{scale})"),
        DataType::Float16 | DataType::Float32 => "real".into(),
        DataType::Float64 => "double precision".into(),
        DataType::Date32 | DataType::Date64 => "date".into(),
        DataType::Time32(_) | DataType::Time64(_) => "time without time zone".into(),
        DataType::Timestamp(_, None) => "timestamp without time zone".into(),
        DataType::Timestamp(_, Some(_)) => "timestamp with time zone".into(),
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => "bytea".into(),
        kind if kind.is_nested() => "json".into(),
        _ => "text".into(),
    }
}
