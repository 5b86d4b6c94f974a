//! The id from which on an audit log is read, and the time up to which everything has been read.

use jiff::Timestamp;

use super::log::AuditLog;
use super::position::{LogPosition, PendingFloor};

/// The floor that the next reading may use, and what follows it.
pub(super) struct Floors {
    pub(super) floor: Option<i64>,
    pub(super) pending: Option<PendingFloor>,
}

impl AuditLog<'_> {
    /// The floors after the position `last`. A pending floor becomes the floor when all transactions open at that time
    /// have ended.
    pub(super) fn floors(&self, last: Option<&LogPosition>) -> Floors {
        let server = &self.session.server;
        let is_known = self.catalogue.sequence_cache == Some(1)
            && server.sees_all
            && !server.in_recovery
            && server.prepared.is_none();
        let pending = last.and_then(|last| last.pending_floor);
        match pending {
            Some(pending) if is_known && pending.read_at < server.complete_until() => Floors {
                floor: Some(pending.highest),
                pending: None,
            },
            pending => Floors {
                floor: last.and_then(|last| last.floor),
                pending,
            },
        }
    }

    /// The snapshot has every commit from before the oldest writing transaction began. The begin of a prepared
    /// transaction is unknown, so the time stays while there is one.
    pub(super) fn covered_until(&self, before: Option<Timestamp>) -> Timestamp {
        let server = &self.session.server;
        let complete = server
            .writing_since
            .map_or(server.now, |since| since.min(server.now));
        match before {
            Some(before) if server.prepared.is_some() => before.min(complete),
            Some(before) => before.max(complete),
            None => complete,
        }
    }
}
