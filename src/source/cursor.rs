//! How far an audit log has been read: a whole snapshot, bound to the server and table that it came from.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// The cursor of an audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The last read's `pg_snapshot`, as text.
    pub snapshot: String,
    /// How that read told new rows from old ones.
    pub rule: Rule,
    /// The server's system identifier.
    pub system_identifier: String,
    /// The server's timeline.
    pub timeline: i32,
    /// The audit table's oid.
    pub table_oid: u32,
    /// Whether the snapshot is a standby's, which does not list the transactions that were open.
    #[serde(default)]
    pub in_recovery: bool,
    /// No event with this id or a lower one can appear any more: all there are have been read.
    #[serde(default)]
    pub floor: Option<i64>,
    /// What becomes the floor.
    #[serde(default)]
    pub next_floor: Option<NextFloor>,
    /// The highest id that was read.
    #[serde(default)]
    pub highest: Option<i64>,
    /// The tracked tables whose rows from before the log have been read.
    #[serde(default)]
    pub loaded: BTreeSet<String>,
    /// The tracked tables whose rows are to be read again by the next reading.
    #[serde(default)]
    pub again: BTreeSet<String>,
    /// The tracked tables whose keys are to be compared by the next reading.
    #[serde(default)]
    pub compared: BTreeSet<String>,
}

/// A position as it is remembered, for the source of a pipeline.
///
/// # Errors
///
/// [`Error::SourceReplaced`] where it is that of another kind of source.
pub(super) fn remembered<T: DeserializeOwned>(
    position: Option<&serde_json::Value>,
    pipeline: &str,
) -> Result<Option<T>> {
    let position = position.map(|position| serde_json::from_value(position.clone()));

    position.transpose().map_err(|_| Error::SourceReplaced {
        detail: format!(
            "pipeline `{pipeline}` read another kind of source before, which says nothing about this one, so nothing is read; put `source.kind` back, or read this one by a pipeline of another name"
        ),
    })
}

/// The server and the table that an audit log's position as it is remembered was read from.
#[must_use]
pub fn log_read(position: &serde_json::Value) -> Option<(String, u32)> {
    let position: Position = serde_json::from_value(position.clone()).ok()?;

    Some((position.system_identifier, position.table_oid))
}

/// The floor in an audit log's position as it is remembered.
#[must_use]
pub fn floor(position: &serde_json::Value) -> Option<i64> {
    position.get("floor")?.as_i64()
}

/// What becomes the floor with the reading after every transaction has ended that was open when it was noted.
///
/// Whoever took an id at or below `highest` took it before `read_at`, in a transaction that had begun by then. Once all of those have
/// ended, a reading has what they committed. It holds where ids come from a sequence that hands them out one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextFloor {
    /// The highest id that was read until then.
    pub highest: i64,
    /// When that was, by the source's clock.
    pub read_at: Timestamp,
}

/// How rows that the last snapshot did not have are found.
///
/// Ids are handed out before commit, so neither an id nor a time tells
/// what is new; the writer's transaction does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Everything: there is no last snapshot.
    Everything,
    /// By a column that holds the writer's top-level transaction id; an index finds them.
    Transaction,
    /// By the rows' `xmin`, read again from the oldest transaction that was open at the last read; repeats drop out in staging.
    Xmin,
}

/// How far a cursor can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Safety {
    /// No committed row can be skipped.
    Proven,
    /// Rows may be skipped in known cases.
    Overlap,
    /// Rows will be skipped.
    Unsafe,
}

impl Position {
    /// Refuses to go on where another server or table is behind the address than the cursor came from.
    pub fn check_same(&self, now: &Self, connection: &str) -> Result<()> {
        same_server(
            (&self.system_identifier, self.timeline),
            (&now.system_identifier, now.timeline),
            connection,
        )?;
        if self.table_oid == now.table_oid {
            return Ok(());
        }

        Err(replaced(connection, "another audit table of the same name"))
    }
}

/// Refuses another server behind the address: its identifier and timeline tell.
pub(super) fn same_server(before: (&str, i32), now: (&str, i32), connection: &str) -> Result<()> {
    let changed = if before.0 != now.0 {
        "another server"
    } else if before.1 != now.1 {
        "the same server after a failover or a recovery (another timeline)"
    } else {
        return Ok(());
    };

    Err(replaced(connection, changed))
}

fn replaced(connection: &str, by: &str) -> Error {
    Error::SourceReplaced {
        detail: format!(
            "connection `{connection}` now leads to {by}; what was read before says nothing about it, so nothing is read. Point the connection back, or read the new one by a pipeline of another name"
        ),
    }
}
