//! File sources: files that are dropped into a folder. The service reads the listed files that the ledger does not
//! have.
//!
//! A reading (`reading`) goes through these files in turn: `listing`, `bucket_listing` and `local_listing` list names in
//! their order, `search` compares them with the ledger, and `new_files` decides how many names the reading lists. `round` is
//! the cursor. `whole_file` reads each file to its end, `land` lands its rows, and `tidy` moves or deletes it. `rows` opens
//! the formats, and `stored_file` the bytes below them.
//!
//! Whoever drops a file is not trusted: `local_folder` and `beneath` follow no links, `access` and `file_limits` bound
//! the memory, and `unpacking` and `rows::footer` and `rows::page_guard` refuse what unpacks to more.

mod access;
mod beneath;
mod bucket_listing;
mod check;
mod drop_store;
mod dropped_file;
mod file_fault;
mod file_limits;
mod folder;
mod known_columns;
mod land;
mod listing;
mod local_folder;
mod local_listing;
mod new_files;
mod reading;
mod reading_outcome;
mod round;
mod rows;
mod search;
mod store_answers;
mod store_fault;
mod stored_file;
mod stretch;
mod table_pattern;
mod taken_files;
mod tidy;
mod unpacking;
mod whole_file;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;

pub use access::DropAccess;
pub(super) use folder::DropFolder;

use super::finding::Finding;
use super::intake::Intake;
use super::opened::Source;
use super::reading::{Purpose, Reading};
use super::safety::CursorSafety;
use super::tally::Tally;
use crate::error::{Error, Result};
use crate::pipeline::{CatalogueColumn, SourceTable};
use crate::state::SourceFile;

#[async_trait]
impl Source for DropFolder<'_> {
    fn safety(&self) -> CursorSafety {
        self.cursor_safety()
    }

    async fn columns_of(&self, table: &SourceTable) -> Result<Vec<CatalogueColumn>> {
        Ok(self.columns_read(&table.name))
    }

    async fn begin(
        &mut self,
        last: Option<&Value>,
        covered_before: Option<Timestamp>,
        purpose: Purpose,
    ) -> Result<Reading> {
        self.begin_reading(last, covered_before, purpose).await
    }

    fn uncounted(&self) -> Option<String> {
        self.why_uncounted()
    }

    async fn backlog(&self, _: i64, _: Duration) -> Result<i64> {
        i64::try_from(self.taken.len()).map_err(Error::internal)
    }

    async fn read(&self, batch: i64, intake: &mut Intake<'_>) -> Result<()> {
        self.read_taken(self.first_event(batch), intake).await
    }

    fn position_after(&self, _: &Reading, _: &Tally, _: &[String]) -> Result<Value> {
        self.position_after_reading()
    }

    fn covered_after(&self, reading: &Reading, before: Option<Timestamp>) -> Timestamp {
        self.covered(reading.covered_until, before)
    }

    fn read_files(&self) -> Vec<SourceFile> {
        self.files_read()
    }

    async fn tidy(&self) -> Result<()> {
        self.tidy_landed().await
    }

    async fn check(&mut self) -> Result<Vec<Finding>> {
        self.findings().await
    }
}
