//! What a file can be: its format and its compression, and the choice among them.

use std::fmt;
use std::str::FromStr;

use clap::ValueEnum;

use crate::random::Random;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Format {
    /// Comma-separated values below a line of names.
    Csv,
    /// A JSON object in each line.
    JsonLines,
    /// One JSON array of objects.
    JsonArray,
    /// Parquet, which packs its pages and not the file.
    Parquet,
}

/// How files are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

/// Values that each file draws one of; typed as `csv`, `csv,parquet` or `all`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice<T>(Vec<T>);

impl Format {
    /// The ending of a file's name, by format and compression.
    pub(super) fn ending(self, compression: Compression) -> String {
        let format = match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
            Self::JsonArray => "json",
            Self::Parquet => return "parquet".to_owned(),
        };
        let packed = match compression {
            Compression::None => "",
            Compression::Gzip => ".gz",
            Compression::Zstd => ".zst",
        };
        format!("{format}{packed}")
    }
}

impl<T: ValueEnum + Copy> Choice<T> {
    #[must_use]
    pub fn all() -> Self {
        Self(T::value_variants().to_vec())
    }

    pub(super) fn draw(&self, random: &mut Random) -> T {
        random.pick(&self.0)
    }
}

/// The name by which a value is typed.
pub(super) fn typed_name(value: &impl ValueEnum) -> String {
    value
        .to_possible_value()
        .map_or_else(String::new, |value| value.get_name().to_owned())
}

impl<T: ValueEnum + Copy> FromStr for Choice<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::all());
        }
        let values: Result<Vec<T>, _> = text
            .split(',')
            .map(|name| T::from_str(name, false))
            .collect();
        values.map(Self).map_err(|_| {
            let names: Vec<_> = T::value_variants().iter().map(typed_name).collect();
            format!(
                "give {}, several of them separated by commas, or all",
                names.join(", ")
            )
        })
    }
}

impl<T: ValueEnum + Copy> fmt::Display for Choice<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.len() == T::value_variants().len() {
            return formatter.write_str("all");
        }
        let names: Vec<_> = self.0.iter().map(typed_name).collect();
        formatter.write_str(&names.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_is_one_value_several_or_all() {
        let shown = |text: &str| {
            text.parse::<Choice<Format>>()
                .map(|choice| choice.to_string())
        };
        for right in ["csv", "json-lines,parquet", "all"] {
            assert_eq!(shown(right).as_deref(), Ok(right));
        }
        for wrong in ["", "xml", "csv,", "csv,all", "CSV"] {
            let message = shown(wrong).expect_err(wrong);
            assert!(
                message.contains("csv, json-lines, json-array, parquet"),
                "{message}"
            );
        }
    }
}
