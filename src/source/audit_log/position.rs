//! How far an audit log has been read: a whole snapshot, bound to the server and the table that it came from.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::pipeline::{SourceTable, Table};
use crate::source::postgres::{ServerIdentity, replaced};
use crate::source::reading::Reading;
use crate::source::tally::Tally;

/// The cursor of an audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::source) struct LogPosition {
    /// The last read's `pg_snapshot`, as text.
    pub(super) snapshot: String,
    /// How that read distinguished new events from old ones.
    pub(super) rule: UnreadRule,
    #[serde(flatten)]
    pub(super) server: ServerIdentity,
    /// The audit table's oid.
    pub(super) table_oid: u32,
    /// Whether the snapshot is a standby's, which does not list the transactions that were open.
    #[serde(default)]
    pub(super) in_recovery: bool,
    /// All events up to this id have been read, and no new one can appear.
    #[serde(default)]
    pub(super) floor: Option<i64>,
    /// What becomes the floor.
    #[serde(default, rename = "next_floor")]
    pub(super) pending_floor: Option<PendingFloor>,
    /// The highest id that was read.
    #[serde(default)]
    pub(super) highest: Option<i64>,
    /// The tracked tables whose rows from before the log have been read.
    #[serde(default, rename = "loaded")]
    pub(super) backfilled: BTreeSet<String>,
    /// The tracked tables whose rows the next reading reads again.
    #[serde(default, rename = "again")]
    pub(super) reread: BTreeSet<String>,
    /// The tracked tables whose keys the next reading compares.
    #[serde(default)]
    pub(super) compared: BTreeSet<String>,
    /// The tracked tables whose events the next reading reads from the begin of the log. Those by the names of their source
    /// tables (`public.orders`) wait until a table tracks them.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) restarted: BTreeSet<String>,
}

/// A pending floor. It becomes the floor when all transactions open at that time have ended.
///
/// Every id up to `highest` was taken before `read_at`, by a transaction that had begun by then. Once these
/// transactions have ended, a reading has what they committed. This holds if ids come from a sequence that hands them
/// out one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PendingFloor {
    /// The highest id that was read until then.
    pub(super) highest: i64,
    /// When that was, by the source's clock.
    pub(super) read_at: Timestamp,
}

/// How events that the last snapshot did not have are found.
///
/// Ids are handed out before commit, so neither an id nor a time shows what is new. The writer's transaction does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum UnreadRule {
    /// Everything: there is no last snapshot.
    Everything,
    /// A column holds the writer's top-level transaction id; an index finds them.
    Transaction,
    /// Compares the rows' `xmin`, from the oldest transaction that was open at the last read on. Staging drops repeats.
    Xmin,
}

/// The audit log that a position was read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogIdentity {
    system_identifier: String,
    table_oid: u32,
}

impl LogPosition {
    /// Refuses a server or a table other than the one that the cursor came from.
    pub(super) fn check_same(&self, now: &Self, connection: &str) -> Result<()> {
        self.server.check_same(&now.server, connection)?;
        if self.table_oid == now.table_oid {
            return Ok(());
        }

        Err(replaced(connection, "another audit table of the same name"))
    }

    /// The next reading reads the rows of a table again.
    pub(in crate::source) fn request_reread(&mut self, table: &str) {
        self.reread.insert(table.to_owned());
    }

    /// The next reading reads a table as if it had never been read.
    pub(in crate::source) fn request_restart(&mut self, table: &str) {
        for tables in [&mut self.backfilled, &mut self.reread, &mut self.compared] {
            tables.remove(table);
        }
        self.restarted.insert(table.to_owned());
    }

    /// Nothing is held of a table any more. `deleted` is the source table whose landed events are deleted.
    pub(in crate::source) fn forget(&mut self, table: &str, deleted: Option<&SourceTable>) {
        for tables in [
            &mut self.backfilled,
            &mut self.reread,
            &mut self.compared,
            &mut self.restarted,
        ] {
            tables.remove(table);
        }
        self.restarted.extend(deleted.map(SourceTable::to_string));
    }

    /// The source tables that were restarted and that none of these tables tracks. They stay until one does.
    pub(super) fn untracked_restarts(&self, tables: &BTreeMap<String, Table>) -> BTreeSet<String> {
        let restarted = self.restarted.iter().filter(|name| name.contains('.'));
        let is_tracked = |name: &str| {
            tables
                .values()
                .any(|table| table.source.to_string() == name)
        };

        restarted
            .filter(|name| !is_tracked(name))
            .cloned()
            .collect()
    }
}

/// Whether rows of a table itself have been read, besides its events in the log.
#[must_use]
pub(in crate::source) fn has_backfilled(position: &Value, table: &str) -> bool {
    LogPosition::deserialize(position).is_ok_and(|log| log.backfilled.contains(table))
}

/// The audit log that a position as the state database keeps it was read from; none if that was no audit log.
#[must_use]
pub fn log_identity(position: &Value) -> Option<LogIdentity> {
    let position = LogPosition::deserialize(position).ok()?;

    Some(LogIdentity {
        system_identifier: position.server.system_identifier,
        table_oid: position.table_oid,
    })
}

/// The floor in the position of an audit log as the state database keeps it.
#[must_use]
pub fn floor(position: &Value) -> Option<i64> {
    position.get("floor")?.as_i64()
}

/// The position after a reading that was read to its end: with the highest id that it had.
///
/// # Errors
///
/// [`Error::Internal`] if the reading is another source's.
pub(super) fn after(reading: &Reading, tally: &Tally, compare_again: &[String]) -> Result<Value> {
    let mut position = LogPosition::deserialize(&reading.position).map_err(Error::internal)?;
    let last_events = tally
        .tables
        .iter()
        .filter_map(|came| came.summary.last_event);
    position.highest = last_events.chain(position.highest).max();
    // Transactions have the primary's time, so only a reading of the primary can be compared with them.
    if !position.in_recovery {
        position.pending_floor = position.pending_floor.or_else(|| {
            Some(PendingFloor {
                highest: position.highest?,
                read_at: reading.read_at,
            })
        });
    }
    position.compared.extend(compare_again.iter().cloned());

    serde_json::to_value(&position).map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::LogPosition;

    #[test]
    fn a_position_keeps_the_names_that_the_state_database_has() {
        let kept = json!({
            "snapshot": "7:9:8", "rule": "xmin", "system_identifier": "7", "timeline": 2, "table_oid": 5, "in_recovery": true, "floor": 3,
            "next_floor": {"highest": 4, "read_at": "2026-01-01T00:00:00Z"}, "highest": 6, "loaded": ["a"], "again": ["b"], "compared": ["c"],
        });
        let position: LogPosition = serde_json::from_value(kept.clone()).expect("a position");
        assert_eq!(serde_json::to_value(position).expect("JSON"), kept);
        let old = json!({"snapshot": "7:9:8", "rule": "xmin", "system_identifier": "7", "timeline": 2, "table_oid": 5});
        serde_json::from_value::<LogPosition>(old).expect("an old position");
    }
}
