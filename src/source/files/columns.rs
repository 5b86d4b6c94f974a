//! Parquet's columns as the texts of a row: numbers digit for digit, nested values as JSON.

use std::io;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_cast::cast;
use arrow_json::writer::{LineDelimited, WriterBuilder};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::reader::ChunkReader;

use super::rows::{Columns, Reader, Sink, unreadable};

/// The most rows that are decoded at once, and about how many bytes.
const ROWS: u64 = 1024;
const BYTES: u64 = 4 << 20;

impl Reader<'_> {
    /// Gives every row of a Parquet file to `sink`.
    ///
    /// # Errors
    ///
    /// What cannot be read.
    pub(super) fn parquet(
        &self,
        file: impl ChunkReader + 'static,
        columns: &mut Columns,
        sink: &mut impl Sink,
    ) -> io::Result<()> {
        let broken = |fault: &dyn std::fmt::Display| {
            unreadable(format!("it is no whole Parquet file: {fault}"))
        };
        let builder =
            ParquetRecordBatchReaderBuilder::try_new(file).map_err(|fault| broken(&fault))?;
        let schema = builder.schema().clone();
        let names: Vec<String> = schema
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect();
        self.check_key(&names)?;
        for field in schema.fields() {
            columns.note(field.name(), &postgres_type(field.data_type()));
        }
        // The size comes from the widest row group: a well-packed group may be large.
        let widest = builder
            .metadata()
            .row_groups()
            .iter()
            .map(|group| {
                group.total_byte_size().max(1).unsigned_abs()
                    / group.num_rows().max(1).unsigned_abs()
            })
            .max();
        let rows = (BYTES / widest.unwrap_or(1).max(1)).clamp(1, ROWS);
        let rows = usize::try_from(rows).unwrap_or(1);
        let batches = builder
            .with_batch_size(rows)
            .build()
            .map_err(|fault| broken(&fault))?;
        for batch in batches {
            let batch = batch.map_err(|fault| broken(&fault))?;
            if !self
                .batch(&batch, &names, sink)
                .map_err(|fault| broken(&fault))?
            {
                break;
            }
        }

        Ok(())
    }

    fn batch(
        &self,
        batch: &RecordBatch,
        names: &[String],
        sink: &mut impl Sink,
    ) -> Result<bool, ArrowError> {
        let mut texts = Vec::with_capacity(names.len());
        for (name, column) in names.iter().zip(batch.columns()) {
            texts.push((format!("{}:", quoted(name)), text(column)?));
        }
        for row in 0..batch.num_rows() {
            let mut data = String::from("{");
            for (label, (values, is_json)) in &texts {
                if data.len() > 1 {
                    data.push(',');
                }
                data.push_str(label);
                if values.is_null(row) {
                    data.push_str("null");
                } else if *is_json {
                    data.push_str(values.value(row));
                } else {
                    quote(values.value(row), &mut data);
                }
            }
            data.push('}');
            let value = |name: &str| {
                let at = names.iter().position(|known| known == name)?;
                let (values, _) = &texts.get(at)?.1;
                values.is_valid(row).then(|| values.value(row))
            };
            if !sink(self.row(data, value)) {
                return Ok(false);
            }
        }

        Ok(true)
    }
}

/// A name or text as JSON.
pub(super) fn quoted(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    quote(text, &mut json);

    json
}

/// Appends a text as JSON.
pub(super) fn quote(text: &str, json: &mut String) {
    json.push('"');
    let mut plain = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        json.push_str(&text[plain..at]);
        plain = at + 1;
        match byte {
            b'"' => json.push_str("\\\""),
            b'\\' => json.push_str("\\\\"),
            b'\n' => json.push_str("\\n"),
            b'\r' => json.push_str("\\r"),
            b'\t' => json.push_str("\\t"),
            other => {
                json.push_str("\\u00");
                hex(&[other], json);
            }
        }
    }
    json.push_str(&text[plain..]);
    json.push('"');
}

/// Appends bytes as hexadecimal digits.
fn hex(bytes: &[u8], text: &mut String) {
    for byte in bytes {
        let digits = [byte >> 4, byte & 15].map(|digit| char::from_digit(digit.into(), 16));
        text.extend(digits.into_iter().flatten());
    }
}

/// The values of a column as text, and whether that text is JSON.
fn text(column: &ArrayRef) -> Result<(StringArray, bool), ArrowError> {
    let texts = match column.data_type() {
        kind if kind.is_nested() => return Ok((json(column)?, true)),
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => {
            let bytes = cast(column, &DataType::LargeBinary)?;
            bytes
                .as_binary::<i64>()
                .iter()
                .map(|value| {
                    let mut text = "\\x".to_owned();
                    hex(value?, &mut text);
                    Some(text)
                })
                .collect()
        }
        DataType::Float16 | DataType::Float32 | DataType::Float64 => cast(column, &DataType::Utf8)?
            .as_string::<i32>()
            .iter()
            .map(|value| {
                value.map(|value| match value {
                    "inf" => "Infinity",
                    "-inf" => "-Infinity",
                    other => other,
                })
            })
            .collect(),
        _ => cast(column, &DataType::Utf8)?.as_string::<i32>().clone(),
    };

    Ok((texts, false))
}

fn json(column: &ArrayRef) -> Result<StringArray, ArrowError> {
    let schema = Schema::new(vec![Field::new("v", column.data_type().clone(), true)]);
    let batch = RecordBatch::try_new(schema.into(), vec![column.clone()])?;
    let mut writer = WriterBuilder::new()
        .with_explicit_nulls(true)
        .build::<_, LineDelimited>(Vec::new());
    writer.write(&batch)?;
    writer.finish()?;
    let lines = String::from_utf8_lossy(&writer.into_inner()).into_owned();

    Ok(lines
        .lines()
        .enumerate()
        .map(|(row, line)| {
            let value = line
                .strip_prefix("{\"v\":")
                .and_then(|line| line.strip_suffix('}'))?;
            column.is_valid(row).then_some(value)
        })
        .collect())
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
