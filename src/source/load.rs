//! Rows that are older than their log: read from the table itself, once.

use std::collections::BTreeSet;

use serde_json::json;

use super::Reading;
use super::audit_log::{AuditLog, split};
use super::tally::Tally;
use crate::error::Result;
use crate::landing::Writer;
use crate::pipeline::Table;
use crate::sql::{identifier, render};
use crate::state::statement;

/// Rows from before the log are numbered from here on: below every id that a sequence gives.
const LOADED_BELOW: i64 = i64::MIN;

/// A table whose rows may be older than the log.
pub(super) struct Load<'a> {
    pub(super) name: &'a str,
    pub(super) table: &'a Table,
    /// The columns of the key as the source names them.
    key: Vec<String>,
}

impl<'a> AuditLog<'a> {
    /// Reads the rows that are older than the log, of the tables that the reading names; after its events.
    ///
    /// # Errors
    ///
    /// As [`AuditLog::read`].
    pub(super) async fn load(
        &self,
        reading: &Reading,
        first: i64,
        (tally, writer): (&mut Tally, &mut Writer<'_>),
    ) -> Result<()> {
        // Below all ids of the log: whatever of these rows is logged later, or commits later, comes after them.
        if reading.loads.is_empty() {
            return Ok(());
        }
        let mut id = LOADED_BELOW + first;
        for load in self.loads(&BTreeSet::new()).await? {
            if !reading.loads.iter().any(|name| name == load.name) {
                continue;
            }
            let (schema, name) = load.table.origin();
            let logged = tally.of(schema, name);
            let at = logged.and_then(|logged| logged.first_time);
            let (log_schema, log) = split(self.table);
            let copy = render(
                "source/load.sql",
                json!({
                    "table": [schema, name],
                    "schema": schema,
                    "name": name,
                    "log": [log_schema, log],
                    "columns": {"schema": self.columns.schema, "table": self.columns.table, "data": self.columns.data},
                    "key": load.key,
                    "has_events": reading.is_continued || logged.is_some(),
                    "at": at.unwrap_or(reading.covered_until).min(reading.covered_until),
                }),
            )?;
            self.link
                .copy(&copy, Some(&mut id), (&mut *tally, &mut *writer))
                .await?;
        }

        Ok(())
    }

    /// The tables whose rows may be older than the log, and can be read.
    ///
    /// # Errors
    ///
    /// As [`AuditLog::begin`].
    pub(super) async fn loads(&self, loaded: &BTreeSet<String>) -> Result<Vec<Load<'a>>> {
        let mut loads = Vec::new();
        for (name, table) in &self.fresh {
            if loaded.contains(*name) {
                continue;
            }
            let (schema, short) = table.origin();
            let row = self
                .link
                .client
                .query_opt(
                    statement!("source/loadable.sql"),
                    &[&format!("{}.{}", identifier(schema), identifier(short))],
                )
                .await
                .map_err(|cause| self.link.refused(cause))?;
            let Some(row) = row else { continue };
            let columns: Vec<String> = row.get(1);
            let mut key = Vec::new();
            for field in table.key_fields() {
                let lower = field.to_lowercase();
                let found = columns.iter().find(|column| **column == field);
                key.extend(
                    found
                        .or_else(|| columns.iter().find(|column| column.to_lowercase() == lower))
                        .cloned(),
                );
            }
            if row.get(0) && self.found.is_json && key.len() == table.key.len() {
                loads.push(Load { name, table, key });
            } else {
                tracing::warn!(
                    table = table.from,
                    "rows from before the log are not loaded: the user may not read the table, it lacks its key, or the log's rows are not of type json"
                );
            }
        }

        Ok(loads)
    }
}
