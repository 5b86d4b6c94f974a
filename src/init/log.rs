//! The audit log of the pipeline, as it is in the source.

use super::fault::invalid;
use crate::error::Result;
use crate::pipeline::{AuditColumns, SourceTable};
use crate::source::Inventory;

/// An audit log, as it is in the source.
pub(super) struct Log {
    pub(super) name: SourceTable,
    /// No, if it is not there yet.
    pub(super) may_read: bool,
}

impl Log {
    /// Looks for the audit log. One that exists must have the columns that the triggers fill.
    pub(super) async fn find(name: SourceTable, inventory: &Inventory<'_>) -> Result<Self> {
        let columns = inventory.columns(&name).await?;
        let wanted = AuditColumns::default();
        let lacks = |wanted: &&str| columns.iter().all(|column| column.name != **wanted);
        if let Some(lacking) = wanted.names().iter().find(|wanted| lacks(wanted))
            && !columns.is_empty()
        {
            return Err(invalid(
                "audit_table",
                format!(
                    "`{name}` exists, but has no column `{lacking}`; name another audit log by `--audit-table`, or write the pipeline by hand and name its columns in `source.columns`"
                ),
            ));
        }
        let found = inventory.named(std::slice::from_ref(&name), 10).await?;
        let own = found.tables.iter().find(|table| table.name == name);

        Ok(Self {
            may_read: own.is_some_and(|table| table.may_read),
            name,
        })
    }
}
