//! How far polled tables have been read: each has a cursor of its own.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::Result;
use crate::source::postgres::{ServerIdentity, change};
use crate::source::reading::Reading;

/// The cursors of the polled tables of a pipeline.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::source) struct PolledPosition {
    #[serde(flatten)]
    pub(super) server: ServerIdentity,
    pub(super) tables: BTreeMap<String, TablePosition>,
}

/// How far one table has been read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TablePosition {
    pub(super) oid: u32,
    /// All rows with a cursor below it have been read, and no later commit adds one. As the cursor column's text.
    pub(super) upto: Option<String>,
    /// The last read's `pg_snapshot`, as text.
    pub(super) snapshot: String,
    /// Whether that was a standby's, which does not list the open transactions of its primary.
    #[serde(default)]
    pub(super) in_recovery: bool,
    /// When all keys were compared.
    #[serde(default)]
    pub(super) compared_at: Option<Timestamp>,
    /// The full load that is under way; `upto` and `snapshot` are those of its first range.
    #[serde(default)]
    pub(super) load: Option<FullLoad>,
    /// This many of the next readings compare all keys, whatever the definition says.
    #[serde(default)]
    pub(super) comparisons: u8,
    /// The condition that rows were read by; empty if there was none, `None` in positions from before it was kept.
    #[serde(default)]
    pub(super) filter: Option<String>,
}

/// A full load that is under way: it reads all rows of a table by ranges of its key, one range a batch. An interruption
/// costs one range, not the load.
///
/// Rows that change meanwhile are read again after the load: increments begin at the bound of its first range. A row
/// that keeps its key is in exactly one range.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct FullLoad {
    /// The columns by which ranges follow each other, each with its type.
    #[serde(default)]
    pub(super) columns: Option<Vec<String>>,
    /// The key up to which rows have been loaded, as texts; none before the first range.
    pub(super) after: Option<Vec<String>>,
    /// Whether the table was loaded before: a key comparison follows, which finds what vanished since.
    #[serde(default)]
    pub(super) is_again: bool,
}

impl FullLoad {
    /// The load of a table that was loaded before.
    pub(super) fn again() -> Self {
        Self {
            is_again: true,
            ..Self::default()
        }
    }

    /// Continues the load by a key. It starts again if it went by another key.
    pub(super) fn by(self, key: Option<&[String]>) -> Self {
        let is_same = self.columns.as_deref() == key;

        Self {
            after: self.after.filter(|_| is_same),
            ..self
        }
    }
}

impl PolledPosition {
    /// The next reading begins a full load of a table.
    pub(in crate::source) fn request_reread(&mut self, table: &str) {
        if let Some(known) = self.tables.get_mut(table) {
            known.load = Some(FullLoad::again());
        }
    }

    /// The next reading reads a table as if it had never been read.
    pub(in crate::source) fn request_restart(&mut self, table: &str) {
        self.tables.remove(table);
    }
}

/// The position after a reading that was read to its end. The next reading compares the keys of the tables `compare_again`.
pub(super) fn after(reading: &Reading, compare_again: &[String]) -> Result<Value> {
    let mut position = reading.position.clone();
    if compare_again.is_empty() {
        return Ok(position);
    }
    change(&mut position, |polled: &mut PolledPosition| {
        for table in compare_again {
            if let Some(known) = polled.tables.get_mut(table) {
                known.comparisons = known.comparisons.max(1);
            }
        }
    })?;

    Ok(position)
}
