//! The sums of the ledger hold after every batch of many random histories, and a sum that does not hold is named.

use std::collections::BTreeSet;

use super::super::{Ledger, Random, deliver, ledger, random_history, with_truncates};
use super::{Event, current};

const BATCHES: usize = 5;

/// Every count by its name.
pub(super) fn counts(ledger: &Ledger) -> [(&'static str, i64); 13] {
    [
        ("read", ledger.read),
        ("duplicate", ledger.duplicate),
        ("staged", ledger.staged),
        ("truncates", ledger.truncates),
        ("late", ledger.late),
        ("superseded", ledger.superseded),
        ("delete_without_row", ledger.delete_without_row),
        ("unchanged", ledger.unchanged),
        ("applied", ledger.applied),
        ("inserted", ledger.inserted),
        ("updated", ledger.updated),
        ("deleted", ledger.deleted),
        ("truncated", ledger.truncated),
    ]
}

/// One batch, with all that came before it.
#[derive(Clone)]
struct Arrival {
    seed: u64,
    before: Vec<Event>,
    batch: Vec<Event>,
}

/// Deliveries of histories with few keys and with many, each with the given number of truncates.
fn arrivals(truncates: usize) -> Vec<Arrival> {
    let mut arrivals = Vec::new();

    for seed in 0..60 {
        let keys = [8, 1, 3, 40][(seed % 4) as usize];
        let events = with_truncates(seed, random_history(seed, keys, 150), truncates);
        let mut before = Vec::new();

        for batch in deliver(seed, &events, BATCHES, 40) {
            arrivals.push(Arrival {
                seed,
                before: before.clone(),
                batch: batch.clone(),
            });
            before.extend(batch);
        }
    }
    arrivals
}

#[test]
fn every_ledger_balances_and_says_how_many_rows_came_and_went() {
    for truncates in [0, 1, 4] {
        for arrival in arrivals(truncates) {
            let ledger = ledger(&arrival.before, &arrival.batch);
            let all = [arrival.before.clone(), arrival.batch].concat();
            let growth = rows(&all) - rows(&arrival.before);
            let seed = arrival.seed;

            assert_eq!(ledger.check(), Ok(()), "seed {seed}");
            assert_eq!(
                growth,
                ledger.inserted - ledger.deleted - ledger.truncated,
                "seed {seed}, {ledger:?}"
            );
        }
    }
}

/// Looks only at the rows, not at the outcome of the events.
#[test]
fn rows_that_came_changed_and_went_are_counted_as_such() {
    for arrival in [arrivals(0), arrivals(4)].concat() {
        let ledger = ledger(&arrival.before, &arrival.batch);
        let before = current(&arrival.before);
        let after = current(&[arrival.before, arrival.batch].concat());

        let came = after.keys().filter(|key| !before.contains_key(key)).count();
        let went = before.keys().filter(|key| !after.contains_key(key)).count();
        let changed = before
            .iter()
            .filter(|(key, row)| after.get(key).is_some_and(|after| after != *row))
            .count();
        assert_eq!(
            [came, changed, went].map(|rows| i64::try_from(rows).expect("it is small")),
            [
                ledger.inserted,
                ledger.updated,
                ledger.deleted + ledger.truncated
            ],
            "seed {}",
            arrival.seed
        );
    }
}

#[test]
fn over_all_batches_each_event_is_staged_once() {
    for arrivals in arrivals(3).chunks(BATCHES) {
        let ledgers = arrivals
            .iter()
            .map(|arrival| ledger(&arrival.before, &arrival.batch));
        let (staged, truncates) = ledgers.fold((0, 0), |(staged, truncates), ledger| {
            (staged + ledger.staged, truncates + ledger.truncates)
        });

        assert_eq!((staged, truncates), (150, 3), "seed {}", arrivals[0].seed);
    }
}

#[test]
fn a_key_has_at_most_one_winner() {
    for arrival in [arrivals(0), arrivals(4)].concat() {
        let ledger = ledger(&arrival.before, &arrival.batch);
        let keys: BTreeSet<i64> = arrival.batch.iter().map(|event| event.key).collect();
        let winners = ledger.delete_without_row + ledger.unchanged + ledger.applied;

        assert!(
            usize::try_from(winners).is_ok_and(|winners| winners <= keys.len()),
            "seed {}, {ledger:?}",
            arrival.seed
        );
    }
}

#[test]
fn the_order_of_delivery_within_a_batch_changes_no_count() {
    for arrival in [arrivals(0), arrivals(4)].concat() {
        let mut shuffled = arrival.batch.clone();
        Random::new(arrival.seed).shuffle(&mut shuffled);

        assert_eq!(
            ledger(&arrival.before, &shuffled),
            ledger(&arrival.before, &arrival.batch),
            "seed {}",
            arrival.seed
        );
    }
}

#[test]
fn without_truncates_none_are_counted_and_with_them_every_count_occurs() {
    let occurring = |truncates| -> BTreeSet<&str> {
        let ledgers = arrivals(truncates)
            .into_iter()
            .map(|arrival| ledger(&arrival.before, &arrival.batch));
        let counts = ledgers.flat_map(|ledger| counts(&ledger));
        counts
            .filter(|(_, count)| *count > 0)
            .map(|(name, _)| name)
            .collect()
    };
    let all: BTreeSet<&str> = counts(&Ledger::default()).map(|(name, _)| name).into();
    let of_truncates = BTreeSet::from(["truncates", "truncated"]);

    assert_eq!(occurring(4), all);
    assert_eq!(occurring(0), &all - &of_truncates);
}

fn rows(events: &[Event]) -> i64 {
    i64::try_from(current(events).len()).expect("it is small")
}

#[test]
fn an_event_that_is_missing_or_counted_twice_is_a_breach() {
    let sound = Ledger {
        read: 9,
        duplicate: 1,
        staged: 8,
        truncates: 1,
        late: 1,
        superseded: 1,
        delete_without_row: 1,
        unchanged: 1,
        applied: 3,
        inserted: 1,
        updated: 1,
        deleted: 1,
        truncated: 7,
    };
    let breaches = [
        (Ledger { read: 8, ..sound }, "read = duplicate"),
        (
            Ledger {
                duplicate: 2,
                ..sound
            },
            "read = duplicate",
        ),
        (
            Ledger {
                truncates: 0,
                ..sound
            },
            "staged = truncates",
        ),
        (Ledger { late: 0, ..sound }, "staged = truncates"),
        (
            Ledger {
                superseded: 2,
                ..sound
            },
            "staged = truncates",
        ),
        (
            Ledger {
                delete_without_row: 0,
                ..sound
            },
            "staged = truncates",
        ),
        (
            Ledger {
                unchanged: 2,
                ..sound
            },
            "staged = truncates",
        ),
        (
            Ledger {
                applied: 2,
                ..sound
            },
            "staged = truncates",
        ),
        (
            Ledger {
                inserted: 2,
                ..sound
            },
            "inserted + updated",
        ),
        (
            Ledger {
                updated: 0,
                ..sound
            },
            "inserted + updated",
        ),
        (
            Ledger {
                deleted: 2,
                ..sound
            },
            "inserted + updated",
        ),
    ];

    assert_eq!(sound.check(), Ok(()));
    for (ledger, breach) in breaches {
        let message = ledger.check().expect_err(breach);
        assert!(
            message.starts_with(&format!("`{breach}")),
            "`{message}` does not say `{breach}`"
        );
    }
}
