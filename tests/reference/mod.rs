//! The reference model: computes current rows and history from a set of events, one by one. It shares no code with the service.
//!
//! Events are ordered by the event id. Rejects are not modelled: every event counts as valid.

#[cfg(test)]
mod claims;
mod invariants;
mod ledger;
mod random;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use invariants::check_invariants;
pub(crate) use ledger::{Ledger, Versions, ledger, versions};
pub(crate) use random::{Random, START, deliver, is_orderly, random_history, with_truncates};

/// The values of a row by position of the column; `None` is null. All rows of one table have the same width.
pub(crate) type Row = Vec<Option<String>>;

/// One event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    /// The place in the order, unique in the whole table.
    pub(crate) id: i64,
    /// `I` insert, `U` update, `D` delete, `T` truncate.
    pub(crate) operation: char,
    /// Microseconds since the epoch, UTC, by the source's clock.
    pub(crate) occurred_at: i64,
    /// The row's key; ignored for a truncate.
    pub(crate) key: i64,
    /// The whole row; ignored for deletes and truncates.
    pub(crate) values: Row,
}

/// One row of the history, valid in `[valid_from, valid_to)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Version {
    /// The row's key.
    pub(crate) key: i64,
    /// The last values that the row had within the version.
    pub(crate) values: Row,
    /// Microseconds since the epoch, clamped.
    pub(crate) valid_from: i64,
    /// Microseconds since the epoch, clamped; `None` while the version is open.
    pub(crate) valid_to: Option<i64>,
    /// Whether the version is open.
    pub(crate) is_current: bool,
    /// Whether a delete ended the version.
    pub(crate) is_deleted: bool,
    /// The event that opened the version: the last in order of those at `valid_from`.
    pub(crate) event_id: i64,
}

/// Gives the current row of every key that has one. The events come in the order of their delivery.
pub(crate) fn current(events: &[Event]) -> BTreeMap<i64, Row> {
    let log = ordered(events);
    let mut rows = BTreeMap::new();

    for key in keys(&log) {
        for (_, event) in timeline(key, &log) {
            if gives_a_row(event) {
                rows.insert(key, event.values.clone());
            } else {
                rows.remove(&key);
            }
        }
    }
    rows
}

/// Gives all versions by (key, `valid_from`). The events come in the order of their delivery; `tracked` lists the positions of
/// the columns whose change starts a version, `None` means all.
pub(crate) fn history(events: &[Event], tracked: Option<&[usize]>) -> Vec<Version> {
    let log = ordered(events);
    let mut versions = Vec::new();

    for key in keys(&log) {
        versions.extend(versions_of_key(key, &log, tracked));
    }
    versions
}

/// Walks the events of one key. At each moment one version is open or none, and the next event decides what follows.
fn versions_of_key(key: i64, log: &[&Event], tracked: Option<&[usize]>) -> Vec<Version> {
    let mut versions = Vec::new();
    let mut open: Option<Version> = None;

    for (time, event) in visible(&timeline(key, log)) {
        open = match (open, gives_a_row(event)) {
            (None, false) => None,
            (None, true) => Some(opened(key, time, event)),
            (Some(version), false) => {
                versions.push(closed(version, time, true));
                None
            }
            (Some(version), true) if same(&version.values, &event.values, tracked) => {
                let values = event.values.clone();
                Some(Version { values, ..version })
            }
            (Some(version), true) => {
                versions.push(closed(version, time, false));
                Some(opened(key, time, event))
            }
        };
    }
    versions.extend(open);
    versions
}

/// The events without repeats, by id. If several events have one id, the first delivered one stays.
fn ordered(events: &[Event]) -> Vec<&Event> {
    let mut log: Vec<&Event> = Vec::new();

    for event in events {
        if !log.iter().any(|earlier| earlier.id == event.id) {
            log.push(event);
        }
    }
    log.sort_by_key(|event| event.id);
    log
}

fn keys(log: &[&Event]) -> BTreeSet<i64> {
    let with_key = log.iter().filter(|event| event.operation != 'T');
    with_key.map(|event| event.key).collect()
}

/// The events of one key in order, each with its time, which never goes back. A truncate is an event of the key if one of the
/// key's own came before it.
fn timeline<'a>(key: i64, log: &[&'a Event]) -> Vec<(i64, &'a Event)> {
    let mut timeline = Vec::new();
    let mut time = i64::MIN;

    for &event in log {
        let is_of_key = match event.operation {
            'T' => !timeline.is_empty(),
            _ => event.key == key,
        };
        if is_of_key {
            time = time.max(event.occurred_at);
            timeline.push((time, event));
        }
    }
    timeline
}

/// If several events share a time, keeps only the last in order.
fn visible<'a>(timeline: &[(i64, &'a Event)]) -> Vec<(i64, &'a Event)> {
    let mut visible: Vec<(i64, &Event)> = Vec::new();

    for &(time, event) in timeline {
        if visible.last().is_some_and(|&(before, _)| before == time) {
            visible.pop();
        }
        visible.push((time, event));
    }
    visible
}

fn gives_a_row(event: &Event) -> bool {
    match event.operation {
        'I' | 'U' => true,
        'D' | 'T' => false,
        other => panic!("`{other}` is not an operation, use `I`, `U`, `D` or `T`"),
    }
}

/// Whether two rows agree in the tracked columns, where null equals null.
fn same(left: &Row, right: &Row, tracked: Option<&[usize]>) -> bool {
    assert_eq!(
        left.len(),
        right.len(),
        "an absent field is written as `None`"
    );

    match tracked {
        None => left == right,
        Some(columns) => columns.iter().all(|&column| left[column] == right[column]),
    }
}

fn opened(key: i64, time: i64, event: &Event) -> Version {
    Version {
        key,
        values: event.values.clone(),
        valid_from: time,
        valid_to: None,
        is_current: true,
        is_deleted: false,
        event_id: event.id,
    }
}

fn closed(version: Version, time: i64, is_deleted: bool) -> Version {
    Version {
        valid_to: Some(time),
        is_current: false,
        is_deleted,
        ..version
    }
}
