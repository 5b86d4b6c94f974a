//! The random histories contain the corner cases that they promise, and deliveries lose nothing.

use std::collections::BTreeSet;

use super::super::{Random, deliver, random_history, with_truncates};
use super::{Event, current};

#[test]
fn the_generator_is_splitmix64() {
    let mut random = Random::new(1_234_567);

    assert_eq!(random.bits(), 6_457_827_717_110_365_317);
    assert_eq!(random.bits(), 3_203_168_211_198_807_973);
}

#[test]
fn a_shuffle_keeps_every_item() {
    let mut items: Vec<usize> = (0..100).collect();
    Random::new(3).shuffle(&mut items);

    assert!(!items.is_sorted());
    items.sort_unstable();
    assert_eq!(items, (0..100).collect::<Vec<_>>());
}

#[test]
fn a_seed_gives_the_same_history_for_ever() {
    assert_eq!(random_history(7, 8, 200), random_history(7, 8, 200));
    assert_ne!(random_history(7, 8, 200), random_history(8, 8, 200));
}

#[test]
fn a_history_is_sorted_by_unique_ids_and_uses_all_keys() {
    let history = random_history(1, 8, 200);
    let keys: BTreeSet<i64> = history.iter().map(|event| event.key).collect();

    assert_eq!(history.len(), 200);
    assert!(history.is_sorted_by(|event, next| event.id < next.id));
    assert!(keys.into_iter().eq(1..=8));
}

#[test]
fn every_history_holds_every_corner() {
    for seed in 0..50 {
        let history = random_history(seed, 8, 200);
        let steps = steps_of_keys(&history);
        let count = |corner: fn(Option<&Event>, &Event) -> bool| {
            steps
                .iter()
                .filter(|(last, event)| corner(*last, event))
                .count()
        };

        let deletes = history
            .iter()
            .filter(|event| event.operation == 'D')
            .count();
        assert!(
            (20..=60).contains(&deletes),
            "seed {seed}: {deletes} deletes"
        );
        assert!(
            count(|last, event| event.operation == 'U' && !has_row(last)) > 0,
            "seed {seed}: unknown updates"
        );
        assert!(
            count(|last, event| event.operation == 'D' && !has_row(last)) > 0,
            "seed {seed}: deletes without row"
        );
        assert!(
            count(|last, event| event.operation == 'I' && has_row(last)) > 0,
            "seed {seed}: double inserts"
        );
        assert!(
            count(changes_nothing) > 10,
            "seed {seed}: changes of nothing"
        );
        assert!(
            count(|last, event| last.is_some_and(|last| last.occurred_at == event.occurred_at))
                > 10,
            "seed {seed}: ties"
        );
        assert!(
            count(|last, event| last.is_some_and(|last| last.occurred_at > event.occurred_at)) > 0,
            "seed {seed}: steps back"
        );
    }
}

/// Each event with the one of its key before it.
fn steps_of_keys(history: &[Event]) -> Vec<(Option<&Event>, &Event)> {
    let steps = history.iter().enumerate();
    steps
        .map(|(place, event)| {
            (
                history[..place].iter().rfind(|last| last.key == event.key),
                event,
            )
        })
        .collect()
}

fn has_row(last: Option<&Event>) -> bool {
    last.is_some_and(|last| last.operation != 'D')
}

fn changes_nothing(last: Option<&Event>, event: &Event) -> bool {
    event.operation != 'D'
        && last.is_some_and(|last| last.operation != 'D' && last.values == event.values)
}

#[test]
fn so_many_events_become_truncates() {
    let events = with_truncates(1, random_history(1, 8, 200), 3);

    assert_eq!(
        events.iter().filter(|event| event.operation == 'T').count(),
        3
    );
    assert_eq!(events.len(), 200);
    assert!(current(&events).len() <= 8);
}

#[test]
fn a_delivery_holds_every_event_and_so_many_repeats() {
    let events = random_history(1, 8, 200);

    for seed in 0..20 {
        let batches = deliver(seed, &events, 9, 30);
        let mut arrived = batches.concat();
        arrived.sort_by_key(|event| event.id);
        assert_eq!((batches.len(), arrived.len()), (9, 230));

        arrived.dedup();
        assert_eq!(arrived, events);
    }
}

#[test]
fn a_delivery_of_nothing_is_empty_batches() {
    assert_eq!(deliver(1, &[], 3, 5), vec![Vec::new(); 3]);
}

#[test]
fn every_delivery_holds_late_events_and_some_come_mostly_in_turn() {
    let events = random_history(1, 8, 200);
    let late: Vec<usize> = (0..20)
        .map(|seed| late_events(&deliver(seed, &events, 10, 0)))
        .collect();

    assert!(late.iter().all(|late| *late > 0), "{late:?}");
    assert!(
        late.iter().any(|late| *late < 50) && late.iter().any(|late| *late > 100),
        "{late:?}"
    );
}

/// Number of events that come in a later batch than an event with a higher id.
fn late_events(batches: &[Vec<Event>]) -> usize {
    let mut highest = 0;
    let mut late = 0;

    for batch in batches {
        late += batch.iter().filter(|event| event.id < highest).count();
        highest = batch.iter().map(|event| event.id).fold(highest, i64::max);
    }
    late
}
