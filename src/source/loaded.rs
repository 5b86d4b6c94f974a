//! How far tables that are read themselves have been read, as a position tells it to people.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::polled_tables::Positions;

/// How far one table has been read.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Loaded {
    /// Its name in the pipeline.
    #[schema(example = "customers")]
    pub table: String,
    /// Rows whose cursor is below it have been read, as the cursor column's text; `null` where that is not known yet.
    #[schema(example = "2026-01-01T12:00:00.123456Z")]
    pub until: Option<String>,
    /// Whether its full load is under way: rows that change meanwhile are read after it.
    pub is_loading: bool,
    /// When all its keys were compared with those of the current rows and of what landed since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keys_compared_at: Option<Timestamp>,
}

/// How far each table has been read that is read itself; empty of other sources. The position loses the keys that a load is at: they are data.
#[must_use]
pub fn loaded(position: &mut Value) -> Vec<Loaded> {
    let Ok(positions) = serde_json::from_value::<Positions>(position.clone()) else {
        return Vec::new();
    };
    let loads = position["tables"].as_object_mut().into_iter().flatten();
    for (_, table) in loads {
        if let Some(load) = table["load"].as_object_mut() {
            load.remove("after");
        }
    }

    positions
        .tables
        .into_iter()
        .map(|(table, known)| Loaded {
            table,
            until: known.upto,
            is_loading: known.load.is_some(),
            keys_compared_at: known.compared_at,
        })
        .collect()
}
