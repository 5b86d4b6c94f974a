//! How good something is: one word for freshness, tests and checks.

use serde::{Deserialize, Serialize};

/// How good something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Within its limits.
    Pass,
    /// Beyond a limit for warnings.
    Warn,
    /// Beyond a limit for errors, or failed.
    Error,
    /// Nothing is known yet.
    Unknown,
}
