//! File sources: files that are dropped into a folder. The service reads the listed files that the ledger does not
//! have.

mod batch;
mod check;
mod columns;
mod csv;
mod folder;
mod found;
mod json;
mod land;
mod listing;
mod open;
mod read;
mod rows;
mod tidy;
mod walk;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};

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
        let now = Timestamp::now();
        let batch = self.list(now, purpose).await?;
        let covered = batch.waiting.map_or(now, |waiting| waiting.min(now));
        let (folder, _) = self.source.split();
        self.taken = batch.files.into_iter().collect();

        Ok(Reading {
            position: json!({"path": folder, "listed_at": now}),
            read_at: now,
            covered_until: covered_before.map_or(covered, |before| before.max(covered)),
            blocked_by: None,
            deleted_at: now,
            is_partial: batch.is_cut,
            has_backfills: false,
            compared: Vec::new(),
        })
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
