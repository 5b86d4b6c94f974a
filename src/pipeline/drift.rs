//! Reported differences between a source table and the tables made from it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A difference between a source table and the tables made from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"column": "channel", "change": "added", "detail": "the source has it as text; it is null in older rows", "run_id": null}))]
pub struct Drift {
    /// The column's name.
    pub column: String,
    /// The kind of the difference.
    pub change: DriftKind,
    /// The effect on the tables, and what you can do.
    pub detail: String,
    /// The run that saw the difference first.
    #[serde(default)]
    pub run_id: Option<Uuid>,
}

/// What happened to a column of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DriftKind {
    /// New in the source; the tables have it too.
    Added,
    /// New in the source; the tables do not get it.
    Ignored,
    /// Gone from the source; the tables keep it, and it is null in new rows.
    Gone,
    /// Its type became wider, in the tables too.
    Widened,
    /// Its type changed; the tables keep the old type, and events whose values do not fit are rejects.
    Retyped,
}
