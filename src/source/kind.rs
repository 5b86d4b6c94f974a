//! The one place that distinguishes the kinds of sources.

use serde_json::Value;

use super::audit_log::{AuditLog, LogPosition, has_backfilled};
use super::files::{DropAccess, DropFolder};
use super::opened::Source;
use super::polled::{PolledPosition, PolledTables};
use super::postgres::{Connections, PipelineConnection, change};
use crate::error::Result;
use crate::pipeline::{Definition, SourceDefinition, SourceTable};
use crate::state::Store;

/// Opens the source of a pipeline: connects, and looks at the server and its tables.
///
/// # Errors
///
/// [`crate::error::Error::SourceUnavailable`], or [`crate::error::Error::SourceUnreadable`] that says which table or column is missing.
pub async fn open<'a>(
    definition: &'a Definition,
    connections: &'a Connections,
    access: &DropAccess,
    ledger: &Store,
) -> Result<Box<dyn Source + 'a>> {
    let of = |name| PipelineConnection {
        connections,
        name,
        pipeline: &definition.name,
    };

    Ok(match &definition.source {
        SourceDefinition::PostgresAuditLog {
            connection,
            table,
            columns,
            ..
        } => Box::new(AuditLog::open(of(connection), table, columns, definition).await?),
        SourceDefinition::PostgresTable { connection } => {
            Box::new(PolledTables::open(of(connection), &definition.tables).await?)
        }
        SourceDefinition::Files(source) => {
            Box::new(DropFolder::open(source, definition, access, ledger)?)
        }
    })
}

/// Notes in a position that the next reading reads a table again from its begin. Changes nothing for a table that was
/// never read, and for files.
///
/// # Errors
///
/// [`crate::error::Error::Internal`] if the position is that of another kind of source.
pub fn request_reread(source: &SourceDefinition, position: &mut Value, table: &str) -> Result<()> {
    match source {
        SourceDefinition::PostgresAuditLog { .. } => {
            change(position, |log: &mut LogPosition| log.request_reread(table))
        }
        SourceDefinition::PostgresTable { .. } => {
            change(position, |polled: &mut PolledPosition| {
                polled.request_reread(table);
            })
        }
        SourceDefinition::Files(_) => Ok(()),
    }
}

/// Notes in a position that the next reading reads a table as if it had never been read. Changes nothing for files: the
/// ledger of files says what was read of them.
///
/// # Errors
///
/// [`crate::error::Error::Internal`] if the position is that of another kind of source.
pub fn request_restart(source: &SourceDefinition, position: &mut Value, table: &str) -> Result<()> {
    match source {
        SourceDefinition::PostgresAuditLog { .. } => {
            change(position, |log: &mut LogPosition| log.request_restart(table))
        }
        SourceDefinition::PostgresTable { .. } => {
            change(position, |polled: &mut PolledPosition| {
                polled.request_restart(table);
            })
        }
        SourceDefinition::Files(_) => {
            // The next round lists every name again.
            if let Some(position) = position.as_object_mut() {
                position.remove("round");
                position.remove("ends");
            }
            Ok(())
        }
    }
}

/// Notes in a position that nothing is held of a table any more, whatever kind of source it is of. If its landed events are
/// deleted, `deleted` is their source table: whichever table reads that next reads it from its begin.
///
/// # Errors
///
/// [`crate::error::Error::Internal`] if another version of the service wrote the position.
pub fn forget_table(
    position: &mut Value,
    table: &str,
    deleted: Option<&SourceTable>,
) -> Result<()> {
    // Files have no position, and that of polled tables is by table.
    if position.get("table_oid").is_some() {
        change(position, |log: &mut LogPosition| log.forget(table, deleted))
    } else if position.get("tables").is_some() {
        change(position, |polled: &mut PolledPosition| {
            polled.request_restart(table);
        })
    } else {
        Ok(())
    }
}

/// Whether rows of a table itself have been read, and not only a log of its changes.
#[must_use]
pub fn has_read_rows(source: &SourceDefinition, position: &Value, table: &str) -> bool {
    match source {
        SourceDefinition::PostgresAuditLog { .. } => has_backfilled(position, table),
        SourceDefinition::PostgresTable { .. } => true,
        SourceDefinition::Files(_) => false,
    }
}
