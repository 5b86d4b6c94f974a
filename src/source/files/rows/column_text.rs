//! The values of a Parquet column as text: numbers digit for digit, nested values as JSON.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};
use arrow_cast::cast;
use arrow_json::writer::{LineDelimited, WriterBuilder};
use arrow_schema::{ArrowError, DataType, Field, Schema};

use super::json_text::{ObjectText, label, push_hex};

/// Some values of a column, as text.
pub(super) struct ColumnText {
    /// The column's name as the label of a JSON object.
    label: String,
    values: StringArray,
    /// Whether the values are JSON themselves.
    is_json: bool,
}

impl ColumnText {
    pub(super) fn of(name: &str, column: &ArrayRef) -> Result<Self, ArrowError> {
        let is_json = column.data_type().is_nested();
        let values = if is_json {
            json(column)?
        } else {
            text(column)?
        };

        Ok(Self {
            label: label(name),
            values,
            is_json,
        })
    }

    /// The text of a row; `None` is null.
    pub(super) fn value(&self, row: usize) -> Option<&str> {
        self.values.is_valid(row).then(|| self.values.value(row))
    }

    /// Appends the value of a row to the row's object.
    pub(super) fn push_to(&self, object: &mut ObjectText, row: usize) {
        match self.value(row) {
            None => object.push_null(&self.label),
            Some(json) if self.is_json => object.push_json(&self.label, json),
            Some(text) => object.push_text(&self.label, text),
        }
    }
}

fn text(column: &ArrayRef) -> Result<StringArray, ArrowError> {
    match column.data_type() {
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => binary(column),
        DataType::Float16 | DataType::Float32 | DataType::Float64 => float(column),
        _ => Ok(cast(column, &DataType::Utf8)?.as_string::<i32>().clone()),
    }
}

/// As Postgres writes `bytea`.
fn binary(column: &ArrayRef) -> Result<StringArray, ArrowError> {
    let bytes = cast(column, &DataType::LargeBinary)?;
    let hex = |value: Option<&[u8]>| {
        let mut text = "\\x".to_owned();
        push_hex(value?, &mut text);
        Some(text)
    };

    Ok(bytes.as_binary::<i64>().iter().map(hex).collect())
}

/// As Postgres writes infinity.
fn float(column: &ArrayRef) -> Result<StringArray, ArrowError> {
    let texts = cast(column, &DataType::Utf8)?;
    let named = |value| match value {
        "inf" => "Infinity",
        "-inf" => "-Infinity",
        other => other,
    };

    Ok(texts
        .as_string::<i32>()
        .iter()
        .map(|value| value.map(named))
        .collect())
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
