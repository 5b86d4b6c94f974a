//! How far the cursors of tables that tell when their rows were changed can be trusted.

use super::cursor::Safety;
use super::tables::Tables;

impl Tables<'_> {
    /// How far the cursors can be trusted, and why.
    pub(super) fn safety(&self) -> (Safety, String) {
        let server = &self.link.server;
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
        let numbered = self.tables.iter().find(|found| !found.is_time());
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
            .tables
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
