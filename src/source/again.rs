//! What is to be read once more, as the position of a source says it.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::cursor::Position;
use super::full_load::FullLoad;
use super::polled_tables::Positions;
use crate::error::{Error, Result};
use crate::pipeline::Source;

/// Says that a table is to be read from the source again, from its begin; one that was never read is anyway.
///
/// # Errors
///
/// [`Error::Internal`] when the position is another source's.
pub fn read_again(source: &Source, position: &mut Value, table: &str) -> Result<()> {
    match source {
        Source::PostgresAuditLog { .. } => change(position, |log: &mut Position| {
            log.again.insert(table.to_owned());
        }),
        Source::PostgresTable { .. } => change(position, |positions: &mut Positions| {
            if let Some(known) = positions.tables.get_mut(table) {
                known.load = Some(FullLoad {
                    is_again: true,
                    ..FullLoad::default()
                });
            }
        }),
        Source::Files(_) => Ok(()),
    }
}

/// Says that keys of tables are to be compared by the next reading.
pub fn compare_again(source: &Source, position: &mut Value, tables: &[String]) -> Result<()> {
    if tables.is_empty() {
        return Ok(());
    }
    match source {
        Source::PostgresAuditLog { .. } => change(position, |log: &mut Position| {
            log.compared.extend(tables.iter().cloned());
        }),
        Source::PostgresTable { .. } => change(position, |positions: &mut Positions| {
            for table in tables {
                if let Some(known) = positions.tables.get_mut(table) {
                    known.comparisons = known.comparisons.max(1);
                }
            }
        }),
        Source::Files(_) => Ok(()),
    }
}

fn change<T: Serialize + DeserializeOwned>(
    position: &mut Value,
    change: impl FnOnce(&mut T),
) -> Result<()> {
    let mut typed = serde_json::from_value(position.take()).map_err(Error::internal)?;
    change(&mut typed);
    *position = serde_json::to_value(typed).map_err(Error::internal)?;

    Ok(())
}
