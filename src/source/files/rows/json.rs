//! JSON lines, and one JSON array: object by object.

use std::io::{self, BufRead};
use std::ops::ControlFlow;

use serde::de::{DeserializeSeed, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::sink::RowSink;
use super::text_file::TextFile;
use crate::landing::open_fields;
use crate::source::files::file_fault::{at_place, unreadable};

/// How deep values may be nested in each other: what reads them later calls itself for each level.
const MOST_NESTED: usize = 128;

/// Gives every line's object to `rows`.
pub(super) fn read_lines(mut file: TextFile, rows: &mut RowSink<'_>) -> io::Result<()> {
    let row_size = file.row_size();
    let mut text = String::new();
    for line in 1_u64.. {
        text.clear();
        row_size.reset();
        let place = || format!("line {line}");
        let read = file
            .read_line(&mut text)
            .map_err(|fault| at_place(fault, &place()))?;
        if read == 0 {
            break;
        }
        let object = text.trim_ascii();
        if !object.is_empty() && push_object(object, place, rows)?.is_break() {
            break;
        }
    }

    Ok(())
}

/// Gives every object of an array to `rows`.
pub(super) fn read_array(file: TextFile, rows: &mut RowSink<'_>) -> io::Result<()> {
    let row_size = file.row_size();
    let mut fault = None;
    let mut number = 0_u64;
    let mut take = |text: &str| {
        row_size.reset();
        number += 1;
        push_object(text, || format!("row {number}"), rows).unwrap_or_else(|cause| {
            fault = Some(cause);
            ControlFlow::Break(())
        })
    };
    let mut deserializer = serde_json::Deserializer::from_reader(file);
    let read = Elements(&mut take)
        .deserialize(&mut deserializer)
        .and_then(|taken| match taken {
            ControlFlow::Continue(()) => deserializer.end(),
            ControlFlow::Break(()) => Ok(()),
        });

    match fault {
        Some(fault) => Err(fault),
        None => read.map_err(of_json),
    }
}

fn of_json(fault: serde_json::Error) -> io::Error {
    let place = format!("line {}, column {}", fault.line(), fault.column());
    if fault.is_io() {
        return at_place(io::Error::from(fault), &place);
    }

    unreadable(format!("{place}: it is no JSON array of objects"))
}

/// Gives the row that a JSON object is. `place` says where the object stands.
fn push_object(
    text: &str,
    place: impl Fn() -> String,
    rows: &mut RowSink<'_>,
) -> io::Result<ControlFlow<()>> {
    if is_nested_deeper(text, MOST_NESTED) {
        return Err(unreadable(format!(
            "{}: its values are nested more than {MOST_NESTED} levels deep; write them flatter",
            place()
        )));
    }
    let fields = open_fields(text)
        .ok_or_else(|| unreadable(format!("{}: it is no JSON object", place())))?;
    let mut about_the_event = Vec::new();
    for (name, value) in fields.iter() {
        rows.columns.note(&name, "text");
        if rows.rules.is_about_the_event(&name)
            && let Some(value) = value
        {
            about_the_event.push((name, value));
        }
    }

    rows.push(text.to_owned(), |name| {
        let found = about_the_event.iter().find(|(known, _)| known == name)?;
        Some(found.1.as_ref())
    })
}

/// Whether brackets outside of strings are nested deeper than `most`.
fn is_nested_deeper(json: &str, most: usize) -> bool {
    let (mut depth, mut is_text, mut is_escaped) = (0_usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b'{' | b'[' if !is_text => depth += 1,
            b'}' | b']' if !is_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > most {
            return true;
        }
    }

    false
}

/// The elements of a JSON array, one after the other; a break if not all were taken.
struct Elements<'a, F>(&'a mut F);

impl<'de, F: FnMut(&str) -> ControlFlow<()>> DeserializeSeed<'de> for Elements<'_, F> {
    type Value = ControlFlow<()>;

    fn deserialize<D: serde::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(&str) -> ControlFlow<()>> Visitor<'de> for Elements<'_, F> {
    type Value = ControlFlow<()>;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an array of objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        while let Some(element) = elements.next_element::<Box<RawValue>>()? {
            let taken = (self.0)(element.get());
            if taken.is_break() {
                return Ok(taken);
            }
        }

        Ok(ControlFlow::Continue(()))
    }
}
