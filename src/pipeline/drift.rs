//! How a source's table differs from the tables that were made of it, as it is reported.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A difference between a source's table and the tables that were made of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({"column": "channel", "change": "added", "detail": "the source has it as text; it is null in what came before"}))]
pub struct Drift {
    /// The column.
    pub column: String,
    /// What happened to it.
    pub change: DriftKind,
    /// What that means for the tables, and what can be done.
    pub detail: String,
    /// The run that saw it first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<Uuid>,
}

/// What happened to a column of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DriftKind {
    /// It is new, and the tables have it now.
    Added,
    /// It is new, and the tables do not take it in.
    Ignored,
    /// It is gone from the source; the tables keep it, null from then on.
    Gone,
    /// Its type became wider, and that of the tables with it.
    Widened,
    /// Its type is another; the tables keep theirs, values that do not fit are rejected.
    Retyped,
}
