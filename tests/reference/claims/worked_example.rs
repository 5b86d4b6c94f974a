//! The worked example of section 3, after each step; times are written as hours and minutes.

use super::{Event, event, history, shown, shown_current};

/// The events in the order of their arrival: e1, e2, e3, e5, e6, and late e4.
fn arrivals() -> Vec<Event> {
    vec![
        event(1, 'I', 10_00, &["100", "new"]),
        event(2, 'U', 10_05, &["100", "paid"]),
        event(3, 'U', 10_05, &["120", "paid"]),
        event(5, 'D', 10_20, &[]),
        event(6, 'I', 10_30, &["50", "new"]),
        event(4, 'U', 10_10, &["130", "paid"]),
    ]
}

#[test]
fn an_update_closes_the_version_and_opens_the_next() {
    let events = &arrivals()[..2];

    assert_eq!(
        shown(events, None),
        ["[1000, 1005) 100 new", "[1005, –) 100 paid current"]
    );
    assert_eq!(shown_current(events), "100 paid");
}

#[test]
fn of_two_updates_at_one_time_only_the_last_was_ever_visible() {
    let events = &arrivals()[..3];

    assert_eq!(
        shown(events, None),
        ["[1000, 1005) 100 new", "[1005, –) 120 paid current"]
    );
    assert_eq!(shown_current(events), "120 paid");
}

#[test]
fn a_delete_closes_the_version_at_its_own_time() {
    let events = &arrivals()[..4];

    assert_eq!(
        shown(events, None),
        ["[1000, 1005) 100 new", "[1005, 1020) 120 paid deleted"]
    );
    assert_eq!(shown_current(events), "none");
}

#[test]
fn an_insert_after_a_delete_leaves_the_gap() {
    let events = &arrivals()[..5];

    assert_eq!(
        shown(events, None),
        [
            "[1000, 1005) 100 new",
            "[1005, 1020) 120 paid deleted",
            "[1030, –) 50 new current"
        ]
    );
    assert_eq!(shown_current(events), "50 new");
}

#[test]
fn a_late_event_splits_the_version_it_falls_into() {
    let events = arrivals();

    assert_eq!(
        shown(&events, None),
        [
            "[1000, 1005) 100 new",
            "[1005, 1010) 120 paid",
            "[1010, 1020) 130 paid deleted",
            "[1030, –) 50 new current",
        ]
    );
    assert_eq!(shown_current(&events), "50 new");
}

#[test]
fn a_late_event_writes_two_rows() {
    let events = arrivals();
    let before = history(&events[..5], None);
    let after = history(&events, None);
    let written: Vec<_> = after
        .iter()
        .filter(|version| !before.contains(version))
        .collect();

    assert_eq!(written.len(), 2);
    assert_eq!((written[0].valid_from, written[0].event_id), (10_05, 3));
    assert_eq!((written[1].valid_from, written[1].event_id), (10_10, 4));
}

#[test]
fn every_order_of_arrival_ends_the_same() {
    let expected = history(&arrivals(), None);
    let mut orders = 0;

    for_each_order(&mut arrivals(), 0, &mut |events| {
        assert_eq!(history(events, None), expected);
        orders += 1;
    });
    assert_eq!(orders, 720);
}

fn for_each_order(events: &mut [Event], fixed: usize, check: &mut impl FnMut(&[Event])) {
    if fixed == events.len() {
        return check(events);
    }
    for place in fixed..events.len() {
        events.swap(fixed, place);
        for_each_order(events, fixed + 1, check);
        events.swap(fixed, place);
    }
}
