//! One reading of a source: the cursor's position after it, and what it covers.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The purpose of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To see whether there is anything new, and how much.
    Look,
    /// To tell what a run would read.
    Plan,
    /// To see whether there is anything new, again and again. Of a folder with many names, each poll lists a part.
    Poll,
    /// To read what a poll found.
    ReadPolled,
    /// To read everything that is new.
    Read,
}

impl Purpose {
    /// Whether it is one of many that go on where the last one ended.
    #[must_use]
    pub fn goes_on(self) -> bool {
        matches!(self, Self::Poll | Self::ReadPolled)
    }

    #[must_use]
    pub fn reads(self) -> bool {
        matches!(self, Self::Read | Self::ReadPolled)
    }
}

/// A transaction that was open: what it commits is read later.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Blocking {
    /// Its process id in the source; one that was prepared has none.
    #[schema(example = 4711)]
    pub pid: Option<i32>,
    /// The name by which it was prepared, to be committed or rolled back later by anybody.
    pub gid: Option<String>,
    /// When it began, or was prepared.
    // Cursors that were kept before the field had this name are read as well.
    #[serde(serialize_with = "crate::time::exact", alias = "since")]
    pub began_at: Timestamp,
    /// How long ago that was when it was read.
    #[schema(example = 12.5)]
    pub age_seconds: f64,
}

/// One reading: the cursor's position after it, and what it covers.
#[derive(Debug, Clone)]
pub struct Reading {
    /// The cursor's position after it, before its events are known.
    pub position: Value,
    /// When it was read, by the source's clock.
    pub read_at: Timestamp,
    /// The time up to which it holds every committed change.
    pub covered_until: Timestamp,
    /// The oldest transaction that was open, which holds the reading back.
    pub blocked_by: Option<Blocking>,
    /// The time of the deletes that a key comparison finds.
    pub deleted_at: Timestamp,
    /// Whether another reading follows at once, because this one takes only a part.
    pub is_partial: bool,
    /// Whether rows that are older than the audit log are read with it.
    pub has_backfills: bool,
    /// The tables whose keys are compared with those of the current rows and of batches that landed since.
    pub compared: Vec<String>,
}

impl Reading {
    /// The transaction that holds the reading back, as the state database keeps it.
    #[must_use]
    pub fn blocked(&self) -> Option<Value> {
        serde_json::to_value(self.blocked_by.as_ref()?).ok()
    }
}
