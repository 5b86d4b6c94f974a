//! A table whose rows may be older than the audit log.

use crate::pipeline::Table;
use crate::source::postgres::{KeysQuery, dotted};

/// A table whose rows the service can read.
pub(super) struct BackfillTable<'a> {
    pub(super) table: &'a Table,
    /// The columns of the key as the source names them.
    pub(super) key: Vec<String>,
}

impl<'a> BackfillTable<'a> {
    /// Its name in the pipeline.
    pub(super) fn name(&self) -> &'a str {
        &self.table.id.name
    }

    /// What a statement that reads all keys of the table names.
    pub(super) fn keys(&self) -> KeysQuery<'_> {
        let source = &self.table.source;

        KeysQuery {
            table: dotted(source),
            schema: &source.schema,
            name: &source.name,
            key: &self.key,
            is_unique: true,
            filter: None,
        }
    }
}
