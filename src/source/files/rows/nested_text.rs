//! The values of a nested Parquet column as JSON.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_json::writer::{LineDelimited, WriterBuilder};
use arrow_schema::{ArrowError, DataType, Field, Schema};

/// Some values of a nested column.
pub(super) struct NestedText {
    column: ArrayRef,
    /// The JSON of each row, if all together are small.
    lines: Option<Vec<String>>,
}

impl NestedText {
    /// If all values together may have more than `most` bytes, each is written when its row is.
    pub(super) fn of(column: &ArrayRef, most: usize) -> Result<Self, ArrowError> {
        let lines = if bytes_of(column) <= most {
            Some(json(column)?)
        } else {
            None
        };

        Ok(Self {
            column: column.clone(),
            lines,
        })
    }

    pub(super) fn is_valid(&self, row: usize) -> bool {
        self.column.is_valid(row)
    }

    /// About how many bytes the JSON of a row has. The texts in it may be repeated, so it can be far more than the column takes.
    pub(super) fn bytes(&self, row: usize) -> usize {
        match &self.lines {
            Some(lines) => lines.get(row).map_or(0, String::len),
            None => bytes_of(&self.column.slice(row, 1)),
        }
    }

    /// The JSON of a row.
    pub(super) fn value(&self, row: usize) -> Result<Cow<'_, str>, ArrowError> {
        if let Some(lines) = &self.lines {
            return Ok(lines.get(row).map_or("null", String::as_str).into());
        }
        let line = json(&self.column.slice(row, 1))?.pop();

        Ok(line.unwrap_or_else(|| "null".into()).into())
    }
}

fn json(column: &ArrayRef) -> Result<Vec<String>, ArrowError> {
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
        .map(|line| {
            let value = line
                .strip_prefix("{\"v\":")
                .and_then(|line| line.strip_suffix('}'));
            value.unwrap_or("null").to_owned()
        })
        .collect())
}

/// About how many bytes the JSON of all values has, at least 2 for each.
fn bytes_of(column: &ArrayRef) -> usize {
    match column.data_type() {
        DataType::List(_) => {
            let list = column.as_list::<i32>();
            let offsets = list.value_offsets();
            bytes_between(list.values(), offsets.first(), offsets.last())
        }
        DataType::LargeList(_) => {
            let list = column.as_list::<i64>();
            let offsets = list.value_offsets();
            bytes_between(list.values(), offsets.first(), offsets.last())
        }
        DataType::Map(..) => {
            let map = column.as_map();
            let offsets = map.value_offsets();
            let entries: ArrayRef = std::sync::Arc::new(map.entries().clone());
            bytes_between(&entries, offsets.first(), offsets.last())
        }
        DataType::Struct(fields) => {
            let names: usize = fields.iter().map(|field| field.name().len() + 4).sum();
            let columns = column.as_struct().columns().iter();
            names * column.len() + columns.map(bytes_of).sum::<usize>()
        }
        DataType::Utf8View => {
            let texts = column.as_string_view().views().iter();
            texts.map(view_bytes).sum()
        }
        DataType::BinaryView => {
            let bytes = column.as_binary_view().views().iter();
            bytes.map(|view| view_bytes(view) * 2).sum()
        }
        DataType::FixedSizeBinary(size) => {
            column.len() * usize::try_from(*size).unwrap_or_default() * 2
        }
        DataType::FixedSizeList(..) => bytes_of(column.as_fixed_size_list().values()),
        _ => column.len() * 2,
    }
}

fn bytes_between<T: Copy + TryInto<usize>>(
    values: &ArrayRef,
    first: Option<&T>,
    last: Option<&T>,
) -> usize {
    let place = |offset: Option<&T>| offset.and_then(|offset| (*offset).try_into().ok());
    let (first, last) = (place(first).unwrap_or(0), place(last).unwrap_or(0));

    bytes_of(&values.slice(first, last.saturating_sub(first)))
}

/// The low half of a view's first word is the length of its text.
fn view_bytes(view: &u128) -> usize {
    usize::try_from(view & u128::from(u32::MAX)).unwrap_or(usize::MAX) + 3
}
