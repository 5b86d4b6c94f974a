//! JSON as Python prints it: the function `tojson` of dbt, and Jinja's filter.

use std::io::{self, Write};

use minijinja::value::{Kwargs, from_args};
use minijinja::{Error, State, Value};
use serde::Serialize;
use serde_json::ser::Formatter;

use super::{invalid, size};

/// Deeper lines than these are refused, in blanks.
const WIDEST_INDENT: usize = 16;

/// `tojson(value, default=none, sort_keys=false)`: the default stands for what is no JSON.
pub(super) fn function(state: &State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
    let (value, default, sorts, named): (Value, Option<Value>, Option<bool>, Kwargs) =
        from_args(args)?;
    let default = match default {
        Some(default) => default,
        None => named.get::<Option<Value>>("default")?.unwrap_or_default(),
    };
    let sorts = match sorts {
        Some(sorts) => sorts,
        None => named.get::<Option<bool>>("sort_keys")?.unwrap_or_default(),
    };
    named.assert_all_used()?;

    size::check(state, &value)?;

    Ok(printed(&value, sorts, None).map_or(default, Value::from))
}

/// `value | tojson(indent)`, with sorted keys. It escapes `<`, `>`, `&` and `'`, as Jinja does.
#[expect(
    clippy::needless_pass_by_value,
    reason = "minijinja gives arguments as values"
)]
pub(super) fn filter(
    state: &State<'_, '_>,
    value: &Value,
    indent: Option<usize>,
    named: Kwargs,
) -> Result<Value, Error> {
    size::check(state, value)?;
    let indent = match indent {
        Some(indent) => Some(indent),
        None => named.get::<Option<usize>>("indent")?,
    };
    named.assert_all_used()?;
    if indent > Some(WIDEST_INDENT) {
        return Err(invalid(format!(
            "`tojson` indents by at most {WIDEST_INDENT} blanks"
        )));
    }
    let text = printed(value, true, indent).map_err(|fault| invalid(fault.to_string()))?;
    let escaped = text
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\'', "\\u0027");

    Ok(Value::from(escaped))
}

fn printed(value: &Value, sorts: bool, indent: Option<usize>) -> serde_json::Result<String> {
    let mut value = serde_json::to_value(value)?;
    if sorts {
        value.sort_all_objects();
    }
    let mut bytes = Vec::new();
    let python = Python {
        indent,
        depth: 0,
        is_empty: true,
    };
    value.serialize(&mut serde_json::Serializer::with_formatter(
        &mut bytes, python,
    ))?;

    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The form of Python's `json.dumps`.
struct Python {
    indent: Option<usize>,
    depth: usize,
    /// Whether nothing is in the innermost brackets yet.
    is_empty: bool,
}

impl Python {
    fn open<W: ?Sized + Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.is_empty = true;
        writer.write_all(bracket)
    }

    fn close<W: ?Sized + Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth -= 1;
        if !self.is_empty {
            self.line(writer)?;
        }
        self.is_empty = false;
        writer.write_all(bracket)
    }

    fn separate<W: ?Sized + Write>(&mut self, writer: &mut W, is_first: bool) -> io::Result<()> {
        self.is_empty = false;
        if !is_first {
            writer.write_all(if self.indent.is_some() { b"," } else { b", " })?;
        }
        self.line(writer)
    }

    fn line<W: ?Sized + Write>(&self, writer: &mut W) -> io::Result<()> {
        match self.indent {
            Some(indent) => {
                let width = indent * self.depth;
                write!(writer, "\n{:width$}", "")
            }
            None => Ok(()),
        }
    }
}

impl Formatter for Python {
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.separate(writer, first)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.separate(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b": ")
    }

    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        let text = format!("{value:?}");
        match text.split_once('e') {
            None => write!(writer, "{text}"),
            Some((digits, exponent)) => {
                let (sign, exponent) = match exponent.strip_prefix('-') {
                    Some(exponent) => ('-', exponent),
                    None => ('+', exponent),
                };
                write!(writer, "{digits}e{sign}{exponent:0>2}")
            }
        }
    }

    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        for letter in fragment.chars() {
            if (' '..='~').contains(&letter) {
                write!(writer, "{letter}")?;
                continue;
            }
            for unit in letter.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
        }

        Ok(())
    }
}
