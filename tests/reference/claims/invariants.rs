//! Every breach of an invariant is found and named.

use std::collections::BTreeMap;

use super::{Row, Version, check_invariants, row};

/// A version of key 1, `deleted` by its end or not.
fn version(valid_from: i64, valid_to: Option<i64>, is_deleted: bool) -> Version {
    Version {
        key: 1,
        values: row(&["a"]),
        valid_from,
        valid_to,
        is_current: valid_to.is_none(),
        is_deleted,
        event_id: valid_from,
    }
}

fn current_row(value: &str) -> BTreeMap<i64, Row> {
    BTreeMap::from([(1, row(&[value]))])
}

#[track_caller]
fn assert_breach(current: &BTreeMap<i64, Row>, history: &[Version], breach: &str) {
    let message = check_invariants(current, history).expect_err(breach);
    assert!(
        message.contains(breach),
        "`{message}` does not say `{breach}`"
    );
}

#[test]
fn nothing_at_all_is_sound() {
    assert_eq!(check_invariants(&BTreeMap::new(), &[]), Ok(()));
}

#[test]
fn versions_in_any_order_with_a_gap_after_a_delete_are_sound() {
    let history = [
        version(40, None, false),
        version(20, Some(30), true),
        version(10, Some(20), false),
    ];

    assert_eq!(check_invariants(&current_row("a"), &history), Ok(()));
}

#[test]
fn an_empty_interval_is_a_breach() {
    assert_breach(
        &BTreeMap::new(),
        &[version(10, Some(10), true)],
        "the interval is empty",
    );
    assert_breach(
        &BTreeMap::new(),
        &[version(10, Some(9), true)],
        "the interval is empty",
    );
}

#[test]
fn a_flag_that_contradicts_the_interval_is_a_breach() {
    let closed_but_current = Version {
        is_current: true,
        ..version(10, Some(20), true)
    };
    let open_but_not_current = Version {
        is_current: false,
        ..version(10, None, false)
    };

    assert_breach(&current_row("a"), &[closed_but_current], "`is_current`");
    assert_breach(&current_row("a"), &[open_but_not_current], "`is_current`");
    assert_breach(
        &current_row("a"),
        &[version(10, None, true)],
        "not ended by a delete",
    );
}

#[test]
fn two_versions_that_overlap_or_start_together_are_a_breach() {
    let overlap = [version(10, Some(21), false), version(20, None, false)];
    let together = [version(10, Some(20), false), version(10, Some(30), true)];

    assert_breach(&current_row("a"), &overlap, "overlap");
    assert_breach(&BTreeMap::new(), &together, "overlap");
}

#[test]
fn two_open_versions_are_a_breach() {
    let history = [version(10, None, false), version(20, None, false)];

    assert_breach(&current_row("a"), &history, "follows the open one");
}

#[test]
fn a_gap_is_a_breach_unless_a_delete_made_it() {
    let without_delete = [version(10, Some(20), false), version(30, None, false)];
    let without_gap = [version(10, Some(20), true), version(20, None, false)];

    assert_breach(&current_row("a"), &without_delete, "a gap without a delete");
    assert_breach(&current_row("a"), &without_gap, "a delete without a gap");
    assert_breach(
        &BTreeMap::new(),
        &[version(10, Some(20), false)],
        "closed without a delete",
    );
}

#[test]
fn a_current_row_that_is_not_the_open_version_is_a_breach() {
    let open = [version(10, None, false)];
    let closed = [version(10, Some(20), true)];

    assert_breach(&current_row("b"), &open, "the current row is");
    assert_breach(&current_row("a"), &closed, "the current row is");
    assert_breach(&BTreeMap::new(), &open, "without a current row");
}
