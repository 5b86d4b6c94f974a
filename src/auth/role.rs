//! Roles: what a caller may do to a pipeline.

use std::str::FromStr;

use serde::Serialize;

use crate::error::did_you_mean;

/// What a caller may do to a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// May see runs, freshness, changes, plans and metadata.
    Viewer,
    /// A viewer who may read data: rows, histories, row changes, rejects, files and SQL.
    Reader,
    /// A viewer who may start, cancel and retry runs.
    Runner,
    /// A reader and runner who may check, verify, repair, replay, dismiss, pause and suspend.
    Operator,
    /// May do everything, also what deletes data for good, and what belongs to no pipeline.
    Admin,
}

impl Role {
    pub const ALL: [Self; 5] = [
        Self::Viewer,
        Self::Reader,
        Self::Runner,
        Self::Operator,
        Self::Admin,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Reader => "reader",
            Self::Runner => "runner",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// Whether it may do all that `other` may.
    #[must_use]
    pub fn includes(self, other: Self) -> bool {
        match self {
            Self::Viewer => other == Self::Viewer,
            Self::Reader => matches!(other, Self::Viewer | Self::Reader),
            Self::Runner => matches!(other, Self::Viewer | Self::Runner),
            Self::Operator => other != Self::Admin,
            Self::Admin => true,
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|role| role.as_str() == text);

        known.ok_or_else(|| {
            let names = Self::ALL.map(Self::as_str);
            let near = did_you_mean(text, names);
            format!(
                "there is no role `{text}`{near}; the roles are {}",
                names.join(", ")
            )
        })
    }
}
