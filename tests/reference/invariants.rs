//! Checks the rules that hold between any current table and its history.

use std::collections::BTreeMap;

use super::{Row, Version};

/// Checks that current rows are the open versions and that versions neither overlap nor leave gaps but after a delete, and says which rule does not hold. The versions may come in any order.
pub(crate) fn check_invariants(
    current: &BTreeMap<i64, Row>,
    history: &[Version],
) -> Result<(), String> {
    let mut versions_by_key: BTreeMap<i64, Vec<&Version>> = BTreeMap::new();
    for version in history {
        versions_by_key
            .entry(version.key)
            .or_default()
            .push(version);
    }

    for versions in versions_by_key.values_mut() {
        versions.sort_by_key(|version| version.valid_from);
        for version in versions.iter() {
            check_version(version)?;
        }
        for pair in versions.windows(2) {
            check_neighbours(pair[0], pair[1])?;
        }
        check_last(versions[versions.len() - 1])?;
    }
    check_current(current, history)
}

fn check_version(version: &Version) -> Result<(), String> {
    if version
        .valid_to
        .is_some_and(|end| end <= version.valid_from)
    {
        return Err(format!("the interval is empty: {version:?}"));
    }
    if version.is_current != version.valid_to.is_none() {
        return Err(format!("`is_current` is not the same as open: {version:?}"));
    }
    if version.is_current && version.is_deleted {
        return Err(format!(
            "an open version is not ended by a delete: {version:?}"
        ));
    }
    Ok(())
}

/// Checks two consecutive versions.
fn check_neighbours(version: &Version, next: &Version) -> Result<(), String> {
    let Some(end) = version.valid_to else {
        return Err(format!(
            "a version follows the open one: {version:?}, {next:?}"
        ));
    };
    if end > next.valid_from {
        return Err(format!("two versions overlap: {version:?}, {next:?}"));
    }
    if end < next.valid_from && !version.is_deleted {
        return Err(format!("a gap without a delete: {version:?}, {next:?}"));
    }
    // An insert at the instant of the delete makes the two a change.
    if end == next.valid_from && version.is_deleted {
        return Err(format!("a delete without a gap: {version:?}, {next:?}"));
    }
    Ok(())
}

fn check_last(version: &Version) -> Result<(), String> {
    if !version.is_current && !version.is_deleted {
        return Err(format!(
            "the last version is closed without a delete: {version:?}"
        ));
    }
    Ok(())
}

fn check_current(current: &BTreeMap<i64, Row>, history: &[Version]) -> Result<(), String> {
    let mut open: BTreeMap<i64, Row> = BTreeMap::new();
    for version in history.iter().filter(|version| version.is_current) {
        open.insert(version.key, version.values.clone());
    }

    for (key, row) in current {
        if open.get(key) != Some(row) {
            let version = open.get(key);
            return Err(format!(
                "key {key}: the current row is {row:?}, the open version {version:?}"
            ));
        }
    }
    match open.keys().find(|key| !current.contains_key(key)) {
        Some(key) => Err(format!("key {key}: an open version without a current row")),
        None => Ok(()),
    }
}
