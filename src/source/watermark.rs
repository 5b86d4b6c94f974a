//! One table whose rows tell when they were changed: which of them a reading takes.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::catalogue::WatermarkTable;
use super::link::Snapshot;
use crate::pipeline::{CompareKeys, Table};

/// A table that was found in the source.
pub(super) struct Found<'a> {
    /// Its name in the pipeline.
    pub(super) name: &'a str,
    pub(super) table: &'a Table,
    /// The column that rises with every change of a row.
    pub(super) cursor: &'a str,
    pub(super) catalogue: WatermarkTable,
}

/// How far one table has been read.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TablePosition {
    pub(super) oid: u32,
    /// Rows whose cursor is below it have been read, whatever commits from now on; as the cursor column's text.
    pub(super) upto: Option<String>,
    /// The last read's `pg_snapshot`, as text.
    pub(super) snapshot: String,
    /// When all keys were compared.
    #[serde(default)]
    pub(super) compared_at: Option<Timestamp>,
}

impl Found<'_> {
    /// The columns of the key as the source names them.
    pub(super) fn key_fields(&self) -> Vec<String> {
        let mut fields = self.table.key_fields();
        for field in &mut fields {
            if !self.catalogue.columns.contains_key(field) {
                let lower = field.to_lowercase();
                let known = self.catalogue.columns.keys();
                if let Some(name) = known.into_iter().find(|name| name.to_lowercase() == lower) {
                    field.clone_from(name);
                }
            }
        }

        fields
    }

    /// Whether the cursor is a time, not a number.
    pub(super) fn is_time(&self) -> bool {
        let kind = self
            .catalogue
            .columns
            .get(self.cursor)
            .map_or("", String::as_str);

        kind.starts_with("timestamp") || kind == "date"
    }

    /// Whether all keys are compared by a reading; the first has nothing to compare them with.
    pub(super) fn is_compared(&self, before: Option<&TablePosition>, now: Timestamp) -> bool {
        let Some(before) = before else { return false };
        match self.table.deletes.compare_keys {
            CompareKeys::Off => false,
            CompareKeys::EachRun => true,
            CompareKeys::Every(time) => before
                .compared_at
                .is_none_or(|last| now.duration_since(last).unsigned_abs() >= time),
        }
    }

    /// Table, cursor and condition, as statements name them.
    pub(super) fn names(&self) -> Value {
        let (schema, table) = self.table.origin();

        json!({"table": [schema, table], "cursor": self.cursor, "filter": self.table.filter})
    }

    /// Which rows are read: all of them at first, then those whose cursor may be new and whose transaction may be.
    pub(super) fn query(&self, before: Option<&TablePosition>, snapshot: &Snapshot) -> Value {
        let (schema, table) = self.table.origin();
        let mut query = self.names();
        query["schema"] = schema.into();
        query["name"] = table.into();
        query["is_time"] = self.is_time().into();
        query["has_zone"] = (self.catalogue.columns.get(self.cursor).map(String::as_str)
            == Some("timestamp with time zone"))
        .into();
        query["key"] = json!(self.key_fields());
        query["is_unique"] = self.catalogue.is_unique.into();
        query["after"] = json!(before.and_then(|before| before.upto.clone()));
        query["snapshot"] = json!(before.map(|before| before.snapshot.clone()));
        query["highest"] = snapshot.highest.into();
        query["epoch"] = (snapshot.highest & !0xffff_ffff).into();

        query
    }
}
