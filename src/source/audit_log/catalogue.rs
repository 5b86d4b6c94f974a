//! What the catalogue of the server says of an audit table.

use crate::error::Result;
use crate::pipeline::{AuditColumns, SourceTable};
use crate::source::postgres::{Session, quoted, value};
use crate::sql::statement;

/// What an audit table is like.
#[derive(Debug, Clone)]
pub(super) struct AuditCatalogue {
    pub(super) oid: u32,
    pub(super) columns: Vec<String>,
    /// The column with the writer's transaction id, if there is one.
    pub(super) transaction: Option<String>,
    /// How many ids a session takes from its sequence at once; `None` if it has no sequence.
    pub(super) sequence_cache: Option<i64>,
    /// The last id that its sequence gave; `None` if the user may not see it.
    pub(super) sequence_value: Option<i64>,
    /// Whether the rows in it are known to be JSON.
    pub(super) is_json: bool,
}

impl AuditCatalogue {
    /// Asks the catalogue; `None` if there is no such table.
    pub(super) async fn of(
        session: &Session<'_>,
        table: &SourceTable,
        columns: &AuditColumns,
    ) -> Result<Option<Self>> {
        let rows = session
            .query_locked(
                statement!("source/audit_table.sql"),
                &[&quoted(table)],
                &[table],
            )
            .await?;
        let Some(first) = rows.first() else {
            return Ok(None);
        };
        let mut catalogue = Self {
            oid: value(first, "oid")?,
            columns: Vec::new(),
            transaction: None,
            sequence_cache: None,
            sequence_value: None,
            is_json: false,
        };
        for row in &rows {
            let name: String = value(row, "name")?;
            let data_type: &str = value(row, "data_type")?;
            let default: Option<&str> = value(row, "column_default")?;
            if data_type == "xid8" && default == Some("pg_current_xact_id()") {
                catalogue.transaction = Some(name.clone());
            }
            if name == columns.event_id {
                catalogue.sequence_cache = value(row, "sequence_cache")?;
                catalogue.sequence_value = value(row, "sequence_value")?;
            }
            catalogue.is_json |= name == columns.data && data_type.starts_with("json");
            catalogue.columns.push(name);
        }

        Ok(Some(catalogue))
    }

    /// Whether the sequence is surely above a floor. A sequence that was set back repeats ids, and the floor would hide
    /// their events.
    pub(super) fn is_above(&self, floor: Option<i64>) -> bool {
        floor.is_none_or(|floor| self.sequence_value.is_some_and(|last| last >= floor))
    }
}
