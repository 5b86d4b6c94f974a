//! A `copy … (format binary)` of rows. The columns of a row become the same text as from `to_jsonb`, but faster than on
//! the server.

use serde::Serialize;
use serde_json::Value;

use crate::error::{Cause, Result};
use crate::pipeline::CatalogueColumn;
use crate::sql::render;

/// What is copied.
pub(in crate::source) struct CopyStatement {
    pub(in crate::source) sql: String,
    /// The columns that make a row; empty if it comes as JSON.
    pub(super) fields: Vec<RowField>,
}

/// The context of a statement that includes `source/row.sql`.
#[derive(Serialize)]
struct RowsQuery<'q, Q> {
    #[serde(flatten)]
    query: &'q Q,
    fields: &'q [RowField],
}

/// A column of a row.
#[derive(Debug, Clone, Serialize)]
pub(super) struct RowField {
    name: String,
    form: FieldForm,
    /// Its name as JSON, and the colon.
    #[serde(skip)]
    begin: String,
}

/// How a column's values are copied, and become JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum FieldForm {
    /// As text that is JSON.
    Plain,
    /// As digits, or as a word such as `NaN`.
    Number,
    /// As the bytes of a text.
    Text,
    Shown,
    /// As a date, a blank and a time.
    Moment,
    /// As a date, a blank, a time and the offset `+00`.
    ZonedMoment,
    /// As the text of `jsonb`: nested values, floats (without exponents), and unknown types.
    Json,
}

impl CopyStatement {
    /// A copy whose rows are JSON.
    pub(in crate::source) fn of_json(sql: String) -> Self {
        Self {
            sql,
            fields: Vec::new(),
        }
    }

    /// A copy of a table's rows by a statement that includes `source/row.sql`; `columns` are all of the table's, with their types.
    pub(in crate::source) fn of_rows(
        statement: &str,
        query: &impl Serialize,
        mut columns: Vec<CatalogueColumn>,
    ) -> Result<Self> {
        columns.sort_by(|one, other| {
            (one.name.len(), &one.name).cmp(&(other.name.len(), &other.name))
        });
        let fields: Vec<RowField> = columns
            .into_iter()
            .map(|CatalogueColumn { name, data_type }| RowField {
                begin: format!("{}: ", Value::from(name.as_str())),
                form: FieldForm::of(&data_type),
                name,
            })
            .collect();
        let query = RowsQuery {
            query,
            fields: &fields,
        };

        Ok(Self {
            sql: render(statement, query)?,
            fields,
        })
    }
}

impl FieldForm {
    fn of(kind: &str) -> Self {
        let first = kind.split(['(', ' ']).next().unwrap_or_default();
        match first {
            _ if kind.ends_with(']') => Self::Json,
            "smallint" | "integer" | "bigint" | "boolean" => Self::Plain,
            "numeric" => Self::Number,
            "text" | "character" => Self::Text,
            "uuid" | "bytea" | "date" | "time" | "interval" => Self::Shown,
            "timestamp" if kind.ends_with("with time zone") => Self::ZonedMoment,
            "timestamp" => Self::Moment,
            _ => Self::Json,
        }
    }
}

impl RowField {
    /// Adds name and value to the text of an object.
    pub(super) fn write(&self, value: Option<&[u8]>, json: &mut Vec<u8>) -> Result<(), Cause> {
        json.extend(self.begin.as_bytes());
        let Some(value) = value else {
            json.extend(b"null");
            return Ok(());
        };
        match self.form {
            FieldForm::Plain | FieldForm::Json => json.extend(value),
            FieldForm::Number if value.last().is_some_and(u8::is_ascii_digit) => json.extend(value),
            FieldForm::Number | FieldForm::Text | FieldForm::Shown => quoted(value, json)?,
            FieldForm::Moment | FieldForm::ZonedMoment => {
                json.push(b'"');
                moment(value, self.form == FieldForm::ZonedMoment, json);
                json.push(b'"');
            }
        }

        Ok(())
    }
}

/// A text as JSON. Most texts need no escape.
fn quoted(text: &[u8], json: &mut Vec<u8>) -> Result<(), Cause> {
    // Without an early end the compiler can look at many bytes in one step.
    let is_escaped = text.iter().fold(false, |found, byte| {
        found | matches!(byte, b'"' | b'\\' | 0..0x20)
    });
    if is_escaped {
        serde_json::to_writer(json, std::str::from_utf8(text)?)?;
        return Ok(());
    }
    json.push(b'"');
    json.extend(text);
    json.push(b'"');

    Ok(())
}

/// Puts a `T` between date and time, and minutes into the offset; leaves a word such as `infinity`.
fn moment(value: &[u8], is_zoned: bool, json: &mut Vec<u8>) {
    let Some(blank) = value.iter().position(|byte| *byte == b' ') else {
        json.extend(value);
        return;
    };
    let (date, time) = (&value[..blank], &value[blank + 1..]);
    let offset = time.iter().position(|byte| *byte == b'+');
    json.extend(date);
    json.push(b'T');
    match offset.filter(|_| is_zoned) {
        Some(offset) => {
            let (before, after) = time.split_at(offset + 3);
            json.extend(before);
            json.extend(b":00");
            json.extend(after);
        }
        None => json.extend(time),
    }
}
