//! One reading of an audit log: its snapshot, its events, and how many wait.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::backfill_table::BackfillTable;
use super::log::{AuditLog, LogPlan};
use super::position::{LogPosition, UnreadRule};
use super::unread::UnreadEvents;
use crate::error::{Error, Result};
use crate::source::intake::Intake;
use crate::source::postgres::{CopyStatement, Snapshot, remembered, value};
use crate::source::reading::Reading;
use crate::sql::render;

/// The context of `source/backlog.sql`.
#[derive(Serialize)]
struct Backlog<'q> {
    #[serde(flatten)]
    events: &'q UnreadEvents<'q>,
    limit: i64,
}

impl AuditLog<'_> {
    /// Begins the snapshot that everything after `last` is read in. Without `last`, the reading takes everything.
    pub(super) async fn begin_reading(
        &mut self,
        last: Option<&Value>,
        covered_before: Option<Timestamp>,
    ) -> Result<Reading> {
        let connection = self.session.connection;
        let last: Option<LogPosition> = remembered(last, connection.pipeline)?;
        let last = last.as_ref();
        if let Some(detail) = self.disorder() {
            return Err(Error::SourceUnreadable { detail });
        }
        let backfills = self.due_backfills(last).await?;
        let mut tables = vec![self.table];
        tables.extend(backfills.iter().map(|backfill| &backfill.table.source));
        let snapshot = self.session.begin(&tables).await?;
        let position = self.position(last, &backfills, &snapshot);
        if let Some(last) = last {
            last.check_same(&position, connection.name)?;
        }
        let plan = LogPlan {
            events: UnreadEvents::after(
                last,
                self.table,
                self.columns,
                &self.catalogue,
                self.tables,
                &snapshot,
            ),
            backfills,
            compared: last.map_or_else(BTreeSet::new, |last| {
                last.reread.union(&last.compared).cloned().collect()
            }),
            covered_until: self.covered_until(covered_before),
            is_continued: last.is_some(),
        };
        let reading = self.reading(&position, &plan, &snapshot)?;
        self.plan = Some(plan);

        Ok(reading)
    }

    /// The cursor's position after the reading.
    fn position(
        &self,
        last: Option<&LogPosition>,
        backfills: &[BackfillTable<'_>],
        snapshot: &Snapshot,
    ) -> LogPosition {
        let mut backfilled = last.map_or_else(BTreeSet::new, |last| last.backfilled.clone());
        backfilled.extend(backfills.iter().map(|backfill| backfill.name().to_owned()));
        // A sequence that was set back repeats ids, so the floors no longer hold.
        let highest = last.and_then(|last| last.highest);
        let known = last.filter(|_| self.catalogue.is_above(highest));
        let floors = self.floors(known);
        let server = &self.session.server;

        LogPosition {
            backfilled,
            reread: BTreeSet::new(),
            compared: BTreeSet::new(),
            restarted: last.map_or_else(BTreeSet::new, |last| last.untracked_restarts(self.tables)),
            floor: floors.floor,
            pending_floor: floors.pending,
            highest: known.and_then(|last| last.highest),
            rule: if self.catalogue.transaction.is_some() {
                UnreadRule::Transaction
            } else {
                UnreadRule::Xmin
            },
            server: server.identity.clone(),
            table_oid: self.catalogue.oid,
            in_recovery: server.in_recovery,
            snapshot: snapshot.text.clone(),
        }
    }

    fn reading(
        &self,
        position: &LogPosition,
        plan: &LogPlan<'_>,
        snapshot: &Snapshot,
    ) -> Result<Reading> {
        let server = &self.session.server;

        Ok(Reading {
            position: serde_json::to_value(position).map_err(Error::internal)?,
            read_at: snapshot.taken_at,
            covered_until: plan.covered_until,
            blocked_by: server.blocked_by(server.oldest_writing(), snapshot.taken_at),
            // Every event that is logged from now on has a later time.
            deleted_at: plan.covered_until,
            is_partial: false,
            has_backfills: !plan.backfills.is_empty(),
            compared: plan.compared.iter().cloned().collect(),
        })
    }

    /// Reads every event of the reading.
    pub(super) async fn read_events(&self, intake: &mut Intake<'_>) -> Result<()> {
        let copy = CopyStatement::of_json(self.events_sql()?);

        self.session.copy(&copy, None, intake).await
    }

    /// The statement that reads the events.
    pub(super) fn events_sql(&self) -> Result<String> {
        render("source/read.sql", &self.plan()?.events)
    }

    /// Counts the events of the reading, up to `limit` of them and no longer than `within`.
    pub(super) async fn count_unread(&self, limit: i64, within: Duration) -> Result<i64> {
        let backlog = Backlog {
            events: &self.plan()?.events,
            limit,
        };
        self.session.limit(within).await?;
        let row = self
            .session
            .query_one(&render("source/backlog.sql", backlog)?, &[])
            .await?;

        value(&row, "waiting")
    }
}
