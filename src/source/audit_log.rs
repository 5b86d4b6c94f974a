//! An audit log: a Postgres table of insert, update and delete events that triggers write.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::catalogue::{self, AuditTable};
use super::connections::Connections;
use super::cursor::{NextFloor, Position, Rule, remembered};
use super::row::Copy;
use super::session::Session;
use super::tally::Tally;
use super::{Blocking, Reading};
use crate::error::{Error, Result, nearest_name};
use crate::landing::Writer;
use crate::pipeline::{AuditColumns, Definition, SourceTable, Table};
use crate::sql::render;

/// An audit log that a connection was opened to.
pub(super) struct AuditLog<'a> {
    pub(super) session: Session<'a>,
    pipeline: &'a str,
    pub(super) table: &'a SourceTable,
    pub(super) columns: &'a AuditColumns,
    pub(super) found: AuditTable,
    /// The tracked tables, by name.
    pub(super) tables: Vec<(&'a str, &'a Table)>,
    /// Whether times tell the order of events, not ids.
    pub(super) is_by_clock: bool,
}

impl<'a> AuditLog<'a> {
    /// Connects and looks at server and table.
    ///
    /// # Errors
    ///
    /// [`Error::SourceUnavailable`], or [`Error::SourceUnreadable`] that says which table or column is missing.
    pub(super) async fn open(
        connection: &'a str,
        (table, columns): (&'a SourceTable, &'a AuditColumns),
        (definition, connections): (&'a Definition, &Connections),
    ) -> Result<Self> {
        let session = Session::open(connection, (connections, &definition.name)).await?;
        let found = match catalogue::audit_table(&session.client, table, columns).await {
            Ok(found) => found,
            Err(cause) => return Err(session.not_locked(&[table], cause).await),
        };
        let found = found.ok_or_else(|| Error::SourceUnreadable {
            detail: format!(
                "connection `{connection}` has no table `{table}` that its user may see; make it by `icefront audit-trigger`, or mend `source.table`"
            ),
        })?;
        let tables = definition.tables.iter();
        let log = Self {
            session,
            pipeline: &definition.name,
            table,
            columns,
            found,
            tables: tables.map(|(name, table)| (name.as_str(), table)).collect(),
            is_by_clock: definition.source.is_by_clock(),
        };
        log.check_columns()?;

        Ok(log)
    }

    /// Begins the snapshot that everything after `last` is read in; everything there is where `last` is none.
    pub(super) async fn begin(
        &self,
        last: Option<&Value>,
        covered_before: Option<Timestamp>,
    ) -> Result<Reading> {
        let last: Option<Position> = remembered(last, self.pipeline)?;
        if let Some(detail) = self.disorder() {
            return Err(Error::SourceUnreadable { detail });
        }
        let loads = self.loads(last.as_ref()).await?;
        let mut compared = BTreeSet::new();
        if let Some(last) = &last {
            compared.extend(last.again.union(&last.compared).cloned());
        }
        let loaded = last.as_ref().map(|last| last.loaded.clone());
        let mut loaded = loaded.unwrap_or_default();
        let mut tables = vec![self.table];
        tables.extend(loads.iter().map(|load| &load.table.source));
        let snapshot = self.session.begin(&tables).await?;
        loaded.extend(loads.iter().map(|load| load.name.to_owned()));
        let server = &self.session.server;
        // A sequence that was set back gives ids anew: what was known of them is none any more.
        let highest = last.as_ref().and_then(|last| last.highest);
        let known = last.as_ref().filter(|_| self.is_above(highest));
        let (floor, next_floor) = self.floors(known);
        let position = Position {
            loaded,
            again: BTreeSet::new(),
            compared: BTreeSet::new(),
            floor,
            next_floor,
            highest: known.and_then(|last| last.highest),
            snapshot: snapshot.text,
            rule: if self.found.transaction.is_some() {
                Rule::Transaction
            } else {
                Rule::Xmin
            },
            system_identifier: server.system_identifier.clone(),
            timeline: server.timeline,
            table_oid: self.found.oid,
            in_recovery: server.in_recovery,
        };
        if let Some(last) = &last {
            last.check_same(&position, self.session.name)?;
        }

        Ok(Reading {
            read_at: snapshot.taken_at,
            covered_until: self.covered_until(covered_before),
            blocked_by: Blocking::of(
                server,
                server.oldest_pid.zip(server.oldest_open),
                snapshot.taken_at,
            ),
            queries: vec![self.condition(last.as_ref(), snapshot.highest)],
            is_continued: last.is_some(),
            is_partial: false,
            loads: loads.iter().map(|load| load.name.to_owned()).collect(),
            files: Vec::new(),
            // All that may be logged from now on is later.
            deleted_at: self.covered_until(covered_before),
            compared: compared.into_iter().collect(),
            position: serde_json::to_value(&position).map_err(Error::internal)?,
        })
    }

    /// The position after a reading that was read to its end: with the highest id that it had.
    ///
    /// # Errors
    ///
    /// [`Error::Internal`] when the reading is another source's.
    pub(super) fn position_after(reading: &Reading, tally: &Tally) -> Result<Value> {
        let mut position: Position =
            serde_json::from_value(reading.position.clone()).map_err(Error::internal)?;
        let read = tally.tables.iter().filter_map(|(_, held)| held.last_event);
        position.highest = read.chain(position.highest).max();
        // Transactions are dated by the primary's clock, so only its reading can be.
        if !position.in_recovery {
            position.next_floor = position.next_floor.or_else(|| {
                Some(NextFloor {
                    highest: position.highest?,
                    read_at: reading.read_at,
                })
            });
        }

        serde_json::to_value(&position).map_err(Error::internal)
    }

    /// Whether the sequence is surely above a floor. One that was set back gives ids anew, which the floor would hide.
    fn is_above(&self, floor: Option<i64>) -> bool {
        floor.is_none_or(|floor| self.found.sequence_value.is_some_and(|last| last >= floor))
    }

    /// The floor that the next reading may use, and what follows it.
    fn floors(&self, last: Option<&Position>) -> (Option<i64>, Option<NextFloor>) {
        let server = &self.session.server;
        let is_known = self.found.sequence_cache == Some(1)
            && server.sees_all
            && !server.in_recovery
            && server.prepared.is_none();
        let (floor, next) = last.map_or((None, None), |last| (last.floor, last.next_floor));
        match next {
            Some(next) if is_known && next.read_at < server.settled_until() => {
                (Some(next.highest), None)
            }
            other => (floor, other),
        }
    }

    /// Reads every event of a reading into `writer`, and says what came of each source table.
    pub(super) async fn read(
        &self,
        reading: &Reading,
        first: i64,
        (tally, writer): (&mut Tally, &mut Writer<'_>),
    ) -> Result<()> {
        for query in &reading.queries {
            let copy = render("source/read.sql", query)?;
            self.session
                .copy(&Copy::of_json(copy), None, (&mut *tally, &mut *writer))
                .await?;
        }

        self.load(reading, first, (tally, writer)).await
    }

    /// Which rows are read: those that the last snapshot did not have.
    fn condition(&self, last: Option<&Position>, highest: i64) -> serde_json::Value {
        // A cursor that was moved by xmin says nothing of rows from before the column came.
        let rule = match (last, &self.found.transaction) {
            (None, _) => Rule::Everything,
            (Some(last), Some(_)) if last.rule == Rule::Transaction => Rule::Transaction,
            (Some(_), _) => Rule::Xmin,
        };
        let SourceTable { schema, name } = self.table;

        json!({
            "table": [schema, name],
            "columns": {
                "event_id": self.columns.event_id,
                "operation": self.columns.operation,
                "occurred_at": self.columns.occurred_at,
                "schema": self.columns.schema,
                "table": self.columns.table,
                "data": self.columns.data,
            },
            "rule": rule,
            "transaction": self.found.transaction,
            "snapshot": last.map(|last| &last.snapshot),
            "lists_open": last.is_some_and(|last| !last.in_recovery),
            "highest": highest,
            "epoch": highest & !0xffff_ffff,
            "floor": last.and_then(|last| last.floor).filter(|floor| self.is_above(Some(*floor))),
        })
    }

    /// Everything that was committed before the oldest open transaction began is in the snapshot. A prepared
    /// transaction does not tell its start, so while there is one the time stays where it was.
    fn covered_until(&self, before: Option<Timestamp>) -> Timestamp {
        let open = self
            .session
            .server
            .oldest_open
            .map_or(self.session.server.now, |open| {
                open.min(self.session.server.now)
            });
        match before {
            Some(before) if self.session.server.prepared.is_some() => before.min(open),
            Some(before) => before.max(open),
            None => open,
        }
    }

    fn check_columns(&self) -> Result<()> {
        let AuditColumns {
            event_id,
            operation,
            occurred_at,
            schema,
            table,
            data,
        } = self.columns;
        for name in [event_id, operation, occurred_at, schema, table, data] {
            if !self.found.columns.contains(name) {
                let near = nearest_name(name, self.found.columns.iter().map(String::as_str))
                    .map(|near| format!("; did you mean `{near}`?"))
                    .unwrap_or_default();
                return Err(Error::SourceUnreadable {
                    detail: format!(
                        "table `{}` has no column `{name}`, which `source.columns` names{near}",
                        self.table
                    ),
                });
            }
        }

        Ok(())
    }
}
