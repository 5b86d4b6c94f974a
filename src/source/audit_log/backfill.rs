//! The backfill: rows that are older than the audit log, read from the table itself; once, and again when a resync asks for it.

use jiff::Timestamp;
use serde::Serialize;

use super::backfill_table::BackfillTable;
use super::log::AuditLog;
use super::position::LogPosition;
use super::unread::LogColumns;
use crate::error::{Error, Result};
use crate::source::intake::Intake;
use crate::source::postgres::{CopyStatement, column_of, columns, dotted, quoted, value};
use crate::sql::statement;

/// What `source/backfill.sql` names besides the columns of a row.
#[derive(Serialize)]
struct BackfillQuery<'a> {
    table: [&'a str; 2],
    schema: &'a str,
    name: &'a str,
    log: [&'a str; 2],
    columns: LogColumns<'a>,
    key: &'a [String],
    /// Whether the log may have events of the table.
    has_events: bool,
    /// The time of the rows.
    at: Timestamp,
}

/// What the log has of a table.
pub(super) struct Logged {
    /// Whether it may have events of the table.
    pub(super) has_events: bool,
    /// The time of the first one in the reading.
    pub(super) first_time: Option<Timestamp>,
}

impl<'a> AuditLog<'a> {
    /// Reads the rows that are older than the log, of the tables that the reading names; after its events.
    pub(super) async fn read_backfills(&self, first: i64, intake: &mut Intake<'_>) -> Result<()> {
        let plan = self.plan()?;
        let mut id = first;
        for name in plan.backfills.iter().map(BackfillTable::name) {
            // Ask again in the snapshot, which may have other columns.
            let Some(backfill) = self.backfill_table(name).await? else {
                continue;
            };
            let logged = intake.tally.of(&backfill.table.source);
            let logged = Logged {
                has_events: plan.is_continued || logged.is_some(),
                first_time: logged.and_then(|logged| logged.first_time),
            };
            let copy = self.backfill_copy(&backfill, &logged).await?;
            self.session.copy(&copy, Some(&mut id), intake).await?;
        }

        Ok(())
    }

    /// The statement that reads the rows of a table that are older than the log.
    pub(super) async fn backfill_copy(
        &self,
        backfill: &BackfillTable<'_>,
        logged: &Logged,
    ) -> Result<CopyStatement> {
        let plan = self.plan()?;
        let source = &backfill.table.source;
        // The rows of a backfill are no newer than the log's first event. Rows of a resync must come after those of the
        // reading before, so they get the time of the snapshot.
        let is_reread = plan.compared.contains(backfill.name());
        let at = logged.first_time.filter(|_| !is_reread);
        let query = BackfillQuery {
            table: dotted(source),
            schema: &source.schema,
            name: &source.name,
            log: dotted(self.table),
            columns: LogColumns::of(self.columns),
            key: &backfill.key,
            has_events: logged.has_events,
            at: at.unwrap_or(plan.covered_until).min(plan.covered_until),
        };
        let columns = columns(&self.session, source).await?;

        CopyStatement::of_rows("source/backfill.sql", &query, columns)
    }

    /// The key columns of a table, by their names in the source; empty if its rows cannot be read.
    pub(super) async fn key_of(&self, table: &str) -> Result<Vec<String>> {
        let backfill = self.backfill_table(table).await?;

        Ok(backfill.map_or_else(Vec::new, |backfill| backfill.key))
    }

    /// Reads all keys of a table.
    pub(super) async fn read_keys_of(&self, table: &str, intake: &mut Intake<'_>) -> Result<()> {
        let Some(backfill) = self.backfill_table(table).await? else {
            return Ok(());
        };

        self.session.copy_keys(&backfill.keys(), intake).await
    }

    /// Fails if the service cannot read the table's rows.
    ///
    /// # Errors
    ///
    /// [`Error::SourceUnreadable`], and the faults of the server.
    pub(super) async fn check_backfill(&self, table: &str) -> Result<()> {
        if self.backfill_table(table).await?.is_some() {
            return Ok(());
        }

        Err(Error::SourceUnreadable {
            detail: format!(
                "the rows of `{table}` cannot be read: the user of the connection may not read its table, the table lacks its key, or the log's rows are not of type json; grant `select`, or correct the definition"
            ),
        })
    }

    /// The tables that need a backfill: those that never had one, and those of a resync.
    pub(super) async fn due_backfills(
        &self,
        last: Option<&LogPosition>,
    ) -> Result<Vec<BackfillTable<'a>>> {
        let mut due = Vec::new();
        if !self.catalogue.is_json {
            return Ok(due);
        }
        for name in self.tables.keys() {
            let is_due = last
                .is_none_or(|last| !last.backfilled.contains(name) || last.reread.contains(name));
            if is_due {
                due.extend(self.backfill_table(name).await?);
            }
        }

        Ok(due)
    }

    /// The table, if the service can read its rows; `None` if not.
    pub(super) async fn backfill_table(&self, name: &str) -> Result<Option<BackfillTable<'a>>> {
        let Some(table) = self.tables.get(name) else {
            return Ok(None);
        };
        let row = self
            .session
            .query_opt(
                statement!("source/backfill_table.sql"),
                &[&quoted(&table.source)],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        let columns: Vec<String> = value(&row, "columns")?;
        let key: Vec<String> = table
            .key_fields()
            .iter()
            .filter_map(|field| column_of(field, columns.iter()).cloned())
            .collect();
        if value(&row, "may_read")? && self.catalogue.is_json && key.len() == table.key.len() {
            return Ok(Some(BackfillTable { table, key }));
        }
        // Only a debug log, because every poll comes here. The check of the source reports it.
        tracing::debug!(
            table = table.from,
            "rows from before the log are not read: the user may not read the table, it lacks its key, or the log's rows are not of type json"
        );

        Ok(None)
    }
}
