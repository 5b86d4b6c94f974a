//! The step `retain.rejects`: old rejects are dismissed, if the settings limit their age.

use super::cutoffs::Maintenance;
use crate::error::Result;
use crate::publish::Publisher;
use crate::run::counts::Counts;
use crate::run::failure::StepEnd;
use crate::run::step;
use crate::run::tasks::dismiss::expire_rejects;

pub(super) async fn maintain(maintenance: &Maintenance<'_>) -> Option<StepEnd> {
    let kept = maintenance.attempt.app.config.retention.rejects?;
    let before = maintenance.before(kept);
    let expire = async |publisher: Publisher<'_>| -> Result<Counts> {
        let attempt = maintenance.attempt;
        let mut expired = 0;
        for table in attempt.definition.tables.values() {
            expired +=
                expire_rejects(attempt, table, before, maintenance.dry_run, publisher).await?;
        }

        Ok(Counts::from([("rejects_expired", expired)]))
    };

    Some(step::run(maintenance.attempt, "retain.rejects", expire).await)
}
