//! What an audit log lacks: its transactions, its ids, and the triggers that write it.

use super::{Finding, server};
use crate::error::Result;
use crate::pipeline::SourceTable;
use crate::source::audit_log::AuditLog;
use crate::source::catalogue::quoted;
use crate::state::statement;

/// Finds what an audit log lacks.
pub(super) async fn of(log: &AuditLog<'_>, tables: &[SourceTable]) -> Result<Vec<Finding>> {
    let session = &log.session;
    let found = &log.found;
    let mut findings = server::of(
        session,
        session.server.oldest_pid.zip(session.server.oldest_open),
    );
    let looked_up = found
        .transaction
        .as_deref()
        .unwrap_or(&log.columns.event_id);
    let row = session
        .client
        .query_one(
            statement!("source/check_table.sql"),
            &[&found.oid, &looked_up],
        )
        .await
        .map_err(|cause| session.refused(cause))?;
    let has_index: bool = row.get(0);
    findings.push(match &found.transaction {
        Some(column) if has_index => Finding::pass("transaction_column", format!("`{column}` tells which rows are new, and has an index")),
        Some(column) => Finding::warn(
            "transaction_column",
            format!("`{column}` tells which rows are new, but has no index, so each reading scans the log"),
            format!("give `{column}` an index, made concurrently"),
        ),
        None => Finding::warn(
            "transaction_column",
            "no column of the log has the writer's transaction, so rows are read again from the oldest one that was open",
            "add a column of type xid8 with the default pg_current_xact_id(), and an index on it",
        ),
    });
    findings.push(match found.sequence_cache {
        Some(1) if found.sequence_value.is_none() => Finding::warn(
            "sequence",
            "the user may not see how far the sequence of ids is, so it cannot be told up to which id nothing new appears",
            "grant select on the sequence to the user of the connection",
        ),
        Some(1) => Finding::pass("sequence", "the sequence hands out ids one at a time, so they follow the writes of a row"),
        Some(_) if log.is_by_clock => Finding::pass("sequence", "ids do not follow the writes of a row, but `source.order_by: occurred_at` does not ask them to"),
        Some(cache) => Finding::error(
            "sequence",
            format!("the sequence of `{}` hands out {cache} ids at a time, so ids do not follow the writes of a row", log.columns.event_id),
            "set the cache of the sequence to 1, or, where a clock tells the time of an event when it is written, `source.order_by: occurred_at`",
        ),
        None => Finding::warn(
            "sequence",
            format!("`{}` has no sequence of its own; whoever writes it must see to it that ids follow the writes of a row", log.columns.event_id),
            "make it an identity column, or a bigserial",
        ),
    });
    if !found.is_json {
        findings.push(Finding::warn(
            "earlier_rows",
            format!("`{}` of the log is no `json` or `jsonb`, so rows of its tables from before it are not loaded", log.columns.data),
            "make it `jsonb`, or have the rows logged by touching them",
        ));
    }
    for table in tables {
        findings.push(of_triggers(log, table).await?);
    }

    Ok(findings)
}

async fn of_triggers(log: &AuditLog<'_>, table: &SourceTable) -> Result<Finding> {
    let session = &log.session;
    let short = &log.table.name;
    let row = session
        .client
        .query_one(
            statement!("source/check_triggers.sql"),
            &[&quoted(table), &short],
        )
        .await
        .map_err(|cause| session.refused(cause))?;
    let (writer, earlier): (Option<String>, Option<String>) = (row.get(0), row.get(1));

    Ok(match (writer, earlier) {
        (None, _) => Finding::warn(
            "first_trigger",
            format!(
                "no trigger on `{table}` writes `{short}` in its own words, so it cannot be told whether its events come in the order of the writes"
            ),
            format!("icefront audit-trigger --table {table} prints one that does"),
        ),
        (Some(writer), Some(earlier)) => Finding::error(
            "first_trigger",
            format!(
                "on `{table}` the trigger `{earlier}` fires before `{writer}`, which writes the log; what it changes in the same row is logged too early"
            ),
            "rename the log's trigger, so that its name sorts first",
        ),
        (Some(writer), None) => Finding::pass(
            "first_trigger",
            format!("on `{table}` the trigger `{writer}` writes the log before any other fires"),
        ),
    })
}
