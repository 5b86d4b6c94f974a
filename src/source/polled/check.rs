//! What the check of polled tables finds: an index for the cursor column, a unique key.

use super::table::PolledTable;
use super::tables::PolledTables;
use crate::error::Result;
use crate::source::finding::Finding;
use crate::source::postgres::{LookupColumn, check_transactions};

impl PolledTables<'_> {
    /// Finds what the tables lack to be read exactly and cheaply.
    pub(super) async fn findings(&self) -> Result<Vec<Finding>> {
        let server = &self.session.server;
        let mut findings = check_transactions(&self.session, server.oldest_open());
        if server.in_recovery {
            findings.push(Finding::error(
                "primary",
                "the server is a standby, which does not tell which transactions are open on its primary; rows that commit late may be skipped",
                "point the connection to the primary",
            ));
        }
        for table in &self.tables {
            let (oid, cursor) = (table.catalogue.oid, table.cursor_column.name);
            let lookup = LookupColumn::of(&self.session, oid, cursor).await?;
            findings.extend([
                table.check_index(&lookup),
                table.check_nulls(&lookup),
                table.check_key(),
            ]);
        }

        Ok(findings)
    }
}

impl PolledTable<'_> {
    fn check_index(&self, lookup: &LookupColumn) -> Finding {
        let (cursor, from) = (self.cursor_column.name, &self.table.from);
        if !self.cursor_column.is_time() {
            Finding::warn(
                "cursor_index",
                format!(
                    "`{cursor}` of `{from}` is a number, which does not tell what commits late, so each reading scans the table"
                ),
                "take a column of times that the database sets, if there is one",
            )
        } else if lookup.has_index {
            Finding::pass(
                "cursor_index",
                format!("`{cursor}` of `{from}` has an index"),
            )
        } else {
            Finding::warn(
                "cursor_index",
                format!("`{cursor}` of `{from}` has no index, so each reading scans the table"),
                format!("create an index on `{cursor}`, concurrently"),
            )
        }
    }

    fn check_nulls(&self, lookup: &LookupColumn) -> Finding {
        let (cursor, from) = (self.cursor_column.name, &self.table.from);
        if lookup.is_not_null {
            return Finding::pass(
                "cursor_not_null",
                format!("`{cursor}` of `{from}` is never null"),
            );
        }

        Finding::warn(
            "cursor_not_null",
            format!(
                "`{cursor}` of `{from}` may be null; then only the row's transaction tells that it changed"
            ),
            format!("make `{cursor}` not null"),
        )
    }

    fn check_key(&self) -> Finding {
        let (cursor, from) = (self.cursor_column.name, &self.table.from);
        if self.catalogue.is_unique {
            return Finding::pass("unique_key", format!("the key of `{from}` is unique"));
        }

        Finding::warn(
            "unique_key",
            format!(
                "several rows of `{from}` may have the same key; only the one with the highest `{cursor}` is read"
            ),
            format!("add a primary key or a unique constraint to {from}"),
        )
    }
}
