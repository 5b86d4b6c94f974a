//! Claims about the reference model itself, each from a worked example of the rules.

mod balance;
mod corners;
mod current_rows;
mod generators;
mod invariants;
mod ledger;
mod order;
mod properties;
mod worked_example;

use super::{Event, Row, Version, check_invariants, current, history};

/// An event of key 1; an empty list of values is for deletes.
fn event(id: i64, operation: char, occurred_at: i64, values: &[&str]) -> Event {
    Event {
        id,
        operation,
        occurred_at,
        key: 1,
        values: row(values),
    }
}

fn of_key(key: i64, event: Event) -> Event {
    Event { key, ..event }
}

fn row(values: &[&str]) -> Row {
    values
        .iter()
        .map(|value| Some(String::from(*value)))
        .collect()
}

/// The history as the rules write it, one line a version.
fn shown(events: &[Event], tracked: Option<&[usize]>) -> Vec<String> {
    let versions = history(events, tracked);
    check_invariants(&current(events), &versions).expect("the invariants hold");
    versions.iter().map(shown_version).collect()
}

fn shown_version(version: &Version) -> String {
    let end = version
        .valid_to
        .map_or(String::from("–"), |end| end.to_string());
    let mut text = format!(
        "[{}, {end}) {}",
        version.valid_from,
        shown_row(&version.values)
    );

    if version.is_deleted {
        text.push_str(" deleted");
    }
    if version.is_current {
        text.push_str(" current");
    }
    text
}

fn shown_row(row: &Row) -> String {
    let values = row.iter().map(|value| value.as_deref().unwrap_or("null"));
    values.collect::<Vec<_>>().join(" ")
}

/// The current row of key 1.
fn shown_current(events: &[Event]) -> String {
    current(events)
        .get(&1)
        .map_or(String::from("none"), shown_row)
}
