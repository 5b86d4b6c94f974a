//! The values of a Parquet column as text: numbers digit for digit, nested values as JSON.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::{
    Array, ArrayRef, BinaryViewArray, FixedSizeBinaryArray, StringArray, StringViewArray,
};
use arrow_cast::cast;
use arrow_schema::{ArrowError, DataType};

use super::json_text::{ObjectText, label, push_hex};
use super::nested_text::NestedText;

/// Some values of a column, as text.
pub(super) struct ColumnText {
    /// The column's name as the label of a JSON object.
    label: String,
    values: Values,
}

/// Values that are short become texts at once. The others stay where they are until their row is written: many rows may have the
/// same long value.
enum Values {
    Short(StringArray),
    Texts(StringViewArray),
    Bytes(BinaryViewArray),
    FixedBytes(FixedSizeBinaryArray),
    Nested(NestedText),
}

impl ColumnText {
    /// A nested value may have `most` bytes as JSON.
    pub(super) fn of(name: &str, column: &ArrayRef, most: usize) -> Result<Self, ArrowError> {
        let values = match column.data_type() {
            DataType::Utf8View => Values::Texts(column.as_string_view().clone()),
            DataType::BinaryView => Values::Bytes(column.as_binary_view().clone()),
            DataType::FixedSizeBinary(_) => {
                Values::FixedBytes(column.as_fixed_size_binary().clone())
            }
            DataType::Float16 | DataType::Float32 | DataType::Float64 => {
                Values::Short(float(column)?)
            }
            kind if kind.is_nested() => Values::Nested(NestedText::of(column, most)?),
            _ => Values::Short(cast(column, &DataType::Utf8)?.as_string::<i32>().clone()),
        };

        Ok(Self {
            label: label(name),
            values,
        })
    }

    /// About how many bytes the value of a row takes in the row's object, without its label.
    pub(super) fn bytes(&self, row: usize) -> usize {
        match &self.values {
            Values::Short(values) => values.value(row).len(),
            Values::Texts(values) => values.value(row).len(),
            Values::Bytes(values) => values.value(row).len() * 2,
            Values::FixedBytes(values) => values.value(row).len() * 2,
            Values::Nested(values) => values.bytes(row),
        }
    }

    /// The text of a row; `None` is null.
    pub(super) fn value(&self, row: usize) -> Result<Option<Cow<'_, str>>, ArrowError> {
        let is_valid = match &self.values {
            Values::Short(values) => values.is_valid(row),
            Values::Texts(values) => values.is_valid(row),
            Values::Bytes(values) => values.is_valid(row),
            Values::FixedBytes(values) => values.is_valid(row),
            Values::Nested(values) => values.is_valid(row),
        };
        if !is_valid {
            return Ok(None);
        }

        Ok(Some(match &self.values {
            Values::Short(values) => Cow::Borrowed(values.value(row)),
            Values::Texts(values) => Cow::Borrowed(values.value(row)),
            Values::Bytes(values) => Cow::Owned(binary(values.value(row))),
            Values::FixedBytes(values) => Cow::Owned(binary(values.value(row))),
            Values::Nested(values) => values.value(row)?,
        }))
    }

    /// Appends the value of a row to the row's object.
    pub(super) fn push_to(&self, object: &mut ObjectText, value: Option<&str>) {
        match value {
            None => object.push_null(&self.label),
            Some(json) if matches!(self.values, Values::Nested(_)) => {
                object.push_json(&self.label, json);
            }
            Some(text) => object.push_text(&self.label, text),
        }
    }
}

/// As Postgres writes `bytea`.
fn binary(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2 + 2);
    text.push_str("\\x");
    push_hex(bytes, &mut text);

    text
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
