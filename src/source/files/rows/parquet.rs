//! Parquet: its columns with their Postgres types, and its rows, a few at a time.

use std::fmt::Display;
use std::io;
use std::ops::ControlFlow;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, DataType, Schema};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::ChunkReader;

use super::column_text::ColumnText;
use super::json_text::ObjectText;
use super::sink::RowSink;
use crate::source::files::file_fault::unreadable;

/// The most rows that are decoded at once, and about how many bytes.
const ROWS: u64 = 1024;
const BYTES: u64 = 4 << 20;

/// Gives every row of a Parquet file to `rows`.
pub(super) fn read(file: impl ChunkReader + 'static, rows: &mut RowSink<'_>) -> io::Result<()> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(broken)?;
    let names = names_of(builder.schema());
    rows.rules.check_key(&names)?;
    for field in builder.schema().fields() {
        rows.columns
            .note(field.name(), &postgres_type(field.data_type()));
    }
    let at_once = rows_at_once(builder.metadata().row_groups());
    let batches = builder.with_batch_size(at_once).build().map_err(broken)?;
    for batch in batches {
        let batch = batch.map_err(broken)?;
        if push_batch(&batch, &names, rows).map_err(broken)?.is_break() {
            break;
        }
    }

    Ok(())
}

fn broken(fault: impl Display) -> io::Error {
    unreadable(format!("it is no whole Parquet file: {fault}"))
}

fn names_of(schema: &Schema) -> Vec<String> {
    let names = schema.fields().iter().map(|field| field.name().clone());

    names.collect()
}

/// How many rows are decoded at once. The widest row group decides: a well-packed group may be large.
fn rows_at_once(groups: &[RowGroupMetaData]) -> usize {
    let bytes_of_a_row = |group: &RowGroupMetaData| {
        group.total_byte_size().max(1).unsigned_abs() / group.num_rows().max(1).unsigned_abs()
    };
    let widest = groups.iter().map(bytes_of_a_row).max();
    let rows = (BYTES / widest.unwrap_or(1).max(1)).clamp(1, ROWS);

    usize::try_from(rows).unwrap_or(1)
}

fn push_batch(
    batch: &RecordBatch,
    names: &[String],
    rows: &mut RowSink<'_>,
) -> Result<ControlFlow<()>, ArrowError> {
    let mut columns = Vec::with_capacity(names.len());
    for (name, column) in names.iter().zip(batch.columns()) {
        columns.push(ColumnText::of(name, column)?);
    }
    for row in 0..batch.num_rows() {
        let mut object = ObjectText::with_capacity(1);
        for column in &columns {
            column.push_to(&mut object, row);
        }
        let value = |name: &str| {
            let at = names.iter().position(|known| known == name)?;
            columns.get(at)?.value(row)
        };
        let taken = rows.push(object.finish(), value);
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
