//! What is wrong with a broken file.

use super::format::Format;
use crate::random::Random;

/// What is wrong with a file. Only an empty one can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum FileDefect {
    /// It ends in the middle of a row, or of its compressed bytes.
    Cut,
    /// Its values are separated by semicolons.
    Delimiter,
    /// The column of the key is missing.
    Column,
    /// It is written in Latin-1.
    NotUtf8,
    /// It has no bytes, which a reader of text cannot notice.
    Empty,
}

impl FileDefect {
    /// Draws one that files of the format can have. JSON without the key can be read: its rows are rejects.
    pub(super) fn draw(format: Format, random: &mut Random) -> Self {
        let defects: &[Self] = match format {
            Format::Csv => &[
                Self::Cut,
                Self::Delimiter,
                Self::Column,
                Self::NotUtf8,
                Self::Empty,
            ],
            Format::JsonLines | Format::JsonArray => &[Self::Cut, Self::NotUtf8, Self::Empty],
            Format::Parquet => &[Self::Cut, Self::Column],
        };
        random.pick(defects)
    }

    /// For a summary: "3 cut, 1 without the key".
    pub(super) fn description(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Delimiter => "with another delimiter",
            Self::Column => "without the key",
            Self::NotUtf8 => "not UTF-8",
            Self::Empty => "empty",
        }
    }
}
