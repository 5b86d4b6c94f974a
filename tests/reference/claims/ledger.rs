//! Section 6: the outcome of each event of a batch, and the effect on the rows.

use std::slice::from_ref;

use super::super::ledger;
use super::balance::counts;
use super::{Event, event, of_key};

/// The counts that are not 0; the sums hold.
#[track_caller]
fn counted(before: &[Event], batch: &[Event]) -> String {
    let ledger = ledger(before, batch);
    assert_eq!(ledger.check(), Ok(()));

    let counts = counts(&ledger).into_iter().filter(|(_, count)| *count != 0);
    let counts: Vec<String> = counts
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    counts.join(", ")
}

fn insert(id: i64, value: &str) -> Event {
    event(id, 'I', id * 10, &[value])
}

fn update(id: i64, value: &str) -> Event {
    event(id, 'U', id * 10, &[value])
}

fn delete(id: i64) -> Event {
    event(id, 'D', id * 10, &[])
}

fn truncate(id: i64) -> Event {
    of_key(0, event(id, 'T', id * 10, &[]))
}

#[test]
fn a_batch_of_nothing_counts_nothing() {
    assert_eq!(counted(&[insert(1, "a")], &[]), "");
}

#[test]
fn an_event_of_an_earlier_batch_is_a_duplicate_and_nothing_else() {
    let before = [insert(1, "a"), delete(2), truncate(3)];

    assert_eq!(counted(&before, &before), "3 read, 3 duplicate");
}

#[test]
fn of_three_deliveries_in_one_batch_two_are_duplicates() {
    let batch = [insert(1, "a"), insert(1, "a"), insert(1, "a")];

    assert_eq!(
        counted(&[], &batch),
        "3 read, 2 duplicate, 1 staged, 1 applied, 1 inserted"
    );
}

#[test]
fn an_insert_an_update_and_a_delete_are_applied() {
    let before = [of_key(2, insert(1, "a")), of_key(3, insert(2, "a"))];
    let batch = [
        insert(3, "b"),
        of_key(2, update(4, "b")),
        of_key(3, delete(5)),
    ];

    assert_eq!(
        counted(&before, &batch),
        "3 read, 3 staged, 3 applied, 1 inserted, 1 updated, 1 deleted"
    );
}

#[test]
fn what_becomes_of_the_row_counts_and_not_the_operation() {
    let before = [insert(1, "a")];

    assert_eq!(
        counted(&before, &[insert(2, "b")]),
        "1 read, 1 staged, 1 applied, 1 updated"
    );
    assert_eq!(
        counted(&before, &[of_key(2, update(2, "b"))]),
        "1 read, 1 staged, 1 applied, 1 inserted"
    );
}

#[test]
fn an_event_older_than_one_of_an_earlier_batch_is_late() {
    for newer in [update(3, "a"), delete(3), truncate(3)] {
        for older in [update(2, "a"), insert(2, "b"), delete(2)] {
            assert_eq!(
                counted(from_ref(&newer), &[older]),
                "1 read, 1 staged, 1 late"
            );
        }
    }
}

#[test]
fn a_late_event_is_late_even_if_another_of_its_batch_is_newer() {
    for (newer, end) in [
        (update(3, "c"), "1 late, 1 applied, 1 updated"),
        (truncate(3), "1 truncates, 1 late, 1 truncated"),
    ] {
        let batch = [update(1, "b"), newer];
        assert_eq!(
            counted(&[insert(2, "a")], &batch),
            format!("2 read, 2 staged, {end}")
        );
    }
}

#[test]
fn a_newer_event_of_another_key_beats_none() {
    let before = [of_key(2, insert(3, "a"))];
    let batch = [insert(1, "a"), of_key(3, insert(2, "a"))];

    assert_eq!(
        counted(&before, &batch),
        "2 read, 2 staged, 2 applied, 2 inserted"
    );
}

#[test]
fn an_older_truncate_beats_none() {
    let end = "1 applied, 1 inserted";

    assert_eq!(
        counted(&[truncate(1)], &[insert(2, "a")]),
        format!("1 read, 1 staged, {end}")
    );
    assert_eq!(
        counted(&[], &[insert(2, "a"), truncate(1)]),
        format!("2 read, 2 staged, 1 truncates, {end}")
    );
}

