//! File sources: files that are dropped into a folder. The service reads the listed files that the ledger does not
//! have.
//!
//! A reading (`reading`) goes through these files in turn: `listing` and `local_listing` list the folder, `new_files`
//! finds the files that the reading takes, `whole_file` reads each to its end, `land` lands its rows, and `tidy`
//! moves or deletes it. `rows` opens the formats, and `stored_file` the bytes below them.
//!
//! Whoever drops a file is not trusted: `local_folder` and `beneath` follow no links, `access` and `file_limits` bound
//! the memory, and `unpacking` and `rows::footer` and `rows::page_guard` refuse what unpacks to more.

mod access;
mod beneath;
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
mod rows;
mod store_answers;
mod store_fault;
mod stored_file;
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
        _: Option<&Value>,
        covered_before: Option<Timestamp>,
        purpose: Purpose,
    ) -> Result<Reading> {
        self.begin_reading(covered_before, purpose).await
    }

    async fn backlog(&self, _: i64, _: Duration) -> Result<i64> {
        i64::try_from(self.taken.len()).map_err(Error::internal)
    }

    async fn read(&self, batch: i64, intake: &mut Intake<'_>) -> Result<()> {
        self.read_taken(self.first_event(batch), intake).await
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
