//! A table that others have locked: who they are, so that somebody can end it.

use jiff::Timestamp;
use tokio_postgres::error::SqlState;

use super::session::Session;
use crate::error::Error;
use crate::pipeline::SourceTable;
use crate::state::statement;

impl Session<'_> {
    /// A fault of a statement that wants tables, by schema and name: where the wait was too long, the error says who has the lock.
    pub(super) async fn not_locked(
        &self,
        tables: &[&SourceTable],
        cause: tokio_postgres::Error,
    ) -> Error {
        if cause.code() != Some(&SqlState::LOCK_NOT_AVAILABLE) {
            return self.refused(cause);
        }
        let who = self.holder(tables).await.ok().flatten();
        let name = self.name;

        Error::TimedOut(format!(
            "tables of connection `{name}` were locked for longer than `connections.{name}.lock_timeout` allows: {}. Wait until that ends, or end it; the next run takes up where the last one ended",
            who.unwrap_or_else(|| "by whom can no longer be told".into())
        ))
    }

    async fn holder(
        &self,
        tables: &[&SourceTable],
    ) -> Result<Option<String>, tokio_postgres::Error> {
        let schemas: Vec<&str> = tables.iter().map(|table| table.schema.as_str()).collect();
        let names: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
        // Where there was a transaction, it is broken; its end is the same as its undoing.
        self.client
            .batch_execute(statement!("source/end.sql"))
            .await?;
        let row = self
            .client
            .query_opt(statement!("source/holders.sql"), &[&schemas, &names])
            .await?;

        Ok(row.map(|row| {
            let (table, pid): (String, Option<i32>) = (row.get(0), row.get(1));
            let (user, application): (Option<String>, Option<String>) = (row.get(3), row.get(4));
            let since: Option<Timestamp> = row.get(5);
            let Some(pid) = pid else {
                return format!("`{table}` by a prepared transaction, which `pg_prepared_xacts` shows");
            };
            let does = if row.get(2) {
                "has locked"
            } else {
                "waits, behind others, to lock"
            };
            let since = since.map_or_else(String::new, |since| format!(", in a transaction since {since}"));

            format!(
                "process {pid} (user `{}`, application `{}`{since}) {does} `{table}`, as `alter table` and `truncate` do",
                user.unwrap_or_default(),
                application.unwrap_or_default()
            )
        }))
    }
}
