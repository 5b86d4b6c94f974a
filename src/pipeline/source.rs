//! Where changes come from, as `source:` describes it.

use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::identity::qualified;
use super::{FileSource, SourceTable};

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[schemars(transform = describe_kind)]
pub enum SourceDefinition {
    /// An audit log: a table of Postgres that triggers write every change to.
    PostgresAuditLog {
        /// The name of a connection in the settings.
        connection: String,
        /// The audit log, with its schema.
        #[serde(default = "audit_table", deserialize_with = "source_table")]
        #[schemars(with = "String", extend("default" = audit_table().to_string()))]
        table: SourceTable,
        /// The names of the audit log's columns.
        #[serde(default)]
        columns: AuditColumns,
        /// Which of two events of a row came later.
        #[serde(default)]
        order_by: OrderBy,
    },
    /// Polled tables: tables of Postgres with a column that rises with every change of a row.
    PostgresTable {
        /// The name of a connection in the settings.
        connection: String,
    },
    /// Files that are dropped into a folder.
    Files(FileSource),
}

/// What changes are read from, as `source.kind` of `pipeline.yaml` writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    PostgresAuditLog,
    PostgresTable,
    Files,
}

impl SourceDefinition {
    #[must_use]
    pub fn kind(&self) -> SourceKind {
        match self {
            Self::PostgresAuditLog { .. } => SourceKind::PostgresAuditLog,
            Self::PostgresTable { .. } => SourceKind::PostgresTable,
            Self::Files(_) => SourceKind::Files,
        }
    }

    /// The connection's name in the settings; `None` for files.
    #[must_use]
    pub fn connection(&self) -> Option<&str> {
        match self {
            Self::PostgresAuditLog { connection, .. } | Self::PostgresTable { connection } => {
                Some(connection)
            }
            Self::Files(_) => None,
        }
    }

    #[must_use]
    pub fn files(&self) -> Option<&FileSource> {
        match self {
            Self::Files(files) => Some(files),
            _ => None,
        }
    }

    /// Whether the events of a row are ordered by their times, and by their ids only at the same time.
    #[must_use]
    pub fn is_by_clock(&self) -> bool {
        match self {
            Self::PostgresAuditLog { order_by, .. } => *order_by == OrderBy::OccurredAt,
            Self::PostgresTable { .. } => false,
            Self::Files(files) => files.sequence.is_none() && files.occurred_at.is_some(),
        }
    }

    /// Whether events have ids of the source; otherwise landing numbers them.
    #[must_use]
    pub fn has_own_ids(&self) -> bool {
        match self {
            Self::PostgresAuditLog { .. } => true,
            Self::PostgresTable { .. } => false,
            Self::Files(files) => files.sequence.is_some(),
        }
    }

    /// Whether a repeated event is recognised by its content, because landing gave it its id.
    #[must_use]
    pub fn is_by_content(&self) -> bool {
        matches!(self, Self::Files(_)) && self.is_by_clock()
    }

    /// Whether an unchanged row may be read again, as an event with another id.
    #[must_use]
    pub fn is_read_again(&self) -> bool {
        matches!(self, Self::PostgresTable { .. })
    }

    /// The audit log's table.
    #[must_use]
    pub fn table(&self) -> Option<&SourceTable> {
        match self {
            Self::PostgresAuditLog { table, .. } => Some(table),
            Self::PostgresTable { .. } | Self::Files(_) => None,
        }
    }
}

fn describe_kind(schema: &mut Schema) {
    let kinds = schema.get_mut("oneOf").and_then(Value::as_array_mut);
    for kind in kinds.into_iter().flatten() {
        kind["properties"]["kind"]["description"] = "What changes are read from.".into();
    }
}

/// Which of two events of a row is the later one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OrderBy {
    /// The one with the higher id. Exact, because a sequence gives out the ids, and the triggers of one row fire one after the other.
    #[default]
    EventId,
    /// The one with the later time, then the higher id. Needs the time of writing, not of the transaction's begin.
    OccurredAt,
}

/// The names of the audit log's columns.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AuditColumns {
    /// A number that rises with every write.
    pub event_id: String,
    /// `I`, `U`, `D` or `T` (truncate).
    pub operation: String,
    /// The time of the change.
    pub occurred_at: String,
    /// The schema of the changed table.
    pub schema: String,
    /// The changed table.
    pub table: String,
    /// The row as JSON: the new row, or the old one for a delete.
    pub data: String,
}

impl AuditColumns {
    /// All that an audit log must have.
    #[must_use]
    pub fn names(&self) -> [&str; 6] {
        let Self {
            event_id,
            operation,
            occurred_at,
            schema,
            table,
            data,
        } = self;

        [event_id, operation, occurred_at, schema, table, data]
    }
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
