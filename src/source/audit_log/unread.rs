//! The events that the last snapshot did not have, as statements name them.

use std::collections::BTreeMap;

use serde::Serialize;

use super::catalogue::AuditCatalogue;
use super::position::{LogPosition, UnreadRule};
use crate::pipeline::{AuditColumns, SourceTable, Table};
use crate::source::postgres::{Snapshot, dotted};

/// What `source/read.sql` names, and `source/backlog.sql` besides a limit.
#[derive(Serialize)]
pub(super) struct UnreadEvents<'a> {
    table: [&'a str; 2],
    columns: LogColumns<'a>,
    rule: UnreadRule,
    transaction: Option<String>,
    /// The last snapshot.
    last_snapshot: Option<String>,
    /// Whether that snapshot lists the transactions that were open; a standby's does not.
    lists_open: bool,
    /// The highest transaction id that this snapshot may hold.
    highest: i64,
    /// The higher 32 bits of `highest`, which `xmin` lacks.
    epoch: i64,
    floor: Option<i64>,
    /// The tables whose events are all read, whatever the last snapshot had.
    restarted: Vec<&'a SourceTable>,
}

/// The columns of an audit table, as statements name them.
#[derive(Clone, Copy, Serialize)]
pub(super) struct LogColumns<'a> {
    event_id: &'a str,
    operation: &'a str,
    occurred_at: &'a str,
    schema: &'a str,
    table: &'a str,
    data: &'a str,
}

impl<'a> LogColumns<'a> {
    pub(super) fn of(columns: &'a AuditColumns) -> Self {
        Self {
            event_id: &columns.event_id,
            operation: &columns.operation,
            occurred_at: &columns.occurred_at,
            schema: &columns.schema,
            table: &columns.table,
            data: &columns.data,
        }
    }
}

impl<'a> UnreadEvents<'a> {
    /// The events that the snapshot of the position `last` did not have. Without `last`, all events. `tables` are the
    /// tracked tables.
    pub(super) fn after(
        last: Option<&LogPosition>,
        table: &'a SourceTable,
        columns: &'a AuditColumns,
        catalogue: &AuditCatalogue,
        tables: &'a BTreeMap<String, Table>,
        snapshot: &Snapshot,
    ) -> Self {
        // A cursor that used xmin does not cover rows from before the column was added.
        let rule = match (last, &catalogue.transaction) {
            (None, _) => UnreadRule::Everything,
            (Some(last), Some(_)) if last.rule == UnreadRule::Transaction => {
                UnreadRule::Transaction
            }
            (Some(_), _) => UnreadRule::Xmin,
        };
        let is_restarted = |name: &str, table: &Table| {
            last.is_some_and(|last| {
                last.restarted.contains(name) || last.restarted.contains(&table.source.to_string())
            })
        };

        Self {
            table: dotted(table),
            columns: LogColumns::of(columns),
            rule,
            transaction: catalogue.transaction.clone(),
            last_snapshot: last.map(|last| last.snapshot.clone()),
            lists_open: last.is_some_and(|last| !last.in_recovery),
            highest: snapshot.highest,
            epoch: snapshot.epoch(),
            floor: last
                .and_then(|last| last.floor)
                .filter(|floor| catalogue.is_above(Some(*floor))),
            restarted: tables
                .iter()
                .filter(|(name, table)| is_restarted(name, table))
                .map(|(_, table)| &table.source)
                .collect(),
        }
    }
}
