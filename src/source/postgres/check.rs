//! What the check of a source finds on its server: transactions that hold freshness back, and columns without an index.

use super::row::value;
use super::server::OpenTransaction;
use super::session::Session;
use crate::error::Result;
use crate::source::finding::Finding;
use crate::sql::statement;

/// A transaction that is open for this many minutes is a finding.
const LONG_MINUTES: i64 = 10;

/// A column by which the rows of a table are looked up.
pub(in crate::source) struct LookupColumn {
    pub(in crate::source) has_index: bool,
    pub(in crate::source) is_not_null: bool,
}

impl LookupColumn {
    /// Asks the catalogue for a column of the table with the oid `table`.
    pub(in crate::source) async fn of(
        session: &Session<'_>,
        table: u32,
        column: &str,
    ) -> Result<Self> {
        let row = session
            .query_one(statement!("source/check_table.sql"), &[&table, &column])
            .await?;

        Ok(Self {
            has_index: value(&row, "has_index")?,
            is_not_null: value(&row, "is_not_null")?,
        })
    }
}

/// Finds what hides the freshness or holds it back. `holder` is the transaction that may hold it back.
pub(in crate::source) fn check_transactions(
    session: &Session<'_>,
    holder: Option<OpenTransaction>,
) -> Vec<Finding> {
    let server = &session.server;
    let sees_all = if server.sees_all {
        Finding::pass(
            "sees_transactions",
            "the user may see when other sessions began their transactions",
        )
    } else {
        Finding::warn(
            "sees_transactions",
            "the user may not see when other sessions began their transactions, so nobody can tell freshness and floors",
            "grant pg_read_all_stats to the user of the connection",
        )
    };
    let prepared = match &server.prepared {
        Some(prepared) => Finding::warn(
            "prepared_transactions",
            format!(
                "transaction `{}` was prepared at {}, and does not tell when it began; freshness does not move until it ends",
                prepared.gid, prepared.prepared_at
            ),
            "commit it or roll it back; `pg_prepared_xacts` shows it",
        ),
        None => Finding::pass("prepared_transactions", "there is no prepared transaction"),
    };
    let long = match holder {
        Some(OpenTransaction { pid, since })
            if server.now.duration_since(since).as_mins() >= LONG_MINUTES =>
        {
            Finding::warn(
                "long_transactions",
                format!(
                    "the transaction of process {pid} is open since {since}; freshness does not pass that time"
                ),
                "end it, or find out why it is left open",
            )
        }
        _ => Finding::pass(
            "long_transactions",
            "no transaction that holds freshness back is open for ten minutes",
        ),
    };

    vec![sees_all, prepared, long]
}
