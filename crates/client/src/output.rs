//! What a command prints: a table for people; JSON, YAML or names for programs.

use std::io::{ErrorKind, IsTerminal, Write};

use clap::ValueEnum;
use comfy_table::{Attribute, CellAlignment, Color, ColumnConstraint, ContentArrangement, presets};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::fault::{Fault, Result};
use crate::server::{List, read};
use crate::text;

/// Columns up to the width of an id are never wrapped, so that ids can be copied.
const WIDEST_WHOLE: u16 = 36;

/// How answers are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Table,
    /// As the API answers
    Json,
    /// The same as YAML
    Yaml,
    /// Only names or ids, one on each line
    Name,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Output {
    format: Format,
    is_colored: bool,
    is_terminal: bool,
}

/// A row of a list that can be printed.
pub(crate) trait Listed: DeserializeOwned {
    const HEAD: &'static [&'static str];

    fn name(&self) -> &str;
    fn cells(&self) -> Vec<Cell>;
}

/// A cell of a table.
#[derive(Debug)]
pub(crate) struct Cell {
    text: String,
    style: Style,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Right,
    Colored(Option<Color>),
}

impl Cell {
    pub(crate) fn text(text: impl AsRef<str>) -> Self {
        Self {
            text: text::one_line(text.as_ref()),
            style: Style::Plain,
        }
    }

    pub(crate) fn maybe(text: Option<impl AsRef<str>>) -> Self {
        text.map_or_else(|| Self::text("-"), Self::text)
    }

    pub(crate) fn number(number: Option<i64>) -> Self {
        Self {
            text: number.map_or_else(|| "-".into(), text::count),
            style: Style::Right,
        }
    }

    /// A state or a status, in its color.
    pub(crate) fn word(word: impl AsRef<str>) -> Self {
        Self {
            style: Style::Colored(color(word.as_ref())),
            ..Self::text(word)
        }
    }
}

/// The color of a state or a status.
fn color(word: &str) -> Option<Color> {
    match word {
        "succeeded" | "pass" | "valid" | "usable" | "proven" | "landed" => Some(Color::Green),
        "running" | "queued" | "warn" | "paused" | "overlap" | "suspended" => Some(Color::Yellow),
        "failed" | "error" | "broken" | "invalid" | "unsafe" | "upstream_failed" => {
            Some(Color::Red)
        }
        "cancelled" | "unknown" | "skipped" => Some(Color::DarkGrey),
        _ => None,
    }
}

/// Tells the caller something beside the output. Whoever has closed stderr does not want to know.
pub(crate) fn tell(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

impl Output {
    /// Whether only names are printed.
    pub(crate) fn is_of_names(self) -> bool {
        self.format == Format::Name
    }

    pub(crate) fn new(format: Format, no_color: bool) -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        let is_off =
            no_color || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());

        Self {
            format,
            is_colored: is_terminal && !is_off,
            is_terminal,
        }
    }

    pub(crate) fn is_colored(self) -> bool {
        self.is_colored
    }

    /// Prints a list.
    pub(crate) fn list<T: Listed>(self, list: &List) -> Result<()> {
        match self.format {
            Format::Json | Format::Yaml => self.value(&list.value()),
            Format::Name => {
                let names: Vec<T> = list.read()?;
                let lines: Vec<String> =
                    names.iter().map(|row| text::one_line(row.name())).collect();
                self.lines(&lines)
            }
            Format::Table => {
                let rows: Vec<T> = list.read()?;
                self.table(T::HEAD, rows.iter().map(T::cells).collect())?;
                if !list.next.is_null() && self.is_terminal {
                    tell("more rows are there; ask for them by `--limit`");
                }

                Ok(())
            }
        }
    }

    /// Prints one thing: its name, or what `told` makes of it for people.
    pub(crate) fn one<T: DeserializeOwned>(
        self,
        value: &Value,
        name: impl FnOnce(&T) -> String,
        told: impl FnOnce(&T) -> Result<()>,
    ) -> Result<()> {
        match self.format {
            Format::Json | Format::Yaml => self.value(value),
            Format::Name => self.line(&text::one_line(&name(&read(value)?))),
            Format::Table => told(&read(value)?),
        }
    }

    pub(crate) fn value(self, value: &Value) -> Result<()> {
        let text = if self.format == Format::Yaml {
            let yaml = serde_saphyr::to_string(value).map_err(|fault| {
                Fault::Strange(format!("the answer cannot be written as YAML: {fault}"))
            })?;
            text::clean_yaml(&yaml)
        } else {
            text::clean_json(&serde_json::to_string_pretty(value).unwrap_or_default())
        };

        self.line(text.trim_end())
    }

    /// Prints a table. Without rows, only its head.
    pub(crate) fn table(self, head: &[&str], rows: Vec<Vec<Cell>>) -> Result<()> {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::NOTHING);
        if self.is_terminal {
            table.set_content_arrangement(ContentArrangement::Dynamic);
        } else {
            table.force_no_tty();
        }
        table.set_header(head.iter().map(|name| {
            let cell = comfy_table::Cell::new(name);
            if self.is_colored {
                cell.add_attribute(Attribute::Bold)
            } else {
                cell
            }
        }));
        for row in rows {
            table.add_row(row.into_iter().map(|cell| self.cell(cell)));
        }
        let widths = table.column_max_content_widths();
        for (column, width) in table.column_iter_mut().zip(widths) {
            column.set_padding((0, 2));
            if width <= WIDEST_WHOLE {
                column.set_constraint(ColumnConstraint::ContentWidth);
            }
        }

        self.line(&table.trim_fmt())
    }

    fn cell(self, cell: Cell) -> comfy_table::Cell {
        let shown = comfy_table::Cell::new_owned(cell.text);
        match cell.style {
            Style::Right => shown.set_alignment(CellAlignment::Right),
            Style::Colored(Some(color)) if self.is_colored => shown.fg(color),
            _ => shown,
        }
    }

    /// A word in the color of its meaning.
    pub(crate) fn word(self, word: &str) -> String {
        let code = match color(word).filter(|_| self.is_colored) {
            Some(Color::Green) => "32",
            Some(Color::Yellow) => "33",
            Some(Color::Red) => "31",
            Some(_) => "90",
            None => return text::one_line(word),
        };

        format!("\u{1b}[{code}m{}\u{1b}[0m", text::one_line(word))
    }

    /// Prints pairs of a name and a value, the values in one column.
    pub(crate) fn pairs(self, pairs: &[(&str, Option<String>)]) -> Result<()> {
        let widest = pairs
            .iter()
            .map(|(name, _)| name.len())
            .max()
            .unwrap_or_default();
        for (name, value) in pairs {
            if let Some(value) = value {
                self.line(&format!("{name:widest$}  {value}"))?;
            }
        }

        Ok(())
    }

    pub(crate) fn lines(self, lines: &[String]) -> Result<()> {
        lines.iter().try_for_each(|line| self.line(line))
    }

    /// Prints a line that is safe for a terminal.
    #[expect(clippy::unused_self, reason = "only who has an output prints")]
    pub(crate) fn line(self, line: &str) -> Result<()> {
        match writeln!(std::io::stdout(), "{line}") {
            Err(fault) if fault.kind() == ErrorKind::BrokenPipe => Err(Fault::OutputClosed),
            Err(fault) => Err(Fault::Output(format!(
                "the output cannot be written: {fault}"
            ))),
            Ok(()) => Ok(()),
        }
    }

    pub(crate) fn is_for_people(self) -> bool {
        self.format == Format::Table
    }
}
