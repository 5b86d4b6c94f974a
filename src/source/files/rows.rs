//! The rows of a file: CSV, JSON or Parquet, each opened into the text of a JSON object.

use std::cell::Cell;
use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Read};
use std::rc::Rc;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;

use crate::pipeline::{CatalogueColumn, FileSource, Format, Table};

/// The most bytes of one row. A larger row has an unclosed quote or bracket.
const LARGEST_ROW: u64 = 128 << 20;

/// The most columns of a table.
const MOST_COLUMNS: usize = 2_000;
/// The most bytes of a column's name.
const LONGEST_NAME: usize = 255;

/// A row, before it is an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Row {
    /// `I`, `U`, `D`, or the file's other text.
    pub(super) operation: Option<String>,
    /// When it happened, in microseconds since 1970 UTC; `None` if the text was no time.
    pub(super) occurred_at_us: Option<i64>,
    /// Its number in the order of all events.
    pub(super) sequence: Option<i64>,
    /// The row as JSON.
    pub(super) data: String,
}

/// How rows of the files of a table are read.
pub(super) struct Reader<'a> {
    /// What the definition says of the files.
    pub(super) source: &'a FileSource,
    /// The columns that every file must have.
    pub(super) key: &'a [String],
    /// The time of rows that carry none.
    pub(super) modified_at: Timestamp,
}

/// The columns of a file with their Postgres types, in the order in which they first appear.
#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) found: Vec<CatalogueColumn>,
    names: HashSet<String>,
}

/// Takes rows; false ends the reading.
pub(super) trait Sink: FnMut(Row) -> bool {}
impl<F: FnMut(Row) -> bool> Sink for F {}

impl Columns {
    /// Notes a column. A number column keeps the wider of its types.
    pub(super) fn note(&mut self, name: &str, postgres_type: &str) {
        if self.found.len() > MOST_COLUMNS {
            return;
        }
        if self.names.insert(name.to_owned()) {
            self.found.push(CatalogueColumn {
                name: name.to_owned(),
                data_type: postgres_type.to_owned(),
            });
        } else if matches!(postgres_type, "bigint" | "double precision")
            && let Some(known) = self.found.iter_mut().find(|known| known.name == name)
            && matches!(known.data_type.as_str(), "integer" | "real")
        {
            postgres_type.clone_into(&mut known.data_type);
        }
    }

    /// Fails if a table cannot have these columns, so that one bad file does not stop the others.
    pub(super) fn judge(&self, table: &Table, known: &[CatalogueColumn]) -> Result<(), String> {
        if self.found.len() > MOST_COLUMNS {
            return Err(format!("it has more than {MOST_COLUMNS} columns"));
        }
        for CatalogueColumn { name, .. } in &self.found {
            if name.trim().is_empty()
                || name.len() > LONGEST_NAME
                || name.contains(char::is_control)
            {
                return Err("one of its columns has an empty name, one longer than 255 bytes, or one with control signs".into());
            }
            if table.is_taken(name) {
                return Err(format!(
                    "its column `{name}` has a name that the tables use themselves; give it another by `columns: [{{name: …, from: {name}, data_type: …}}]`"
                ));
            }
            let lower = name.to_lowercase();
            let others = self.found.iter().chain(known);
            let twin = others
                .map(|other| &other.name)
                .find(|other| *other != name && other.to_lowercase() == lower);
            if let Some(twin) = twin {
                return Err(format!(
                    "its column `{name}` differs from `{twin}` in case only"
                ));
            }
        }

        Ok(())
    }
}

impl Reader<'_> {
    /// Gives every row of a text file to `sink`.
    ///
    /// # Errors
    ///
    /// What cannot be read, and in which line or row.
    pub(super) fn text(
        &self,
        format: Format,
        file: impl Read,
        columns: &mut Columns,
        sink: &mut impl Sink,
    ) -> io::Result<()> {
        let mut file = BufReader::with_capacity(1 << 16, file);
        match file.fill_buf()? {
            [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
                return Err(unreadable("it is UTF-16; write it as UTF-8"));
            }
            [0xef, 0xbb, 0xbf, ..] => file.consume(3),
            [] => return Ok(()),
            _ => {}
        }
        let taken = Rc::new(Cell::new(0));
        let file = Bounded {
            file,
            taken: Rc::clone(&taken),
        };
        match format {
            Format::Csv => self.csv(file, &taken, columns, sink),
            Format::JsonLines => self.json_lines(file, &taken, columns, sink),
            Format::Json => self.json(file, &taken, columns, sink),
            Format::Parquet => Err(unreadable("Parquet is no text")),
        }
    }

    /// Fails if the file lacks a column of the key: it may belong to another table or have other delimiters.
    pub(super) fn check_key(&self, found: &[String]) -> io::Result<()> {
        let is_there = |key: &String| {
            let key = key.to_lowercase();
            found.iter().any(|name| name.to_lowercase() == key)
        };
        let Some(missing) = self.key.iter().find(|key| !is_there(key)) else {
            return Ok(());
        };
        let hint = match found {
            [only] if only.contains([';', '\t', '|', ',']) => {
                "; set `source.csv.delimiter` to what stands between them".to_owned()
            }
            _ => crate::error::nearest_name(missing, found.iter().map(String::as_str))
                .map(|near| format!("; did you mean `{near}`?"))
                .unwrap_or_default(),
        };
        let shown: Vec<&str> = found.iter().take(20).map(String::as_str).collect();

        Err(unreadable(format!(
            "it has no column `{missing}`, which belongs to the key; its columns are `{}`{hint}",
            shown.join("`, `")
        )))
    }

    /// Makes a row from its JSON and its technical columns.
    pub(super) fn row<'v>(&self, data: String, value: impl Fn(&str) -> Option<&'v str>) -> Row {
        let source = self.source;
        let operation = match &source.operation {
            None => Some("U".to_owned()),
            Some(operation) => {
                value(&operation.column).map(|text| operation.values.meaning(text).to_owned())
            }
        };
        let occurred_at_us = match &source.occurred_at {
            None => Some(self.modified_at.as_microsecond()),
            Some(column) => value(column).and_then(moment),
        };
        let sequence = source
            .sequence
            .as_deref()
            .and_then(|column| value(column)?.parse().ok());

        Row {
            operation,
            occurred_at_us,
            sequence,
            data,
        }
    }
}

/// Limits the bytes read for one row. The caller resets the count after each row.
struct Bounded<R> {
    file: R,
    taken: Rc<Cell<u64>>,
}

impl<R: BufRead> Read for Bounded<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(room)?;
        self.count(read)?;

        Ok(read)
    }
}

impl<R: BufRead> BufRead for Bounded<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.count(0)?;
        self.file.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.taken.set(self.taken.get() + amount as u64);
        self.file.consume(amount);
    }
}

impl<R> Bounded<R> {
    fn count(&self, read: usize) -> io::Result<()> {
        self.taken.set(self.taken.get() + read as u64);
        if self.taken.get() > LARGEST_ROW {
            return Err(unreadable(
                "a row is larger than 128 MiB; is a quote or a bracket not closed?",
            ));
        }

        Ok(())
    }
}

/// A fault of the file, not of the way to it.
pub(super) fn unreadable(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.into())
}

/// Says where a fault of the file is.
pub(super) fn at_place(fault: io::Error, place: &str) -> io::Error {
    match fault.kind() {
        io::ErrorKind::InvalidData => unreadable(format!("{place}: {fault}")),
        _ => fault,
    }
}

/// Microseconds since 1970 UTC of a time with `T` or blank, with an offset or in UTC.
fn moment(text: &str) -> Option<i64> {
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
