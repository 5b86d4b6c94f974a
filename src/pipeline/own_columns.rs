//! The columns of their own that tables have beside those of their source.

use super::Marts;

/// Whether a version is its row's last one. Histories are partitioned by it: a change of a row reads the files of open versions alone.
pub(super) const IS_CURRENT: &str = "is_current";

/// Those of tables of current rows.
const OF_CURRENT: [&str; 4] = ["_event_id", "_occurred_at", "_ingested_at", "_batch_id"];
/// Those of histories.
const OF_HISTORY: [&str; 7] = [
    "valid_from",
    "valid_to",
    IS_CURRENT,
    "is_deleted",
    "_event_id",
    "_ingested_at",
    "_batch_id",
];

/// Whether a name in lower case is one of the tables' own columns. All that begin with `_` are kept for them.
#[must_use]
pub fn is_own_column(name: &str) -> bool {
    name.starts_with('_') || OF_HISTORY.contains(&name)
}

/// The mart that lacks a column of the tables' own; `None` if each of these marts has it.
pub(super) fn lacking(marts: Marts, column: &str) -> Option<&'static str> {
    let has_current = marts != Marts::CurrentView;
    if has_current && !OF_CURRENT.contains(&column) {
        return Some("the table of current rows");
    }

    (marts.has_history() && !OF_HISTORY.contains(&column)).then_some("the history")
}
