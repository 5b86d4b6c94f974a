//! The table of section 2, row by row.

use super::{event, shown_current};

#[test]
fn the_last_event_decides() {
    let insert = event(1, 'I', 10, &["a"]);
    let update = event(2, 'U', 20, &["b"]);
    let delete = event(3, 'D', 30, &[]);

    assert_eq!(shown_current(std::slice::from_ref(&insert)), "a");
    assert_eq!(shown_current(&[insert.clone(), update.clone()]), "b");
    assert_eq!(shown_current(&[insert, update, delete]), "none");
}

#[test]
fn an_older_event_that_arrives_late_changes_nothing() {
    let events = [
        event(1, 'I', 10, &["a"]),
        event(3, 'U', 30, &["c"]),
        event(2, 'U', 20, &["b"]),
    ];

    assert_eq!(shown_current(&events), "c");
}

#[test]
fn an_insert_that_arrives_after_its_delete_stays_deleted() {
    let events = [event(2, 'D', 20, &[]), event(1, 'I', 10, &["a"])];

    assert_eq!(shown_current(&events), "none");
}

#[test]
fn a_delete_of_a_key_without_a_row_gives_no_row() {
    let delete = event(5, 'D', 50, &[]);

    assert_eq!(shown_current(std::slice::from_ref(&delete)), "none");
}

#[test]
fn a_delete_without_a_row_beats_every_older_insert_to_come() {
    let events = [
        event(5, 'D', 50, &[]),
        event(3, 'I', 30, &["a"]),
        event(4, 'I', 40, &["b"]),
    ];

    assert_eq!(shown_current(&events), "none");
}

#[test]
fn an_insert_after_a_delete_gives_a_new_row() {
    let events = [
        event(1, 'I', 10, &["a"]),
        event(2, 'D', 20, &[]),
        event(3, 'I', 30, &["b"]),
    ];

    assert_eq!(shown_current(&events), "b");
}

#[test]
fn an_update_of_an_unknown_key_gives_the_row() {
    assert_eq!(shown_current(&[event(7, 'U', 70, &["a"])]), "a");
}

#[test]
fn the_insert_of_an_unknown_key_may_come_after_its_update() {
    let events = [event(7, 'U', 70, &["b"]), event(6, 'I', 60, &["a"])];

    assert_eq!(shown_current(&events), "b");
}

#[test]
fn the_same_values_again_change_nothing() {
    let events = [event(1, 'I', 10, &["a"]), event(2, 'U', 20, &["a"])];

    assert_eq!(shown_current(&events), "a");
}
