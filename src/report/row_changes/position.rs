//! How far a reader of row changes is.

use serde::{Deserialize, Serialize};

use crate::state::KeptPublication;

/// How far a caller has read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The publication of which it has every row; `None` before the first.
    pub(super) has: Option<At>,
    /// The publication whose rows it reads; `None` between two of them.
    pub(super) reads: Option<At>,
    /// The last row that it has of these.
    pub(super) last_row: Option<LastRow>,
}

/// A publication. After a loss of the state database, another one may have its id, but not its snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct At {
    pub(super) id: i64,
    pub(super) snapshot: String,
}

/// A row of a page, as the next page begins behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LastRow {
    /// The values of the key as Trino writes them.
    pub(super) key: Vec<Option<String>>,
    /// Whether the row as it is now is still to come.
    pub(super) is_within: bool,
}

impl Position {
    /// The position of a caller who has every row of a publication.
    pub(super) fn behind(has: Option<At>) -> Self {
        Self {
            has,
            ..Self::default()
        }
    }

    /// The last publication of which the caller has every row.
    #[must_use]
    pub fn publication(&self) -> Option<i64> {
        self.has.as_ref().map(|at| at.id)
    }
}

impl From<&KeptPublication> for At {
    fn from(publication: &KeptPublication) -> Self {
        Self {
            id: publication.id,
            snapshot: publication.snapshot.clone(),
        }
    }
}
