//! Rows that are older than their log: read from the table itself, once, and again when that is asked for.

use serde_json::json;

use super::Reading;
use super::audit_log::AuditLog;
use super::catalogue::quoted;
use super::cursor::Position;
use super::row::Copy;
use super::tally::Tally;
use crate::error::{Error, Result};
use crate::landing::Writer;
use crate::pipeline::{SourceTable, Table};
use crate::sql::render;
use crate::state::statement;

/// A table whose rows may be older than the log.
pub(super) struct Load<'a> {
    pub(super) name: &'a str,
    pub(super) table: &'a Table,
    /// The columns of the key as the source names them.
    key: Vec<String>,
}

impl<'a> AuditLog<'a> {
    /// Reads the rows that are older than the log, of the tables that the reading names; after its events.
    pub(super) async fn load(
        &self,
        reading: &Reading,
        first: i64,
        (tally, writer): (&mut Tally, &mut Writer<'_>),
    ) -> Result<()> {
        let mut id = first;
        for name in &reading.loads {
            let Some(load) = self.loadable(name).await? else {
                continue;
            };
            let source = &load.table.source;
            let logged = tally.of(source);
            // Before the first event of the log; where the rows are read again, after they were read before.
            let is_again = reading.compared().any(|name| name == load.name);
            let at = logged
                .and_then(|logged| logged.first_time)
                .filter(|_| !is_again);
            let columns = self.session.columns_of(source).await?;
            let copy = Copy::of_rows(
                "source/load.sql",
                json!({
                    "table": [source.schema, source.name],
                    "schema": source.schema,
                    "name": source.name,
                    "log": [self.table.schema, self.table.name],
                    "columns": {"schema": self.columns.schema, "table": self.columns.table, "data": self.columns.data},
                    "key": load.key,
                    "has_events": reading.is_continued || logged.is_some(),
                    "at": at.unwrap_or(reading.covered_until).min(reading.covered_until),
                }),
                columns,
            )?;
            self.session
                .copy(&copy, Some(&mut id), (&mut *tally, &mut *writer))
                .await?;
        }

        Ok(())
    }

    /// The columns of a table's key as the source names them; none where its rows cannot be read.
    pub(super) async fn key_of(&self, table: &str) -> Result<Vec<String>> {
        let load = self.loadable(table).await?;

        Ok(load.map_or_else(Vec::new, |load| load.key))
    }

    /// Reads all keys of a table.
    pub(super) async fn read_keys(&self, table: &str, writer: &mut Writer<'_>) -> Result<()> {
        let Some(load) = self.loadable(table).await? else {
            return Ok(());
        };
        let SourceTable { schema, name } = &load.table.source;
        let query = json!({"table": [schema, name], "schema": schema, "name": name, "key": load.key, "is_unique": true, "filter": null});
        let copy = Copy::of_json(render("source/read_keys.sql", query)?);

        self.session
            .copy(&copy, None, (&mut Tally::default(), writer))
            .await
    }

    /// Refuses a table whose rows cannot be read themselves.
    ///
    /// # Errors
    ///
    /// [`Error::SourceUnreadable`], and as [`AuditLog::begin`].
    pub(super) async fn check_loadable(&self, table: &str) -> Result<()> {
        if self.loadable(table).await?.is_some() {
            return Ok(());
        }

        Err(Error::SourceUnreadable {
            detail: format!(
                "the rows of `{table}` cannot be read: the user of the connection may not read its table, that lacks its key, or the log's rows are not of type json; grant `select`, or mend the definition"
            ),
        })
    }

    /// The tables whose rows are to be read themselves: those that may be older than the log and could not be read before, and those that
    /// are read again.
    pub(super) async fn loads(&self, last: Option<&Position>) -> Result<Vec<Load<'a>>> {
        let mut loads = Vec::new();
        if !self.found.is_json {
            return Ok(loads);
        }
        for (name, _) in &self.tables {
            let is_due =
                last.is_none_or(|last| !last.loaded.contains(*name) || last.again.contains(*name));
            if !is_due {
                continue;
            }
            loads.extend(self.loadable(name).await?);
        }

        Ok(loads)
    }

    /// A table whose rows can be read themselves; none where they cannot.
    async fn loadable(&self, name: &str) -> Result<Option<Load<'a>>> {
        let found = self.tables.iter().find(|(known, _)| *known == name);
        let Some((name, table)) = found else {
            return Ok(None);
        };
        let row = self
            .session
            .client
            .query_opt(statement!("source/loadable.sql"), &[&quoted(&table.source)])
            .await
            .map_err(|cause| self.session.refused(cause))?;
        let Some(row) = row else { return Ok(None) };
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
            return Ok(Some(Load { name, table, key }));
        }
        // The check of the source tells it; this is asked at every look.
        tracing::debug!(
            table = table.from,
            "rows from before the log are not loaded: the user may not read the table, it lacks its key, or the log's rows are not of type json"
        );

        Ok(None)
    }
}
