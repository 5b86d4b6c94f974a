//! Rows that tests put into audit logs.

use tokio_postgres::Client;

/// An audit table that takes anything: no key, text for JSON.
pub(crate) const LOOSE_AUDIT_TABLE: &str = "
create table audit_log_dml (
  audit_event_id bigint,
  audit_operation text,
  audit_timestamp timestamptz,
  audit_transaction_id xid8 not null default pg_current_xact_id(),
  tbl_schema text,
  tbl_name text,
  raw_data text
);
create index on audit_log_dml (audit_transaction_id);
";

/// A row of an audit table.
#[derive(Debug, Clone, Default)]
pub(crate) struct AuditRow {
    pub(crate) id: Option<i64>,
    pub(crate) operation: Option<String>,
    /// Microseconds since 1970 UTC.
    pub(crate) occurred_at: Option<i64>,
    pub(crate) table: String,
    pub(crate) data: Option<String>,
}

/// Writes rows into the audit table, in one transaction.
pub(crate) async fn log(client: &mut Client, rows: &[AuditRow]) {
    let transaction = client.transaction().await.expect("a transaction");
    let insert = transaction
        .prepare(
            "insert into audit_log_dml (audit_event_id, audit_operation, audit_timestamp, tbl_schema, tbl_name, raw_data)
             values ($1, $2, timestamptz '1970-01-01 00:00:00+00' + $3::bigint * interval '1 microsecond', 'public', $4, $5)",
        )
        .await
        .expect("a statement");
    for row in rows {
        transaction
            .execute(
                &insert,
                &[
                    &row.id,
                    &row.operation,
                    &row.occurred_at,
                    &row.table,
                    &row.data,
                ],
            )
            .await
            .expect("a row");
    }
    transaction.commit().await.expect("a commit");
}
