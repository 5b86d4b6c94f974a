//! Properties over many random histories.

use super::super::{deliver, random_history, with_truncates};
use super::{Event, Row, Version, check_invariants, current, history};

const TRACKED: [Option<&[usize]>; 4] = [None, Some(&[0]), Some(&[1, 2]), Some(&[])];

/// Histories with the defaults, few keys, many keys, with and without truncates.
fn random_histories() -> impl Iterator<Item = (u64, Vec<Event>)> {
    (0..60).map(|seed| {
        let keys = [8, 1, 3, 40][(seed % 4) as usize];
        let truncates = [0, 2, 0, 1, 5][(seed % 5) as usize];
        (
            seed,
            with_truncates(seed, random_history(seed, keys, 200), truncates),
        )
    })
}

#[test]
fn shuffling_batching_and_repeating_never_change_the_outcome() {
    for (seed, events) in random_histories() {
        for batches in [1, 2, 7, 50] {
            let arrived = deliver(
                seed + batches,
                &events,
                usize::try_from(batches).expect("it is small"),
                60,
            )
            .concat();

            assert_eq!(
                current(&arrived),
                current(&events),
                "seed {seed}, {batches} batches"
            );
            for tracked in TRACKED {
                let outcome = history(&arrived, tracked);
                assert_eq!(
                    outcome,
                    history(&events, tracked),
                    "seed {seed}, {batches} batches, {tracked:?}"
                );
            }
        }
    }
}

#[test]
fn the_invariants_hold_after_every_batch() {
    for (seed, events) in random_histories() {
        let mut arrived = Vec::new();

        for batch in deliver(seed, &events, 10, 20) {
            arrived.extend(batch);
            for tracked in TRACKED {
                let outcome = check_invariants(&current(&arrived), &history(&arrived, tracked));
                assert_eq!(outcome, Ok(()), "seed {seed}, {tracked:?}");
            }
        }
    }
}

/// Looks at the events themselves at each instant, instead of walking them.
#[test]
fn at_every_instant_the_history_shows_the_last_event_until_then() {
    for (seed, events) in random_histories() {
        let versions = history(&events, None);

        for key in 1..=40 {
            for instant in instants(&events) {
                let version = versions
                    .iter()
                    .find(|version| version.key == key && is_valid_at(version, instant));
                let shown = version.map(|version| &version.values);
                assert_eq!(
                    shown,
                    row_at(&events, key, instant),
                    "seed {seed}, key {key}, at {instant}"
                );
            }
        }
    }
}

#[test]
fn versions_that_touch_differ_in_a_tracked_column() {
    for (seed, events) in random_histories() {
        for columns in [vec![0, 1, 2], vec![0], vec![1, 2], vec![]] {
            for pair in history(&events, Some(&columns)).windows(2) {
                let touch =
                    pair[0].key == pair[1].key && pair[0].valid_to == Some(pair[1].valid_from);
                let differ = columns
                    .iter()
                    .any(|&column| pair[0].values[column] != pair[1].values[column]);
                assert!(!touch || differ, "seed {seed}, {pair:?}");
            }
        }
    }
}

#[test]
fn a_version_in_tracked_columns_is_a_run_of_versions_in_all_columns() {
    for (seed, events) in random_histories() {
        let all = history(&events, None);

        for columns in [vec![0], vec![1, 2], vec![]] {
            for run in history(&events, Some(&columns)) {
                let is_inside = |version: &&Version| {
                    version.key == run.key && is_valid_at(&run, version.valid_from)
                };
                let parts: Vec<&Version> = all.iter().filter(is_inside).collect();
                assert_run(&run, &parts, &columns, seed);
            }
        }
    }
}

fn assert_run(run: &Version, parts: &[&Version], columns: &[usize], seed: u64) {
    let (first, last) = (parts[0], parts[parts.len() - 1]);
    let agree = |part: &Version| {
        columns
            .iter()
            .all(|&column| part.values[column] == run.values[column])
    };

    assert!(parts.iter().all(|part| agree(part)), "seed {seed}, {run:?}");
    assert_eq!(
        (run.valid_from, run.event_id),
        (first.valid_from, first.event_id),
        "seed {seed}"
    );
    assert_eq!(
        (run.valid_to, run.is_deleted),
        (last.valid_to, last.is_deleted),
        "seed {seed}"
    );
    assert_eq!(run.values, last.values, "seed {seed}");
}

/// Every time in the events, and the microsecond before it.
fn instants(events: &[Event]) -> Vec<i64> {
    events
        .iter()
        .flat_map(|event| [event.occurred_at - 1, event.occurred_at])
        .collect()
}

fn is_valid_at(version: &Version, instant: i64) -> bool {
    version.valid_from <= instant && version.valid_to.is_none_or(|end| instant < end)
}

/// The row that the last event at or before the instant gave; an event counts once all before it count. The events come by id.
fn row_at(events: &[Event], key: i64, instant: i64) -> Option<&Row> {
    let mut events = events
        .iter()
        .filter(|event| event.key == key || event.operation == 'T')
        .peekable();
    while events.next_if(|event| event.operation == 'T').is_some() {}

    let last = events
        .take_while(|event| event.occurred_at <= instant)
        .last();
    last.filter(|event| matches!(event.operation, 'I' | 'U'))
        .map(|event| &event.values)
}
