//! What the check of an audit log finds: its transactions, its ids, and the triggers that write it.

use super::log::AuditLog;
use crate::error::Result;
use crate::pipeline::SourceTable;
use crate::source::finding::Finding;
use crate::source::postgres::{LookupColumn, check_transactions, quoted, value};
use crate::sql::statement;

impl AuditLog<'_> {
    /// Finds what the log lacks to be read exactly and cheaply.
    pub(super) async fn findings(&self) -> Result<Vec<Finding>> {
        let server = &self.session.server;
        let mut findings = check_transactions(&self.session, server.oldest_writing());
        findings.push(self.check_transaction_column().await?);
        findings.push(self.check_sequence());
        if !self.catalogue.is_json {
            findings.push(Finding::warn(
                "earlier_rows",
                format!(
                    "`{}` of the log is no `json` or `jsonb`, so rows that are older than the log are not read",
                    self.columns.data
                ),
                "make it `jsonb`, or have the rows logged by touching them",
            ));
        }
        for table in self.tables.values() {
            findings.push(self.check_triggers(&table.source).await?);
        }

        Ok(findings)
    }

    async fn check_transaction_column(&self) -> Result<Finding> {
        let transaction = self.catalogue.transaction.as_ref();
        let looked_up = transaction.unwrap_or(&self.columns.event_id);
        let lookup = LookupColumn::of(&self.session, self.catalogue.oid, looked_up).await?;

        Ok(match transaction {
            Some(column) if lookup.has_index => Finding::pass(
                "transaction_column",
                format!("`{column}` tells which events are new, and has an index"),
            ),
            Some(column) => Finding::warn(
                "transaction_column",
                format!(
                    "`{column}` tells which events are new, but has no index, so each reading scans the log"
                ),
                format!("create an index on `{column}`, concurrently"),
            ),
            None => Finding::warn(
                "transaction_column",
                "no column of the log has the writer's transaction, so events are read again from the oldest transaction that was open",
                "add a column of type xid8 with the default pg_current_xact_id(), and an index on it",
            ),
        })
    }

    fn check_sequence(&self) -> Finding {
        let event_id = &self.columns.event_id;
        match self.catalogue.sequence_cache {
            Some(1) if self.catalogue.sequence_value.is_none() => Finding::warn(
                "sequence",
                "the user may not see how far the sequence of ids is, so nobody can tell up to which id no new event appears",
                "grant select on the sequence to the user of the connection",
            ),
            Some(1) => Finding::pass(
                "sequence",
                "the sequence hands out ids one at a time, so they follow the writes of a row",
            ),
            Some(_) if self.is_by_clock => Finding::pass(
                "sequence",
                "ids do not follow the writes of a row, but `source.order_by: occurred_at` does not need that",
            ),
            Some(cache) => Finding::error(
                "sequence",
                format!(
                    "the sequence of `{event_id}` hands out {cache} ids at a time, so ids do not follow the writes of a row"
                ),
                "set the cache of the sequence to 1, or, if a clock tells the time of an event when it is written, `source.order_by: occurred_at`",
            ),
            None => Finding::warn(
                "sequence",
                format!(
                    "`{event_id}` has no sequence of its own; the program that writes it must make ids follow the writes of a row"
                ),
                "make it an identity column, or a bigserial",
            ),
        }
    }

    async fn check_triggers(&self, table: &SourceTable) -> Result<Finding> {
        let log = &self.table.name;
        let row = self
            .session
            .query_one(
                statement!("source/check_triggers.sql"),
                &[&quoted(table), &log],
            )
            .await?;
        let writer: Option<String> = value(&row, "log_trigger")?;
        let earlier: Option<String> = value(&row, "earlier_trigger")?;

        Ok(match (writer, earlier) {
            (None, _) => Finding::warn(
                "first_trigger",
                format!(
                    "no trigger on `{table}` names `{log}` in its function, so nobody can tell whether its events come in the order of the writes"
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
                format!(
                    "on `{table}` the trigger `{writer}` writes the log before any other fires"
                ),
            ),
        })
    }
}
