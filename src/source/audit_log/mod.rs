//! Audit logs: a Postgres table of insert, update and delete events that triggers write.
//!
//! Ids are handed out before commit, so neither an id nor a time shows which events are new. The cursor is therefore a
//! whole snapshot. `unread` says how to find the events that it did not have, and `floors` from which id on. `backfill`
//! reads rows that are older than the log.

mod backfill;
mod backfill_table;
mod catalogue;
mod check;
mod floors;
mod log;
mod planned;
mod position;
mod reading;
mod unread;

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;

pub use position::{LogIdentity, floor, log_identity};

pub(super) use log::AuditLog;
pub(super) use position::{LogPosition, has_backfilled};

use super::finding::Finding;
use super::intake::Intake;
use super::opened::{EVENTS_OF_A_BATCH, Source};
use super::postgres::columns;
use super::reading::{Purpose, Reading};
use super::safety::CursorSafety;
use super::tally::Tally;
use crate::error::Result;
use crate::pipeline::{CatalogueColumn, SourceTable};
use crate::publish::Planned;

#[async_trait]
impl Source for AuditLog<'_> {
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
        _: Purpose,
    ) -> Result<Reading> {
        self.begin_reading(last, covered_before).await
    }

    async fn backlog(&self, limit: i64, within: Duration) -> Result<i64> {
        self.count_unread(limit, within).await
    }

    async fn planned(&self, reading: &Reading) -> Result<Vec<Planned>> {
        self.planned_reads(reading).await
    }

    async fn read(&self, batch: i64, intake: &mut Intake<'_>) -> Result<()> {
        self.read_events(intake).await?;

        self.read_backfills(self.first_event(batch), intake).await
    }

    /// Far below the ids of the log, so that every logged event of these rows comes after them.
    fn first_event(&self, batch: i64) -> i64 {
        i64::MIN + batch * EVENTS_OF_A_BATCH
    }

    async fn key_fields(&self, table: &str) -> Result<Vec<String>> {
        self.key_of(table).await
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
        tally: &Tally,
        compare_again: &[String],
    ) -> Result<Value> {
        position::after(reading, tally, compare_again)
    }

    async fn check_reread(&self, table: &str) -> Result<()> {
        self.check_backfill(table).await
    }

    async fn check(&mut self) -> Result<Vec<Finding>> {
        self.findings().await
    }
}
