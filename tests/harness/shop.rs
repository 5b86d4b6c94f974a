//! Rows that tests put into audit logs.

use tokio_postgres::Client;

use super::Service;

/// One statement, so that all rows belong to one transaction.
const LOG: &str = "
insert into audit_log_dml (audit_event_id, audit_operation, audit_timestamp, tbl_schema, tbl_name, raw_data)
select id, operation, timestamptz '1970-01-01 00:00:00+00' + occurred_at * interval '1 microsecond', 'public', table_name, data
from unnest($1::bigint[], $2::text[], $3::bigint[], $4::text[], $5::text[]) with ordinality
    as event (id, operation, occurred_at, table_name, data, place)
order by place
";

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

impl Service {
    /// Writes rows into the audit log, in one transaction.
    pub(crate) async fn log(&self, rows: &[AuditRow]) {
        let ids: Vec<_> = rows.iter().map(|row| row.id).collect();
        let operations: Vec<_> = rows.iter().map(|row| row.operation.as_deref()).collect();
        let times: Vec<_> = rows.iter().map(|row| row.occurred_at).collect();
        let tables: Vec<_> = rows.iter().map(|row| row.table.as_str()).collect();
        let data: Vec<_> = rows.iter().map(|row| row.data.as_deref()).collect();
        let written = self
            .shop
            .execute(LOG, &[&ids, &operations, &times, &tables, &data])
            .await;
        written.expect("rows");
    }

    /// Runs SQL in the source database.
    pub(crate) async fn write(&self, sql: &str) {
        self.shop
            .batch_execute(sql)
            .await
            .unwrap_or_else(|error| panic!("{error:?}\n{sql}"));
    }

    /// Another connection to the source database.
    pub(crate) async fn connect_to_source(&self) -> Client {
        self.servers.connect(&format!("{}_shop", self.name)).await
    }

    /// A connection to the state database.
    pub(crate) async fn connect_to_state(&self) -> Client {
        self.servers.connect(&format!("{}_state", self.name)).await
    }
}
