//! How far a cursor can be trusted.

use serde::{Deserialize, Serialize};

/// How far a cursor can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Safety {
    /// No committed row can be skipped.
    Proven,
    /// Rows may be skipped in known cases.
    Overlap,
    /// Rows will be skipped.
    Unsafe,
}

/// How far the cursor of a source can be trusted, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CursorSafety {
    pub safety: Safety,
    pub reason: String,
}

impl CursorSafety {
    pub(super) fn proven(reason: impl Into<String>) -> Self {
        Self {
            safety: Safety::Proven,
            reason: reason.into(),
        }
    }

    pub(super) fn overlap(reason: impl Into<String>) -> Self {
        Self {
            safety: Safety::Overlap,
            reason: reason.into(),
        }
    }

    pub(super) fn not_safe(reason: impl Into<String>) -> Self {
        Self {
            safety: Safety::Unsafe,
            reason: reason.into(),
        }
    }
}
