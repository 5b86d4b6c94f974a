//! What the definition says of the rows of a file: their key, operation, time and order.

use std::io;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;

use super::row::FileRow;
use crate::error::did_you_mean;
use crate::pipeline::FileSource;
use crate::source::files::file_fault::unreadable;

/// The most columns that a reason lists.
const SHOWN_COLUMNS: usize = 20;
/// The most bytes of the name of a column that a reason lists.
const LONGEST_SHOWN: usize = 255;

/// How the rows of one file are read.
pub(in crate::source::files) struct RowRules {
    pub(in crate::source::files) source: FileSource,
    /// The columns that every file must have.
    pub(in crate::source::files) key: Vec<String>,
    /// The time of rows that carry none.
    pub(in crate::source::files) modified_at: Timestamp,
}

impl RowRules {
    /// Fails if the file lacks a column of the key: it may belong to another table or have other delimiters.
    pub(super) fn check_key(&self, columns: &[String]) -> io::Result<()> {
        let is_there = |key: &String| {
            let key = key.to_lowercase();
            columns.iter().any(|name| name.to_lowercase() == key)
        };
        let Some(missing) = self.key.iter().find(|key| !is_there(key)) else {
            return Ok(());
        };
        let named: Vec<&str> = columns
            .iter()
            .map(String::as_str)
            .filter(|name| name.len() <= LONGEST_SHOWN)
            .collect();
        let hint = hint_for(missing, &named);
        let shown = named.get(..SHOWN_COLUMNS).unwrap_or(&named);

        Err(unreadable(format!(
            "it has no column `{missing}`, which belongs to the key; its columns are `{}`{hint}",
            shown.join("`, `")
        )))
    }

    /// Whether a column carries the operation, the order or the time of a row.
    pub(super) fn is_about_the_event(&self, column: &str) -> bool {
        self.source
            .technical()
            .chain(self.source.occurred_at.as_deref())
            .any(|name| name == column)
    }

    /// Makes a row of its JSON object. `value` gives the text of a column; `None` is null.
    pub(super) fn row<'v>(&self, data: String, value: impl Fn(&str) -> Option<&'v str>) -> FileRow {
        let source = &self.source;
        let operation = match &source.operation {
            None => Some("U".to_owned()),
            Some(operation) => {
                value(&operation.column).map(|text| operation.values.meaning(text).to_owned())
            }
        };
        let occurred_at_us = match &source.occurred_at {
            None => Some(self.modified_at.as_microsecond()),
            Some(column) => value(column).and_then(microseconds),
        };
        let sequence = source
            .sequence
            .as_deref()
            .and_then(|column| value(column)?.parse().ok());

        FileRow {
            operation,
            occurred_at_us,
            sequence,
            data,
        }
    }
}

/// What to do about a missing column of the key, as the end of a sentence.
fn hint_for(missing: &str, columns: &[&str]) -> String {
    if let [only] = columns
        && only.contains([';', '\t', '|', ','])
    {
        return "; set `source.csv.delimiter` to what stands between them".to_owned();
    }

    did_you_mean(missing, columns.iter().copied())
}

/// Microseconds since 1970 UTC of a time with `T` or blank, with an offset or in UTC.
fn microseconds(text: &str) -> Option<i64> {
    let text = text.trim();
    let time = Timestamp::from_str(text).ok().or_else(|| {
        DateTime::from_str(text)
            .ok()?
            .in_tz("UTC")
            .ok()
            .map(|time| time.timestamp())
    })?;

    Some(time.as_microsecond())
}
