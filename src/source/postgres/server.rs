//! What a source server says of itself and its open transactions. The service asks before it takes a snapshot.

use jiff::Timestamp;
use tokio_postgres::Row;

use super::position::ServerIdentity;
use super::row::value;
use crate::error::Result;
use crate::source::reading::Blocking;

/// What the server said before a snapshot was taken.
pub(in crate::source) struct SourceServer {
    pub(in crate::source) now: Timestamp,
    pub(in crate::source) identity: ServerIdentity,
    pub(in crate::source) in_recovery: bool,
    /// Whether the user may see the transactions of others.
    pub(in crate::source) sees_all: bool,
    /// The begin of the oldest transaction that has written; on a standby no later than what it has replayed.
    pub(in crate::source) writing_since: Option<Timestamp>,
    writing_pid: Option<i32>,
    /// The begin of the oldest transaction that is open, whether it has written or not; on a standby as `writing_since`.
    open_since: Option<Timestamp>,
    open_pid: Option<i32>,
    /// The transaction that was prepared first.
    pub(in crate::source) prepared: Option<PreparedTransaction>,
}

/// A transaction of a session.
#[derive(Debug, Clone, Copy)]
pub(in crate::source) struct OpenTransaction {
    pub(in crate::source) pid: i32,
    pub(in crate::source) since: Timestamp,
}

/// A prepared transaction. Its begin is unknown.
pub(in crate::source) struct PreparedTransaction {
    pub(in crate::source) gid: String,
    pub(in crate::source) prepared_at: Timestamp,
}

impl SourceServer {
    /// Decodes the row of `source/server.sql`.
    pub(super) fn of(row: &Row) -> Result<Self> {
        let gid: Option<String> = value(row, "prepared_gid")?;
        let prepared_at: Option<Timestamp> = value(row, "prepared_at")?;
        let prepared = gid.zip(prepared_at);

        Ok(Self {
            now: value(row, "now")?,
            identity: ServerIdentity {
                system_identifier: value(row, "system_identifier")?,
                timeline: value(row, "timeline")?,
            },
            in_recovery: value(row, "in_recovery")?,
            sees_all: value(row, "sees_all")?,
            writing_since: value(row, "writing_since")?,
            writing_pid: value(row, "writing_pid")?,
            open_since: value(row, "open_since")?,
            open_pid: value(row, "open_pid")?,
            prepared: prepared.map(|(gid, prepared_at)| PreparedTransaction { gid, prepared_at }),
        })
    }

    /// The oldest transaction that has written, if its session can be seen.
    pub(in crate::source) fn oldest_writing(&self) -> Option<OpenTransaction> {
        let (pid, since) = self.writing_pid.zip(self.writing_since)?;

        Some(OpenTransaction { pid, since })
    }

    /// The oldest transaction that is open, if its session can be seen.
    pub(in crate::source) fn oldest_open(&self) -> Option<OpenTransaction> {
        let (pid, since) = self.open_pid.zip(self.open_since)?;

        Some(OpenTransaction { pid, since })
    }

    /// The begin of the oldest open transaction: no later commit can have an earlier `now()`.
    pub(in crate::source) fn complete_until(&self) -> Timestamp {
        self.open_since.map_or(self.now, |open| open.min(self.now))
    }

    /// The transaction that holds a reading back: the older of `open` and the first prepared one. `at` is when the
    /// reading was taken.
    pub(in crate::source) fn blocked_by(
        &self,
        open: Option<OpenTransaction>,
        at: Timestamp,
    ) -> Option<Blocking> {
        let age_seconds = |since| at.duration_since(since).as_secs_f64();
        let blocking = |open: OpenTransaction| Blocking {
            pid: Some(open.pid),
            gid: None,
            began_at: open.since,
            age_seconds: age_seconds(open.since),
        };
        let Some(prepared) = &self.prepared else {
            return open.map(blocking);
        };
        let older = open.filter(|open| open.since < prepared.prepared_at);

        Some(older.map_or_else(
            || Blocking {
                pid: None,
                gid: Some(prepared.gid.clone()),
                began_at: prepared.prepared_at,
                age_seconds: age_seconds(prepared.prepared_at),
            },
            blocking,
        ))
    }
}
