//! Section 1: repeats, clamped times, truncates.

use super::{event, history, of_key, shown, shown_current};

#[test]
fn of_one_id_the_event_delivered_first_stays() {
    let events = [
        event(1, 'I', 10, &["a"]),
        event(1, 'I', 5, &["b"]),
        of_key(2, event(1, 'I', 10, &["c"])),
    ];

    assert_eq!(shown(&events, None), ["[10, –) a current"]);
}

#[test]
fn a_repeat_changes_nothing_even_after_a_later_event() {
    let insert = event(1, 'I', 10, &["a"]);
    let events = [insert.clone(), event(2, 'D', 20, &[]), insert];

    assert_eq!(shown(&events, None), ["[10, 20) a deleted"]);
    assert_eq!(shown_current(&events), "none");
}

#[test]
fn a_late_event_of_a_later_time_raises_the_times_after_it() {
    let events = [
        event(1, 'I', 10, &["a"]),
        event(3, 'U', 20, &["c"]),
        event(2, 'U', 25, &["b"]),
    ];

    assert_eq!(
        shown(&events[..2], None),
        ["[10, 20) a", "[20, –) c current"]
    );
    assert_eq!(shown(&events, None), ["[10, 25) a", "[25, –) c current"]);
}

#[test]
fn the_clock_of_one_key_does_not_clamp_another() {
    let events = [
        event(1, 'I', 20, &["a"]),
        of_key(2, event(2, 'I', 10, &["b"])),
    ];

    assert_eq!(
        shown(&events, None),
        ["[20, –) a current", "[10, –) b current"]
    );
}

#[test]
fn the_last_event_at_a_time_is_the_one_that_opens_the_version() {
    let events = [
        event(1, 'I', 10, &["a"]),
        event(2, 'U', 10, &["b"]),
        event(3, 'U', 20, &["b"]),
    ];
    let versions = history(&events, None);

    assert_eq!(versions.len(), 1);
    assert_eq!((versions[0].valid_from, versions[0].event_id), (10, 2));
}

#[test]
fn a_truncate_deletes_every_key_before_it() {
    let events = [
        event(1, 'I', 10, &["a"]),
        of_key(2, event(2, 'I', 20, &["b"])),
        of_key(0, event(3, 'T', 30, &[])),
        of_key(3, event(4, 'I', 40, &["c"])),
    ];

    assert_eq!(
        shown(&events, None),
        [
            "[10, 30) a deleted",
            "[20, 30) b deleted",
            "[40, –) c current"
        ]
    );
    assert_eq!(shown_current(&events), "none");
}

#[test]
fn a_truncate_deletes_what_arrives_after_it_from_before_it() {
    let events = [of_key(0, event(3, 'T', 30, &[])), event(1, 'I', 10, &["a"])];

    assert_eq!(shown(&events, None), ["[10, 30) a deleted"]);
}

#[test]
fn a_truncate_clamps_the_keys_it_deletes_and_no_other() {
    let events = [
        event(1, 'I', 10, &["a"]),
        of_key(0, event(2, 'T', 30, &[])),
        event(3, 'I', 25, &["b"]),
        of_key(2, event(4, 'I', 25, &["c"])),
    ];

    assert_eq!(
        shown(&events, None),
        ["[10, 30) a", "[30, –) b current", "[25, –) c current"]
    );
}

#[test]
fn a_truncate_never_ends_a_version_before_its_start() {
    let events = [
        event(1, 'I', 10, &["a"]),
        event(2, 'U', 40, &["b"]),
        of_key(0, event(3, 'T', 30, &[])),
    ];

    assert_eq!(shown(&events, None), ["[10, 40) a deleted"]);
}
