//! JSON lines, and one JSON array: object by object.

use std::cell::Cell;
use std::io::{self, BufRead, Read};

use serde::de::{DeserializeSeed, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::rows::{Columns, Reader, Sink, at_place, unreadable};
use crate::landing::open_fields;

impl Reader<'_> {
    /// Gives every line's object to `sink`.
    pub(super) fn json_lines(
        &self,
        mut file: impl BufRead,
        taken: &Cell<u64>,
        columns: &mut Columns,
        sink: &mut impl Sink,
    ) -> io::Result<()> {
        let mut text = String::new();
        for line in 1_u64.. {
            text.clear();
            taken.set(0);
            let place = || format!("line {line}");
            let read = file
                .read_line(&mut text)
                .map_err(|fault| at_place(fault, &place()))?;
            if read == 0 {
                break;
            }
            if !text.trim_ascii().is_empty()
                && !self.object(text.trim_ascii(), place, columns, sink)?
            {
                break;
            }
        }

        Ok(())
    }

    /// Gives every object of an array to `sink`.
    pub(super) fn json(
        &self,
        file: impl Read,
        taken: &Cell<u64>,
        columns: &mut Columns,
        sink: &mut impl Sink,
    ) -> io::Result<()> {
        let mut fault = None;
        let mut number = 0_u64;
        let mut take = |text: &str| {
            taken.set(0);
            number += 1;
            match self.object(text, || format!("row {number}"), columns, sink) {
                Ok(goes_on) => goes_on,
                Err(cause) => {
                    fault = Some(cause);
                    false
                }
            }
        };
        let mut deserializer = serde_json::Deserializer::from_reader(file);
        let read = Elements(&mut take)
            .deserialize(&mut deserializer)
            .and_then(|is_whole| if is_whole { deserializer.end() } else { Ok(()) });
        if let Some(fault) = fault {
            return Err(fault);
        }

        read.map_err(|fault| {
            let place = format!("line {}, column {}", fault.line(), fault.column());
            if fault.is_io() {
                return at_place(io::Error::from(fault), &place);
            }
            unreadable(format!("{place}: it is no JSON array of objects"))
        })
    }

    /// Gives the row that a JSON object is, and says whether the reading goes on.
    fn object(
        &self,
        text: &str,
        place: impl Fn() -> String,
        columns: &mut Columns,
        sink: &mut impl Sink,
    ) -> io::Result<bool> {
        let fields = open_fields(text)
            .ok_or_else(|| unreadable(format!("{}: it is no JSON object", place())))?;
        let mut technical = Vec::new();
        for (name, value) in fields.iter() {
            columns.note(&name, "text");
            let names = self
                .source
                .technical()
                .chain(self.source.occurred_at.as_deref());
            if names.into_iter().any(|technical| technical == name)
                && let Some(value) = value
            {
                technical.push((name, value));
            }
        }
        let row = self.row(text.to_owned(), |name| {
            let found = technical.iter().find(|(known, _)| known == name)?;
            Some(found.1.as_ref())
        });

        Ok(sink(row))
    }
}

/// The elements of a JSON array, one after the other; says whether all were taken.
struct Elements<'a, F>(&'a mut F);

impl<'de, F: FnMut(&str) -> bool> DeserializeSeed<'de> for Elements<'_, F> {
    type Value = bool;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(&str) -> bool> Visitor<'de> for Elements<'_, F> {
    type Value = bool;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<bool, A::Error> {
        while let Some(element) = elements.next_element::<Box<RawValue>>()? {
            if !(self.0)(element.get()) {
                return Ok(false);
            }
        }

        Ok(true)
    }
}
