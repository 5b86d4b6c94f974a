//! What is wrong with a broken file.

use rand::rngs::StdRng;

use super::super::words;
use super::choice::Format;

/// What is wrong with a file; all but an empty one cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// It ends in the middle of a row, or of what packs it.
    Cut,
    /// Its values are separated otherwise.
    Delimiter,
    /// The column of the key is missing.
    Column,
    /// It is written in Latin-1.
    NotUtf8,
    /// It has no bytes, which tells a reader of text nothing.
    Empty,
}

impl Fault {
    /// Draws one that files of the format can have. JSON without the key can be read: its rows are rejects.
    pub(super) fn draw(format: Format, rng: &mut StdRng) -> Self {
        let faults: &[Self] = match format {
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
        words::pick(rng, faults)
    }

    /// As a summary says it of some files.
    pub(super) fn told(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::Delimiter => "with another delimiter",
            Self::Column => "without the key",
            Self::NotUtf8 => "not UTF-8",
            Self::Empty => "empty",
        }
    }
}
