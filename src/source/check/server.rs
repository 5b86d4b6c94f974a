//! What a server tells of other sessions, and what they hold up.

use jiff::Timestamp;

use super::Finding;
use crate::source::session::Session;

/// Finds what keeps freshness from being told, or from moving; `holder` is the session that may hold it back, and since when.
pub(super) fn of(session: &Session<'_>, holder: Option<(i32, Timestamp)>) -> Vec<Finding> {
    let server = &session.server;
    let mut findings = Vec::new();
    findings.push(if server.sees_all {
        Finding::pass("sees_transactions", "the user may see when other sessions began their transactions")
    } else {
        Finding::warn(
            "sees_transactions",
            "the user may not see when other sessions began their transactions, so freshness and floors cannot be told",
            "grant pg_read_all_stats to the user of the connection",
        )
    });
    findings.push(if let Some((gid, since)) = &server.prepared {
        Finding::warn(
            "prepared_transactions",
            format!("transaction `{gid}` was prepared at {since}, and does not tell when it began; until it ends, freshness stays where it is"),
            "commit it or roll it back; `pg_prepared_xacts` shows it",
        )
    } else {
        Finding::pass("prepared_transactions", "there is no prepared transaction")
    });
    findings.push(match holder {
        Some((pid, since)) if server.now.duration_since(since).as_mins() >= 10 => Finding::warn(
            "long_transactions",
            format!("the transaction of process {pid} is open since {since}; freshness does not pass that time"),
            "end it, or find out why it is left open",
        ),
        _ => Finding::pass("long_transactions", "no transaction that holds freshness back is open for ten minutes"),
    });

    findings
}
