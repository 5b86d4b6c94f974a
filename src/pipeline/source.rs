//! Where changes come from, as `source:` says it.

use serde::Deserialize;

use super::definition::qualified;
use super::{FileSource, SourceTable, Table};

/// Where changes come from.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Source {
    /// A table of insert, update and delete events that triggers write.
    PostgresAuditLog {
        /// The connection's name in the settings.
        connection: String,
        /// The audit table, with its schema.
        #[serde(default = "audit_table", deserialize_with = "source_table")]
        table: SourceTable,
        /// What its columns are called.
        #[serde(default)]
        columns: AuditColumns,
        /// What tells which of two events of a row came later.
        #[serde(default)]
        order_by: OrderBy,
    },
    /// Tables whose rows tell when they were changed.
    PostgresTable {
        /// The connection's name in the settings.
        connection: String,
    },
    /// Files that are dropped into a folder.
    Files(FileSource),
}

impl Source {
    /// Its kind, as it is written.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::PostgresAuditLog { .. } => "postgres_audit_log",
            Self::PostgresTable { .. } => "postgres_table",
            Self::Files(_) => "files",
        }
    }

    /// The connection's name in the settings; none where files are read.
    #[must_use]
    pub fn connection(&self) -> Option<&str> {
        match self {
            Self::PostgresAuditLog { connection, .. } | Self::PostgresTable { connection } => {
                Some(connection)
            }
            Self::Files(_) => None,
        }
    }

    /// The folder that files are dropped into.
    #[must_use]
    pub fn files(&self) -> Option<&FileSource> {
        match self {
            Self::Files(files) => Some(files),
            _ => None,
        }
    }

    /// Whether events of a row are in the order of their times, and only those of one time in the order of their ids.
    #[must_use]
    pub fn is_by_clock(&self) -> bool {
        match self {
            Self::PostgresAuditLog { order_by, .. } => *order_by == OrderBy::OccurredAt,
            Self::PostgresTable { .. } => false,
            Self::Files(files) => files.sequence.is_none() && files.occurred_at.is_some(),
        }
    }

    /// Whether events have ids of the source's own; else the landing numbers them.
    #[must_use]
    pub fn has_own_ids(&self) -> bool {
        match self {
            Self::PostgresAuditLog { .. } => true,
            Self::PostgresTable { .. } => false,
            Self::Files(files) => files.sequence.is_some(),
        }
    }

    /// Whether an event that comes again is told by what it says, because its id is the landing's own.
    #[must_use]
    pub fn is_by_content(&self) -> bool {
        matches!(self, Self::Files(_)) && self.is_by_clock()
    }

    /// Whether a row that has not changed may be read again, as an event of another id.
    #[must_use]
    pub fn is_read_again(&self) -> bool {
        matches!(self, Self::PostgresTable { .. })
    }

    /// The one table that all is read from; none where the tracked tables themselves are read.
    #[must_use]
    pub fn table(&self) -> Option<&SourceTable> {
        match self {
            Self::PostgresAuditLog { table, .. } => Some(table),
            Self::PostgresTable { .. } | Self::Files(_) => None,
        }
    }
}

/// What tells which of two events of a row came later.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderBy {
    /// Its id: from a sequence that hands out one at a time, because the triggers of one row fire one after the other.
    #[default]
    EventId,
    /// Its time, which a clock told when it was written, not when its transaction began; then its id.
    OccurredAt,
}

/// What the columns of an audit table are called.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AuditColumns {
    /// A number that rises with the writes.
    pub event_id: String,
    /// `I`, `U`, `D` or `T`.
    pub operation: String,
    pub occurred_at: String,
    /// The schema of the changed table.
    pub schema: String,
    pub table: String,
    /// The row as JSON: the new one, for a delete the old one.
    pub data: String,
}

impl Default for AuditColumns {
    fn default() -> Self {
        Self {
            event_id: "audit_event_id".into(),
            operation: "audit_operation".into(),
            occurred_at: "audit_timestamp".into(),
            schema: "tbl_schema".into(),
            table: "tbl_name".into(),
            data: "raw_data".into(),
        }
    }
}

fn audit_table() -> SourceTable {
    SourceTable::new("public", "audit_log_dml")
}

fn source_table<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<SourceTable, D::Error> {
    let name = String::deserialize(deserializer)?;

    qualified("source.table", &name).map_err(serde::de::Error::custom)
}

impl Table {
    /// Why events cannot be put behind those that a table was made of; none where their ids are of the same kind.
    #[must_use]
    pub fn other_ids(&self, had_own: Option<bool>) -> Option<String> {
        let name = &self.id.name;
        let ids = |has_own| {
            if has_own {
                "those of the source"
            } else {
                "given by the landing"
            }
        };
        let had_own = had_own.filter(|had_own| *had_own != self.has_own_ids)?;

        Some(format!(
            "the ids of the events of `{name}` are {} now, but those in its tables are {}, so nothing tells which came later; put `source` back, or read it by a pipeline of another name",
            ids(self.has_own_ids),
            ids(had_own)
        ))
    }

    /// Why tables that were made in another order of events cannot be gone on with; none where the order is the same.
    #[must_use]
    pub fn other_order(&self, was_by_clock: bool) -> Option<String> {
        let name = &self.id.name;
        let order = |is_by_clock| if is_by_clock { "time" } else { "id" };

        (self.is_by_clock != was_by_clock).then(|| {
            format!(
                "the events of `{name}` are in the order of their {} now, but its tables were made in the order of their {}; put `source` back, or make them anew by `POST /v1/tables/…/rebuild`",
                order(self.is_by_clock),
                order(was_by_clock)
            )
        })
    }
}
