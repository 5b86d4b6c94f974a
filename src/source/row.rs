//! A row whose columns are copied one by one, put together as the text that `to_jsonb` has for it: sooner than the server does it.

use serde::Serialize;
use serde_json::{Value, json};

use crate::error::{Cause, Result};
use crate::sql::render;

/// What is copied: by which statement, and which columns make the row; none where it comes as JSON.
pub(super) struct Copy {
    pub(super) sql: String,
    pub(super) fields: Vec<Field>,
}

/// A column of a row.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Field {
    name: String,
    form: Form,
    /// Its name as JSON, and the colon.
    #[serde(skip)]
    begin: String,
}

/// How a column's values are copied, and become JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Form {
    /// As text that is JSON.
    Plain,
    /// As digits, or as a word such as `NaN`.
    Number,
    /// As the bytes of a text.
    Text,
    /// As a text.
    Shown,
    /// As a date, a blank and a time.
    Moment,
    /// As a date, a blank, a time and an offset of hours, which is none.
    ZonedMoment,
    /// As the text that `jsonb` has for it: of what is nested, of floats, whose exponents it writes out, and of what is not known here.
    Json,
}

impl Copy {
    /// A copy whose rows are JSON.
    pub(super) fn of_json(sql: String) -> Self {
        Self {
            sql,
            fields: Vec::new(),
        }
    }

    /// A copy of a table's rows by a statement that includes `source/row.sql`; `columns` are all of the table's, with their types.
    pub(super) fn of_rows(
        statement: &str,
        mut query: Value,
        mut columns: Vec<(String, String)>,
    ) -> Result<Self> {
        columns.sort_by(|(one, _), (other, _)| (one.len(), one).cmp(&(other.len(), other)));
        let fields: Vec<Field> = columns
            .into_iter()
            .map(|(name, kind)| Field {
                begin: format!("{}: ", Value::from(name.as_str())),
                form: Form::of(&kind),
                name,
            })
            .collect();
        query["fields"] = json!(fields);

        Ok(Self {
            sql: render(statement, query)?,
            fields,
        })
    }
}

impl Form {
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

impl Field {
    /// Adds name and value to the text of an object.
    pub(super) fn write(&self, value: Option<&[u8]>, json: &mut Vec<u8>) -> Result<(), Cause> {
        json.extend(self.begin.as_bytes());
        let Some(value) = value else {
            json.extend(b"null");
            return Ok(());
        };
        match self.form {
            Form::Plain | Form::Json => json.extend(value),
            Form::Number if value.last().is_some_and(u8::is_ascii_digit) => json.extend(value),
            Form::Number | Form::Text | Form::Shown => {
                serde_json::to_writer(&mut *json, std::str::from_utf8(value)?)?;
            }
            Form::Moment | Form::ZonedMoment => {
                json.push(b'"');
                moment(value, self.form == Form::ZonedMoment, json);
                json.push(b'"');
            }
        }

        Ok(())
    }
}

/// A `T` between date and time, and minutes in the offset; a word such as `infinity` stays.
fn moment(value: &[u8], is_zoned: bool, json: &mut Vec<u8>) {
    let from = json.len();
    json.extend(value);
    let Some(blank) = value.iter().position(|byte| *byte == b' ') else {
        return;
    };
    json[from + blank] = b'T';
    let offset = value.iter().position(|byte| *byte == b'+');
    if let Some(offset) = offset.filter(|_| is_zoned) {
        let end = from + offset + 3;
        json.splice(end..end, *b":00");
    }
}
