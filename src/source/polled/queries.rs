//! What the statements that read polled tables name.

use serde::Serialize;

use super::position::TablePosition;
use crate::source::postgres::KeysQuery;

/// A polled table, as statements name it.
#[derive(Clone, Serialize)]
pub(super) struct TableQuery<'a> {
    pub(super) table: [&'a str; 2],
    /// The cursor column.
    pub(super) cursor: &'a str,
    /// The condition of the definition.
    pub(super) filter: Option<&'a str>,
}

/// Which rows of a table a reading takes.
pub(super) enum RowSelection<'p> {
    /// Those of a range of keys.
    KeyRange {
        after: Option<Vec<String>>,
        upto: Option<Vec<String>>,
    },
    /// Those that changed since a position.
    ChangedSince(&'p TablePosition),
}

/// A range of keys, as texts: those after one and up to another.
#[derive(Serialize)]
pub(super) struct KeyRange {
    pub(super) columns: Option<Vec<String>>,
    pub(super) after: Option<Vec<String>>,
    pub(super) upto: Option<Vec<String>>,
}

/// The rows of a table that one reading takes: what `source/changed.sql` names, and the statements that include it.
#[derive(Serialize)]
pub(super) struct RowsQuery<'a> {
    #[serde(flatten)]
    pub(super) query: TableQuery<'a>,
    pub(super) schema: &'a str,
    pub(super) name: &'a str,
    /// Whether the cursor is a time, not a number.
    pub(super) is_time: bool,
    /// Whether that time has a time zone.
    pub(super) has_zone: bool,
    /// The columns of the key as the source names them.
    pub(super) key: Vec<String>,
    /// Whether no two rows have the same key.
    pub(super) is_unique: bool,
    /// The highest transaction id that the snapshot may hold.
    pub(super) highest: i64,
    /// The higher 32 bits of `highest`, which `xmin` lacks.
    pub(super) epoch: i64,
    /// The range of a full load.
    pub(super) bounds: Option<KeyRange>,
    /// Rows whose cursor is below it were read before.
    pub(super) cursor_from: Option<String>,
    /// The snapshot of the last read.
    pub(super) last_snapshot: Option<String>,
}

impl RowsQuery<'_> {
    /// What a statement that reads all keys of the table names.
    pub(super) fn keys(&self) -> KeysQuery<'_> {
        KeysQuery {
            table: self.query.table,
            schema: self.schema,
            name: self.name,
            key: &self.key,
            is_unique: self.is_unique,
            filter: self.query.filter,
        }
    }
}

/// The context of `source/changed_rows.sql`.
#[derive(Serialize)]
pub(super) struct ChangedCount<'q> {
    #[serde(flatten)]
    pub(super) rows: &'q RowsQuery<'q>,
    pub(super) limit: i64,
}

/// The context of `source/range_end.sql`.
#[derive(Serialize)]
pub(super) struct RangeEnd<'a> {
    #[serde(flatten)]
    pub(super) query: TableQuery<'a>,
    pub(super) bounds: KeyRange,
    /// The rows of the range, less its last.
    pub(super) rows: u32,
}
