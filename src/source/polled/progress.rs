//! How far polled tables have been read, as the API shows it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::position::PolledPosition;

/// How far one table has been read.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[schema(as = Loaded)]
pub struct TableProgress {
    /// Its name in the API.
    #[schema(example = "crm.customers")]
    pub table: String,
    /// Rows whose cursor is below it have been read, as the cursor column's text; `null` where that is not known yet.
    #[schema(example = "2026-01-01T12:00:00.123456Z")]
    pub cursor_value: Option<String>,
    /// Whether its full load is under way: rows that change meanwhile are read after it.
    pub loading: bool,
    /// When all its keys were compared with those of the current rows and of what landed since.
    #[serde(serialize_with = "crate::time::exact")]
    pub keys_compared_at: Option<Timestamp>,
}

/// How far each polled table has been read, by the position of its pipeline's source; empty for other kinds of sources.
///
/// Removes the keys of full loads from the position: keys are data, and the API must not show them.
#[must_use]
pub fn table_progress(pipeline: &str, position: &mut Value) -> Vec<TableProgress> {
    let Ok(polled) = PolledPosition::deserialize(&*position) else {
        return Vec::new();
    };
    let tables = position["tables"].as_object_mut().into_iter().flatten();
    for (_, table) in tables {
        if let Some(load) = table["load"].as_object_mut() {
            load.remove("after");
        }
    }

    polled
        .tables
        .into_iter()
        .map(|(table, known)| TableProgress {
            table: format!("{pipeline}.{table}"),
            cursor_value: known.upto,
            loading: known.load.is_some(),
            keys_compared_at: known.compared_at,
        })
        .collect()
}