#[test]
fn the_highest_id_supersedes_the_others_wherever_in_the_batch_it_is_and_whatever_its_time() {
    let highest = event(4, 'U', 0, &["d"]);
    let batch = [highest, update(2, "b"), delete(3)];

    assert_eq!(
        counted(&[insert(1, "a")], &batch),
        "3 read, 3 staged, 2 superseded, 1 applied, 1 updated"
    );
}

#[test]
fn a_repeat_of_an_earlier_batch_supersedes_none_because_the_older_is_late() {
    let batch = [insert(1, "b"), insert(2, "a")];

    assert_eq!(
        counted(&[insert(2, "a")], &batch),
        "2 read, 1 duplicate, 1 staged, 1 late"
    );
}

#[test]
fn a_truncate_supersedes_the_older_events_of_its_batch() {
    let batch = [truncate(3), insert(1, "a"), of_key(2, delete(2))];

    assert_eq!(
        counted(&[], &batch),
        "3 read, 3 staged, 1 truncates, 2 superseded"
    );
}

#[test]
fn a_delete_of_a_key_that_has_no_row_is_a_delete_without_row() {
    for before in [
        vec![],
        vec![insert(1, "a"), delete(2)],
        vec![insert(1, "a"), truncate(2)],
    ] {
        assert_eq!(
            counted(&before, &[delete(3)]),
            "1 read, 1 staged, 1 delete_without_row"
        );
    }
}

#[test]
fn a_delete_in_the_batch_of_its_insert_is_a_delete_without_row() {
    assert_eq!(
        counted(&[], &[insert(1, "a"), delete(2)]),
        "2 read, 2 staged, 1 superseded, 1 delete_without_row"
    );
}

#[test]
fn the_same_values_again_are_unchanged() {
    for again in [insert(2, "a"), update(2, "a")] {
        assert_eq!(
            counted(&[insert(1, "a")], &[again]),
            "1 read, 1 staged, 1 unchanged"
        );
    }
}

#[test]
fn a_row_that_comes_back_to_its_values_within_the_batch_is_unchanged() {
    let batch = [update(2, "b"), delete(3), insert(4, "a")];

    assert_eq!(
        counted(&[insert(1, "a")], &batch),
        "3 read, 3 staged, 2 superseded, 1 unchanged"
    );
}

#[test]
fn a_null_is_unchanged_by_a_null_and_updated_by_an_empty_text() {
    let null = |id| Event {
        values: vec![None],
        ..update(id, "")
    };

    assert_eq!(
        counted(&[null(1)], &[null(2)]),
        "1 read, 1 staged, 1 unchanged"
    );
    assert_eq!(
        counted(&[null(1)], &[update(2, "")]),
        "1 read, 1 staged, 1 applied, 1 updated"
    );
}

#[test]
fn rows_that_a_truncate_deletes_are_not_applied() {
    let before = [insert(1, "a"), of_key(2, insert(2, "b"))];

    assert_eq!(
        counted(&before, &[truncate(3)]),
        "1 read, 1 staged, 1 truncates, 2 truncated"
    );
}

#[test]
fn a_truncate_is_never_late_and_spares_the_rows_after_it() {
    let before = [insert(1, "a"), of_key(2, insert(3, "b"))];

    assert_eq!(
        counted(&before, &[truncate(2)]),
        "1 read, 1 staged, 1 truncates, 1 truncated"
    );
    assert_eq!(
        counted(&[truncate(3)], &[truncate(2)]),
        "1 read, 1 staged, 1 truncates"
    );
}

#[test]
fn a_truncate_is_never_superseded() {
    let batch = [truncate(2), truncate(3), insert(4, "b")];

    assert_eq!(
        counted(&[], &batch),
        "3 read, 3 staged, 2 truncates, 1 applied, 1 inserted"
    );
}

#[test]
fn a_row_whose_events_of_the_batch_a_truncate_supersedes_is_truncated() {
    for superseded in [update(2, "b"), delete(2)] {
        assert_eq!(
            counted(&[insert(1, "a")], &[superseded, truncate(3)]),
            "2 read, 2 staged, 1 truncates, 1 superseded, 1 truncated"
        );
    }
}

#[test]
fn a_row_with_a_winner_after_the_truncate_is_not_truncated() {
    for (winner, end) in [
        (insert(3, "b"), "1 applied, 1 updated"),
        (insert(3, "a"), "1 unchanged"),
        (delete(3), "1 applied, 1 deleted"),
    ] {
        assert_eq!(
            counted(&[insert(1, "a")], &[truncate(2), winner]),
            format!("2 read, 2 staged, 1 truncates, {end}")
        );
    }
}
