//! Comma-separated values, as RFC 4180 has them.

use std::cell::Cell;
use std::collections::HashSet;
use std::io::{self, Read};

use super::columns;
use super::rows::{Columns, Reader, Sink, unreadable};

/// Follows the end of a CSV file, so that an unclosed quote swallows it and is found. It has no separators or quotes.
const END: &str = "\n\u{6}\u{15}\u{6}\u{15}\u{4}\n";

impl Reader<'_> {
    /// Gives every record to `sink`.
    pub(super) fn csv(
        &self,
        file: impl Read,
        taken: &Cell<u64>,
        columns: &mut Columns,
        sink: &mut impl Sink,
    ) -> io::Result<()> {
        let csv = &self.source.csv;
        let byte = |sign: char| u8::try_from(sign).unwrap_or(b',');
        let mut reader = ::csv::ReaderBuilder::new()
            .has_headers(csv.header)
            .flexible(true)
            .delimiter(byte(csv.delimiter))
            .quote(byte(csv.quote))
            .from_reader(file.chain(END.as_bytes()));
        let names: Vec<String> = if csv.header {
            reader
                .headers()
                .map_err(of_csv)?
                .iter()
                .map(ToOwned::to_owned)
                .collect()
        } else {
            csv.columns.clone()
        };
        let mut seen = HashSet::new();
        let twice = names.iter().find(|name| !seen.insert(*name));
        if let Some(name) = twice {
            return Err(unreadable(format!("it has two columns `{name}`")));
        }
        self.check_key(&names)?;
        for name in &names {
            columns.note(name, "text");
        }
        let labels: Vec<String> = names
            .iter()
            .map(|name| format!("{}:", columns::quoted(name)))
            .collect();
        let mut record = ::csv::StringRecord::new();
        while reader.read_record(&mut record).map_err(of_csv)? {
            taken.set(0);
            let line = record.position().map_or(0, ::csv::Position::line);
            if record
                .as_slice()
                .trim_ascii_end()
                .ends_with(END.trim_ascii())
            {
                if record.as_slice() == END.trim_ascii() {
                    break;
                }
                return Err(unreadable(format!("line {line}: a quote is not closed")));
            }
            if record.len() != names.len() {
                return Err(unreadable(format!(
                    "line {line} has {} values, not {}",
                    record.len(),
                    names.len()
                )));
            }
            let mut data = String::with_capacity(record.as_slice().len() + 16 * names.len());
            data.push('{');
            for (label, value) in labels.iter().zip(&record) {
                if data.len() > 1 {
                    data.push(',');
                }
                data.push_str(label);
                if value == csv.null_text {
                    data.push_str("null");
                } else {
                    columns::quote(value, &mut data);
                }
            }
            data.push('}');
            let value = |name: &str| {
                let at = names.iter().position(|known| known == name)?;
                record.get(at).filter(|value| *value != csv.null_text)
            };
            if !sink(self.row(data, value)) {
                break;
            }
        }

        Ok(())
    }
}

fn of_csv(fault: ::csv::Error) -> io::Error {
    let line = fault.position().map_or(0, ::csv::Position::line);
    let reason = match fault.kind() {
        ::csv::ErrorKind::Utf8 { .. } => format!("line {line}: it is not UTF-8"),
        ::csv::ErrorKind::Io(_) => match fault.into_kind() {
            ::csv::ErrorKind::Io(fault) => return fault,
            _ => "it cannot be read".into(),
        },
        _ => fault.to_string(),
    };

    unreadable(reason)
}
