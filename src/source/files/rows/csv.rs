//! Comma-separated values, as RFC 4180 has them.

use std::collections::HashSet;
use std::io::{self, Read};

use ::csv::{ErrorKind, Position, StringRecord};

use super::columns::check_number;
use super::json_text::{ObjectText, label};
use super::sink::RowSink;
use super::text_file::TextFile;
use crate::pipeline::Csv;
use crate::source::files::file_fault::unreadable;

/// Follows the end of a CSV file, so that an unclosed quote swallows it and is found. It has no separators or quotes.
const END: &str = "\n\u{6}\u{15}\u{6}\u{15}\u{4}\n";

/// Gives every record to `rows`.
pub(super) fn read(file: TextFile, rows: &mut RowSink<'_>) -> io::Result<()> {
    let csv = &rows.rules.source.csv;
    let row_size = file.row_size();
    let mut reader = reader_of(file, csv);
    let header = CsvHeader::of(&mut reader, csv)?;
    rows.rules.check_key(&header.names)?;
    for name in &header.names {
        rows.columns.note(name, "text");
    }
    let mut record = StringRecord::new();
    while reader.read_record(&mut record).map_err(of_csv)? {
        row_size.reset();
        if is_end(&record)? {
            break;
        }
        header.check(&record)?;
        let data = header.object(&record, csv);
        let value = |name: &str| {
            let at = header.names.iter().position(|known| known == name)?;
            record.get(at).filter(|value| *value != csv.null_text)
        };
        if rows.push(data, value)?.is_break() {
            break;
        }
    }

    Ok(())
}

fn reader_of(file: TextFile, csv: &Csv) -> ::csv::Reader<impl Read> {
    let byte = |sign: char| u8::try_from(sign).unwrap_or(b',');

    ::csv::ReaderBuilder::new()
        .has_headers(csv.header)
        .flexible(true)
        .delimiter(byte(csv.delimiter))
        .quote(byte(csv.quote))
        .from_reader(file.chain(END.as_bytes()))
}

/// The columns of a CSV file, from its first line or from the definition.
struct CsvHeader {
    names: Vec<String>,
    /// The names as labels of a JSON object.
    labels: Vec<String>,
}

impl CsvHeader {
    fn of(reader: &mut ::csv::Reader<impl Read>, csv: &Csv) -> io::Result<Self> {
        let names: Vec<String> = if csv.header {
            let line = reader.headers().map_err(of_csv)?;
            check_number(line.len()).map_err(unreadable)?;
            line.iter().map(ToOwned::to_owned).collect()
        } else {
            csv.columns.clone()
        };
        let mut seen = HashSet::new();
        if let Some(name) = names.iter().find(|name| !seen.insert(*name)) {
            return Err(unreadable(format!("it has two columns `{name}`")));
        }
        let labels = names.iter().map(|name| label(name)).collect();

        Ok(Self { names, labels })
    }

    /// Fails if a record has more or fewer values than there are columns.
    fn check(&self, record: &StringRecord) -> io::Result<()> {
        if record.len() == self.names.len() {
            return Ok(());
        }

        Err(unreadable(format!(
            "line {} has {} values, not {}",
            line_of(record.position()),
            record.len(),
            self.names.len()
        )))
    }

    /// A record as a JSON object.
    fn object(&self, record: &StringRecord, csv: &Csv) -> String {
        let bytes = record.as_slice().len() + 16 * self.names.len();
        let mut object = ObjectText::with_capacity(bytes);
        for (label, value) in self.labels.iter().zip(record) {
            if value == csv.null_text {
                object.push_null(label);
            } else {
                object.push_text(label, value);
            }
        }

        object.finish()
    }
}

/// Whether the file ends here. Fails if an unclosed quote swallowed the end.
fn is_end(record: &StringRecord) -> io::Result<bool> {
    let text = record.as_slice();
    let end = END.trim_ascii();
    if !text.trim_ascii_end().ends_with(end) {
        return Ok(false);
    }
    if text == end {
        return Ok(true);
    }

    Err(unreadable(format!(
        "line {}: a quote is not closed",
        line_of(record.position())
    )))
}

fn of_csv(fault: ::csv::Error) -> io::Error {
    let line = line_of(fault.position());
    let reason = match fault.kind() {
        ErrorKind::Utf8 { .. } => format!("line {line}: it is not UTF-8"),
        ErrorKind::Io(_) => match fault.into_kind() {
            ErrorKind::Io(fault) => return fault,
            _ => "it cannot be read".into(),
        },
        // The text of the fault may quote values.
        _ => format!("line {line}: it cannot be read as CSV"),
    };

    unreadable(reason)
}

fn line_of(position: Option<&Position>) -> u64 {
    position.map_or(0, Position::line)
}
