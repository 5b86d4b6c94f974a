//! The corner table of section 3, row by row, and the rules above it.

use super::{event, shown, shown_current};

#[test]
fn a_delete_may_come_before_its_insert() {
    let events = [event(11, 'D', 9_30, &[]), event(10, 'I', 9_00, &["a"])];

    assert_eq!(shown(&events, None), ["[900, 930) a deleted"]);
    assert_eq!(shown_current(&events), "none");
}

#[test]
fn a_delete_alone_leaves_nothing() {
    let events = [event(11, 'D', 9_30, &[])];

    assert!(shown(&events, None).is_empty());
    assert_eq!(shown_current(&events), "none");
}

#[test]
fn a_change_of_nothing_becomes_a_version_when_it_is_bisected_later() {
    let events = [
        event(1, 'I', 1, &["1"]),
        event(3, 'U', 3, &["1"]),
        event(2, 'U', 2, &["9"]),
    ];

    assert_eq!(shown(&events[..2], None), ["[1, –) 1 current"]);
    assert_eq!(
        shown(&events, None),
        ["[1, 2) 1", "[2, 3) 9", "[3, –) 1 current"]
    );
    assert_eq!(shown_current(&events), "1");
}

#[test]
fn a_late_insert_behind_a_delete_splits_the_deleted_version() {
    let events = [
        event(1, 'I', 10, &["a"]),
        event(5, 'D', 20, &[]),
        event(3, 'I', 15, &["b"]),
    ];

    assert_eq!(shown(&events, None), ["[10, 15) a", "[15, 20) b deleted"]);
    assert_eq!(shown_current(&events), "none");
}

#[test]
fn a_late_insert_of_the_same_values_behind_a_delete_changes_nothing() {
    let events = [
        event(1, 'I', 10, &["a"]),
        event(5, 'D', 20, &[]),
        event(3, 'I', 15, &["a"]),
    ];

    assert_eq!(shown(&events, None), ["[10, 20) a deleted"]);
}

#[test]
fn an_insert_with_an_earlier_time_than_the_delete_before_it_is_clamped() {
    let events = [event(5, 'D', 10_20, &[]), event(6, 'I', 10_15, &["a"])];

    assert_eq!(shown(&events, None), ["[1020, –) a current"]);
}

#[test]
fn the_same_values_after_a_delete_are_two_versions_and_a_gap() {
    let events = [
        event(1, 'I', 10, &["a"]),
        event(2, 'D', 20, &[]),
        event(3, 'I', 30, &["a"]),
    ];

    assert_eq!(
        shown(&events, None),
        ["[10, 20) a deleted", "[30, –) a current"]
    );
}

#[test]
fn a_clock_that_goes_back_does_not_change_the_order() {
    let events = [
        event(1, 'I', 10_00, &["a"]),
        event(2, 'U', 10_01, &["b"]),
        event(3, 'U', 10_00, &["c"]),
    ];

    assert_eq!(
        shown(&events, None),
        ["[1000, 1001) a", "[1001, –) c current"]
    );
    assert_eq!(shown_current(&events), "c");
}

#[test]
fn an_untracked_column_shows_its_last_value_within_the_version() {
    let events = [
        event(1, 'I', 10, &["1", "1"]),
        event(2, 'U', 20, &["1", "2"]),
        event(3, 'U', 30, &["2", "2"]),
    ];

    assert_eq!(
        shown(&events, Some(&[0])),
        ["[10, 30) 1 2", "[30, –) 2 2 current"]
    );
    assert_eq!(shown(&events, None).len(), 3);
}

#[test]
fn a_delete_inside_a_closed_version_leaves_the_later_delete_in_the_log() {
    let events = [
        event(1, 'I', 10, &["a"]),
        event(4, 'D', 20, &[]),
        event(2, 'D', 15, &[]),
        event(3, 'I', 17, &["b"]),
    ];

    assert_eq!(shown(&events[..3], None), ["[10, 15) a deleted"]);
    assert_eq!(
        shown(&events, None),
        ["[10, 15) a deleted", "[17, 20) b deleted"]
    );
}

#[test]
fn a_delete_and_an_insert_at_one_time_are_a_change() {
    let events = [
        event(1, 'I', 10, &["a"]),
        event(2, 'D', 20, &[]),
        event(3, 'I', 20, &["b"]),
    ];

    assert_eq!(shown(&events, None), ["[10, 20) a", "[20, –) b current"]);
}

#[test]
fn a_delete_and_an_insert_of_the_same_values_at_one_time_are_nothing() {
    let events = [
        event(1, 'I', 10, &["a"]),
        event(2, 'D', 20, &[]),
        event(3, 'I', 20, &["a"]),
    ];

    assert_eq!(shown(&events[..2], None), ["[10, 20) a deleted"]);
    assert_eq!(shown(&events, None), ["[10, –) a current"]);
}

#[test]
fn a_delete_and_an_insert_at_one_time_may_change_an_untracked_column_only() {
    let events = [
        event(1, 'I', 10, &["a", "1"]),
        event(2, 'D', 20, &[]),
        event(3, 'I', 20, &["a", "2"]),
    ];

    assert_eq!(shown(&events, Some(&[0])), ["[10, –) a 2 current"]);
}

#[test]
fn an_insert_and_its_delete_at_one_time_leave_nothing() {
    let events = [event(1, 'I', 10, &["a"]), event(2, 'D', 10, &[])];

    assert!(shown(&events, None).is_empty());
}

#[test]
fn a_change_that_is_undone_at_its_own_time_was_never_visible() {
    let events = [
        event(1, 'I', 10, &["a"]),
        event(2, 'U', 20, &["b"]),
        event(3, 'U', 20, &["a"]),
    ];

    assert_eq!(
        shown(&events[..2], None),
        ["[10, 20) a", "[20, –) b current"]
    );
    assert_eq!(shown(&events, None), ["[10, –) a current"]);
}

#[test]
fn a_null_equals_a_null_and_differs_from_an_empty_text() {
    let mut events = [
        event(1, 'I', 10, &["a"]),
        event(2, 'U', 20, &["a"]),
        event(3, 'U', 30, &[""]),
    ];
    events[0].values = vec![None];
    events[1].values = vec![None];

    assert_eq!(shown(&events, None), ["[10, 30) null", "[30, –)  current"]);
}
