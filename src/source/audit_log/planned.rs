//! The statements that would read an audit log.

use super::backfill::Logged;
use super::backfill_table::BackfillTable;
use super::log::AuditLog;
use crate::error::Result;
use crate::publish::Planned;
use crate::source::reading::Reading;

impl AuditLog<'_> {
    /// The statements of a reading: of its events, of rows that are older than the log, and of the keys that are compared.
    pub(super) async fn planned_reads(&self, reading: &Reading) -> Result<Vec<Planned>> {
        let plan = self.plan()?;
        let mut planned = vec![Planned::reading(self.events_sql()?)];
        for name in plan.backfills.iter().map(BackfillTable::name) {
            let Some(backfill) = self.backfill_table(name).await? else {
                continue;
            };
            let logged = Logged {
                has_events: true,
                first_time: None,
            };
            let copy = self.backfill_copy(&backfill, &logged).await?;
            let detail = format!(
                "the time of these rows is that of the first event of `{}` that is read; if the log has none of it yet, the log is not looked at",
                backfill.table.from
            );
            planned.push(Planned::reading(copy.sql).with_detail(Some(detail)));
        }
        for name in &reading.compared {
            if let Some(backfill) = self.backfill_table(name).await? {
                planned.push(Planned::reading(backfill.keys().sql()?));
            }
        }

        Ok(planned)
    }
}
