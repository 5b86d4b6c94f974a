//! What a run is for: the pipeline's usual way, or one of the tasks that mend, check or make tables anew.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::warehouse::RejectFilter;

/// What a run is for; kept with the run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Task {
    /// Extract, staging, marts, as far as they are asked for.
    #[default]
    Build,
    /// A table's current rows and history again from its log; of some keys, or of all where none is named.
    Rebuild {
        /// The table, by its name in the pipeline.
        table: String,
        /// The keys: their values as texts, by column.
        #[serde(default)]
        keys: Vec<BTreeMap<String, String>>,
    },
    /// A table's log again from landing, then its current rows and history.
    Restage {
        /// The table, by its name in the pipeline.
        table: String,
    },
    /// A table again from its source, then the pipeline's usual way.
    Resync {
        /// The table, by its name in the pipeline.
        table: String,
    },
    /// A table compared with its log.
    Verify {
        /// The table, by its name in the pipeline.
        table: String,
        /// Only one key in so many.
        one_in: u32,
    },
    Replay {
        /// The tables, by their names in the pipeline.
        tables: Vec<String>,
        /// Which of their rejects.
        filter: RejectFilter,
    },
    Dismiss {
        /// The tables, by their names in the pipeline.
        tables: Vec<String>,
        /// Which of their rejects.
        filter: RejectFilter,
    },
}

impl Task {
    /// Whether extract, staging and marts are done.
    #[must_use]
    pub fn builds(&self) -> bool {
        matches!(self, Self::Build | Self::Resync { .. })
    }
}
