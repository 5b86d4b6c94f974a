//! Counts and writes the events of a batch.

use super::tally::Tally;
use crate::error::Result;
use crate::landing::{Event, Files, Writer};

/// Takes the events of a batch.
pub struct Intake<'a> {
    /// What came so far.
    pub tally: Tally,
    writer: Writer<'a>,
}

/// All events of a batch: what came, and the files that hold it.
pub struct TakenEvents {
    pub tally: Tally,
    pub files: Files,
}

impl<'a> Intake<'a> {
    /// Begins a batch that `writer` writes.
    #[must_use]
    pub fn new(writer: Writer<'a>) -> Self {
        Self {
            tally: Tally::default(),
            writer,
        }
    }

    /// Counts an event and writes it.
    pub async fn push(&mut self, event: &Event<'_>) -> Result<()> {
        self.tally.count(event);

        self.writer.push(event).await
    }

    /// Ends the last file.
    pub async fn finish(self) -> Result<TakenEvents> {
        Ok(TakenEvents {
            tally: self.tally,
            files: self.writer.finish().await?,
        })
    }
}
