//! What a source that was opened can do, whatever its kind.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::Value;

use super::finding::Finding;
use super::intake::Intake;
use super::reading::{Purpose, Reading};
use super::safety::CursorSafety;
use super::tally::Tally;
use crate::error::Result;
use crate::pipeline::{CatalogueColumn, SourceTable};
use crate::publish::Planned;
use crate::state::SourceFile;

/// The landing numbers events that have no number of their own. A batch's numbers begin at its id times this constant,
/// so later batches have higher numbers.
pub(super) const EVENTS_OF_A_BATCH: i64 = 1 << 36;

/// A source that was opened for one reading.
///
/// The order of calls: [`Source::begin`], then the calls that read or count, then [`Source::end`]. A kind keeps the
/// defaults of the calls that it does not need.
#[async_trait]
pub trait Source: Send + Sync {
    /// How far the cursor can be trusted, and why.
    fn safety(&self) -> CursorSafety;

    /// Lists the columns of a source table: name and Postgres type; empty if there is no such table. Files show their
    /// columns only while they are read.
    async fn columns_of(&self, table: &SourceTable) -> Result<Vec<CatalogueColumn>>;

    /// Lifts the limit on the time of statements from here on, because one statement reads a batch.
    async fn unlimit(&self) -> Result<()> {
        Ok(())
    }

    /// Begins the snapshot that everything after the position `last` is read in. Without `last`, the reading takes
    /// everything.
    async fn begin(
        &mut self,
        last: Option<&Value>,
        covered_before: Option<Timestamp>,
        purpose: Purpose,
    ) -> Result<Reading>;

    /// Counts the events that wait behind the cursor, up to `limit` of them and no longer than `within`. A drop folder
    /// counts files.
    async fn backlog(&self, limit: i64, within: Duration) -> Result<i64>;

    /// Why the backlog cannot be counted after [`Source::begin`]; `None` if it can.
    fn uncounted(&self) -> Option<String> {
        None
    }

    /// The statements that would read the reading, in their order; none of files.
    async fn planned(&self, _reading: &Reading) -> Result<Vec<Planned>> {
        Ok(Vec::new())
    }

    /// Reads every event of the reading into batch `batch`.
    async fn read(&self, batch: i64, intake: &mut Intake<'_>) -> Result<()>;

    /// The number below those of a batch's events that have none of their own.
    fn first_event(&self, batch: i64) -> i64 {
        batch * EVENTS_OF_A_BATCH
    }

    /// The names of the fields that [`Source::read_keys`] gives of a table; empty if its keys cannot be read.
    async fn key_fields(&self, _table: &str) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    /// Reads all keys of a table, in the snapshot of the reading, for a key comparison.
    async fn read_keys(&self, _table: &str, _intake: &mut Intake<'_>) -> Result<()> {
        Ok(())
    }

    /// Ends the snapshot, so that the server holds nothing while the service works on the rows.
    async fn end(&self) -> Result<()> {
        Ok(())
    }

    /// The cursor's position after a reading that was read to its end. The next reading compares the keys of the tables `compare_again`.
    fn position_after(
        &self,
        reading: &Reading,
        _tally: &Tally,
        _compare_again: &[String],
    ) -> Result<Value> {
        Ok(reading.position.clone())
    }

    /// The time up to which a reading that was read to its end holds every committed change.
    fn covered_after(&self, reading: &Reading, _before: Option<Timestamp>) -> Timestamp {
        reading.covered_until
    }

    /// The outcome of each file of the reading; empty if no files are read.
    fn read_files(&self) -> Vec<SourceFile> {
        Vec::new()
    }

    /// Moves or deletes files that have landed, as `source.after` says.
    async fn tidy(&self) -> Result<()> {
        Ok(())
    }

    /// Refuses a table whose rows cannot be read again.
    async fn check_reread(&self, _table: &str) -> Result<()> {
        Ok(())
    }

    /// Finds what the source lacks to be read exactly and cheaply; changes nothing.
    async fn check(&mut self) -> Result<Vec<Finding>>;
}
