//! How far cursors can be trusted, and why.

use super::audit_log::AuditLog;
use super::cursor::Safety;
use super::polled_tables::PolledTables;

impl PolledTables<'_> {
    /// How far the cursors can be trusted, and why.
    pub(super) fn safety(&self) -> (Safety, String) {
        let server = &self.session.server;
        if server.in_recovery {
            return (
                Safety::Unsafe,
                "a standby does not tell which transactions are open on its primary, so a row that commits late may be skipped; read from the primary".into(),
            );
        }
        if !server.sees_all {
            return (
                Safety::Overlap,
                "the user may not see when other sessions began their transactions, so rows of long ones may be skipped; `grant pg_read_all_stats` to it".into(),
            );
        }
        let numbered = self.found.iter().find(|found| !found.is_time());
        if let Some(found) = numbered {
            return (
                Safety::Overlap,
                format!(
                    "`{}` of `{}` is no time, so what commits late is found only as far as its transaction was open at the last read",
                    found.cursor, found.table.from
                ),
            );
        }
        let overlapping = self
            .found
            .iter()
            .find(|found| !found.table.overlap.is_zero());
        match overlapping {
            Some(found) => (
                Safety::Overlap,
                format!(
                    "rows of `{}` are read again from {} s before the last read on; where the database itself sets `{}` (`default now()` and a trigger), `overlap: 0s` is proven",
                    found.table.from,
                    found.table.overlap.as_secs(),
                    found.cursor
                ),
            ),
            None => (
                Safety::Proven,
                "rows are read up to the begin of the oldest transaction that was open, and from there again".into(),
            ),
        }
    }
}

impl AuditLog<'_> {
    /// How far the cursor can be trusted, and why.
    #[must_use]
    pub(super) fn safety(&self) -> (Safety, String) {
        if let Some(detail) = self.disorder() {
            return (Safety::Unsafe, detail);
        }
        let reason = match (&self.found.transaction, self.session.server.in_recovery) {
            (Some(column), false) => format!(
                "the cursor is a whole snapshot; `{column}` tells which rows it did not have"
            ),
            (Some(column), true) => format!(
                "a standby: rows are read again from the oldest transaction of the last snapshot on, by `{column}`; repeats are dropped by id"
            ),
            (None, _) => "rows are read again from the oldest transaction of the last snapshot on, by their xmin; repeats are dropped by id. A column of type xid8 with the default pg_current_xact_id() and an index would spare the scan".into(),
        };

        (Safety::Proven, reason)
    }

    /// Why the order of the events cannot be told; none where it can.
    pub(super) fn disorder(&self) -> Option<String> {
        let cache = self.found.sequence_cache.filter(|cache| *cache > 1)?;

        (!self.is_by_clock).then(|| {
            format!(
                "the sequence of `{0}` hands out {cache} ids at a time, so ids do not follow the writes of a row; set its cache to 1, or, where `{1}` is told by a clock when an event is written, `source.order_by: occurred_at`",
                self.columns.event_id, self.columns.occurred_at
            )
        })
    }
}
