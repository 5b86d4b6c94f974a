//! Polled tables: a cursor column shows when a row changed. The service reads all rows once (the full load), then those
//! that changed.
//!
//! `next` says which rows of a table a reading takes: a range of keys during its full load, otherwise the changed rows.
//! Deletes leave no row behind, so key comparisons find them.

mod catalogue;
mod check;
mod cursor_column;
mod next;
mod planned;
mod position;
mod progress;
mod queries;
mod reading;
mod table;
mod tables;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;

pub use cursor_column::{can_be_cursor, is_time};
pub use progress::{TableProgress, table_progress};

pub(super) use position::PolledPosition;
pub(super) use tables::PolledTables;

use super::finding::Finding;
use super::intake::Intake;
use super::opened::Source;
use super::postgres::columns;
use super::reading::{Purpose, Reading};
use super::safety::CursorSafety;
use super::tally::Tally;
use crate::error::Result;
use crate::pipeline::{CatalogueColumn, SourceTable};
use crate::publish::Planned;

#[async_trait]
impl Source for PolledTables<'_> {
    fn safety(&self) -> CursorSafety {
        self.cursor_safety()
    }

    async fn columns_of(&self, table: &SourceTable) -> Result<Vec<CatalogueColumn>> {
        columns(&self.session, table).await
    }

    async fn unlimit(&self) -> Result<()> {
        self.session.unlimit().await
    }

    async fn begin(
        &mut self,
        last: Option<&Value>,
        covered_before: Option<Timestamp>,
        purpose: Purpose,
    ) -> Result<Reading> {
        self.begin_reading(last, covered_before, purpose).await
    }

    async fn backlog(&self, limit: i64, within: Duration) -> Result<i64> {
        self.count_changed(limit, within).await
    }

    async fn planned(&self, reading: &Reading) -> Result<Vec<Planned>> {
        self.planned_reads(reading).await
    }

    async fn read(&self, batch: i64, intake: &mut Intake<'_>) -> Result<()> {
        self.read_rows(self.first_event(batch), intake).await
    }

    async fn key_fields(&self, table: &str) -> Result<Vec<String>> {
        Ok(self.key_of(table))
    }

    async fn read_keys(&self, table: &str, intake: &mut Intake<'_>) -> Result<()> {
        self.read_keys_of(table, intake).await
    }

    async fn end(&self) -> Result<()> {
        self.session.end().await
    }

    fn position_after(
        &self,
        reading: &Reading,
        _: &Tally,
        compare_again: &[String],
    ) -> Result<Value> {
        position::after(reading, compare_again)
    }

    async fn check(&mut self) -> Result<Vec<Finding>> {
        self.findings().await
    }
}
