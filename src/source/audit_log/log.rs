//! An opened audit log: its session, its catalogue, and its reading.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::backfill_table::BackfillTable;
use super::catalogue::AuditCatalogue;
use super::unread::UnreadEvents;
use crate::error::{Error, Result};
use crate::pipeline::{AuditColumns, Definition, SourceTable, Table};
use crate::source::postgres::{PipelineConnection, Session, missing_column, missing_table};
use crate::source::safety::CursorSafety;

/// An audit log that was opened.
pub(in crate::source) struct AuditLog<'a> {
    pub(super) session: Session<'a>,
    pub(super) table: &'a SourceTable,
    pub(super) columns: &'a AuditColumns,
    pub(super) catalogue: AuditCatalogue,
    /// The tracked tables, by name.
    pub(super) tables: &'a BTreeMap<String, Table>,
    /// Whether times give the order of events, not ids.
    pub(super) is_by_clock: bool,
    /// What is read in the snapshot, once it has begun.
    pub(super) plan: Option<LogPlan<'a>>,
}

/// What one reading reads.
pub(super) struct LogPlan<'a> {
    pub(super) events: UnreadEvents<'a>,
    /// The tables whose rows that are older than the log are read, too.
    pub(super) backfills: Vec<BackfillTable<'a>>,
    /// The tables whose keys are compared.
    pub(super) compared: BTreeSet<String>,
    pub(super) covered_until: Timestamp,
    /// Whether there was a reading before.
    pub(super) is_continued: bool,
}

impl<'a> AuditLog<'a> {
    /// Connects and looks at server and table.
    ///
    /// # Errors
    ///
    /// [`Error::SourceUnavailable`], or [`Error::SourceUnreadable`] that says which table or column is missing.
    pub(in crate::source) async fn open(
        connection: PipelineConnection<'a>,
        table: &'a SourceTable,
        columns: &'a AuditColumns,
        definition: &'a Definition,
    ) -> Result<Self> {
        let session = Session::open(connection).await?;
        let catalogue = AuditCatalogue::of(&session, table, columns)
            .await?
            .ok_or_else(|| {
                missing_table(
                    connection.name,
                    table,
                    "make it by `icefront audit-trigger`, or correct `source.table`",
                )
            })?;
        let log = Self {
            session,
            table,
            columns,
            catalogue,
            tables: &definition.tables,
            is_by_clock: definition.source.is_by_clock(),
            plan: None,
        };
        log.check_columns()?;

        Ok(log)
    }

    /// What the reading reads.
    pub(super) fn plan(&self) -> Result<&LogPlan<'a>> {
        self.plan
            .as_ref()
            .ok_or_else(|| Error::internal("an audit log was read before its snapshot"))
    }

    /// How far the cursor can be trusted, and why.
    pub(super) fn cursor_safety(&self) -> CursorSafety {
        if let Some(detail) = self.disorder() {
            return CursorSafety::not_safe(detail);
        }

        CursorSafety::proven(match (&self.catalogue.transaction, self.session.server.in_recovery) {
            (Some(column), false) => format!(
                "the cursor is a whole snapshot; `{column}` tells which events the snapshot did not have"
            ),
            (Some(column), true) => format!(
                "the server is a standby: events are read again from the oldest transaction of the last snapshot on, by `{column}`; repeats are dropped by id"
            ),
            (None, _) => "events are read again from the oldest transaction of the last snapshot on, by their xmin; repeats are dropped by id. A column of type xid8 with the default pg_current_xact_id() and an index would spare the scan".into(),
        })
    }

    /// Why the order of the events is unknown; `None` if it is known.
    pub(super) fn disorder(&self) -> Option<String> {
        let cache = self.catalogue.sequence_cache.filter(|cache| *cache > 1)?;

        (!self.is_by_clock).then(|| {
            format!(
                "the sequence of `{0}` hands out {cache} ids at a time, so ids do not follow the writes of a row; set its cache to 1, or, if a clock tells `{1}` when an event is written, `source.order_by: occurred_at`",
                self.columns.event_id, self.columns.occurred_at
            )
        })
    }

    fn check_columns(&self) -> Result<()> {
        for name in self.columns.names() {
            if self.catalogue.columns.iter().all(|column| column != name) {
                return Err(missing_column(
                    self.table,
                    name,
                    "source.columns",
                    &self.catalogue.columns,
                ));
            }
        }

        Ok(())
    }
}
