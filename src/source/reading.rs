//! One reading of a source: what it is to have, and where the cursor stands after it.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::files::FoundFile;
use super::server::Server;

/// What a snapshot is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To see whether there is anything new, and how much.
    Look,
    /// To read it.
    Read,
}

/// A transaction that was open, so that what it commits is read later.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Blocking {
    /// Its process id in the source; one that was prepared has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 4711)]
    pub pid: Option<i32>,
    /// The name by which it was prepared, to be committed or rolled back later by anybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gid: Option<String>,
    /// When it began, or was prepared.
    pub since: Timestamp,
    /// How long ago that was when it was read.
    #[schema(example = 12.5)]
    pub age_seconds: f64,
}

impl Blocking {
    /// The transaction that was prepared first, or the one that a process has `open` since some time: the older; none where nobody knows of one.
    pub(super) fn of(
        server: &Server,
        open: Option<(i32, Timestamp)>,
        now: Timestamp,
    ) -> Option<Self> {
        let prepared = server.prepared.clone();
        let (pid, gid, since) = match (prepared, open) {
            (Some((_, prepared)), Some((pid, since))) if since < prepared => {
                (Some(pid), None, since)
            }
            (Some((gid, since)), _) => (None, Some(gid), since),
            (None, Some((pid, since))) => (Some(pid), None, since),
            (None, None) => return None,
        };

        Some(Self {
            pid,
            gid,
            since,
            age_seconds: now.duration_since(since).as_secs_f64(),
        })
    }
}

/// One reading: the cursor's position after it, and what it covers.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Where the cursor stands after it.
    pub position: Value,
    /// When it was read, by the source's clock.
    pub read_at: Timestamp,
    /// The time up to which it holds every committed change.
    pub covered_until: Timestamp,
    /// The oldest transaction that was open, which holds the reading back.
    pub blocked_by: Option<Blocking>,
    /// What each statement that reads it may name.
    pub(super) queries: Vec<Value>,
    /// The files to be read.
    pub(super) files: Vec<FoundFile>,
    /// When a row that is missing went, as far as that is known.
    pub deleted_at: Timestamp,
    /// Whether there was a reading before.
    pub(super) is_continued: bool,
    /// Whether another reading is to follow at once: this one is a part of what there is.
    pub(super) is_partial: bool,
    /// The tables whose rows from before the log are read, too.
    pub(super) loads: Vec<String>,
    /// The tables of which all keys are read, too.
    pub(super) compared: Vec<String>,
}

impl Reading {
    /// The transaction that holds the reading back, as it is remembered.
    #[must_use]
    pub fn blocked(&self) -> Option<Value> {
        serde_json::to_value(self.blocked_by.as_ref()?).ok()
    }

    /// Whether rows from before a log are to be read.
    #[must_use]
    pub fn has_loads(&self) -> bool {
        !self.loads.is_empty()
    }

    /// Whether another reading is to follow at once: this one is a part of what there is.
    #[must_use]
    pub fn is_partial(&self) -> bool {
        self.is_partial
    }

    /// The tables of which all keys are to be compared with those of the current rows and of what landed since.
    pub fn compared(&self) -> impl Iterator<Item = &str> {
        self.compared.iter().map(String::as_str)
    }
}
