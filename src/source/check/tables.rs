//! What tables lack that are read themselves: an index for their cursor, a unique key.

use super::{Finding, server};
use crate::error::Result;
use crate::source::polled_tables::PolledTables;
use crate::state::statement;

/// Finds what tables lack.
pub(super) async fn of(tables: &PolledTables<'_>) -> Result<Vec<Finding>> {
    let session = &tables.session;
    let mut findings = server::of(
        session,
        session.server.begun_pid.zip(session.server.oldest_begun),
    );
    if session.server.in_recovery {
        findings.push(Finding::error(
            "primary",
            "the server is a standby, which does not tell which transactions are open on its primary; rows that commit late may be skipped",
            "point the connection to the primary",
        ));
    }
    for found in &tables.found {
        let from = &found.table.from;
        let row = session
            .client
            .query_one(
                statement!("source/check_table.sql"),
                &[&found.catalogue.oid, &found.cursor],
            )
            .await
            .map_err(|cause| session.refused(cause))?;
        findings.push(if !found.is_time() {
            Finding::warn(
                "cursor_index",
                format!("`{}` of `{from}` is a number, which does not tell what commits late, so each reading scans the table", found.cursor),
                "take a column of times that the database sets, if there is one",
            )
        } else if row.get(0) {
            Finding::pass(
                "cursor_index",
                format!("`{}` of `{from}` has an index", found.cursor),
            )
        } else {
            Finding::warn(
                "cursor_index",
                format!(
                    "`{}` of `{from}` has no index, so each reading scans the table",
                    found.cursor
                ),
                format!("give `{}` an index, made concurrently", found.cursor),
            )
        });
        findings.push(if row.get(1) {
            Finding::pass("cursor_not_null", format!("`{}` of `{from}` is never null", found.cursor))
        } else {
            Finding::warn(
                "cursor_not_null",
                format!("`{}` of `{from}` may be null; where it is, only the row's transaction tells that it changed", found.cursor),
                format!("make `{}` not null", found.cursor),
            )
        });
        findings.push(if found.catalogue.is_unique {
            Finding::pass("unique_key", format!("the key of `{from}` is unique"))
        } else {
            Finding::warn(
                "unique_key",
                format!("nothing keeps two rows of `{from}` from having the same key; of those the one with the highest `{}` is taken", found.cursor),
                format!("add a primary key or a unique constraint to {from}"),
            )
        });
    }

    Ok(findings)
}
