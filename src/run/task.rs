//! What a run is for: build the pipeline's tables, or check, repair or remake some of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::request::Selection;
use crate::warehouse::RejectFilter;

/// Kept with the run, as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Task {
    /// Extract, staging, marts and models, as far as the request asks for them.
    Build {
        /// What the words `state:` and `result:` selected when the run was accepted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        selection: Option<Selection>,
    },
    /// Makes a table's current rows and history again from its typed log.
    Rebuild {
        /// The table, by its name in the pipeline, here and below.
        table: String,
        /// Only these keys, each its values as texts by column. All when empty.
        #[serde(default)]
        keys: Vec<BTreeMap<String, String>>,
    },
    /// Makes a table's typed log again from landing, then its current rows and history.
    Restage { table: String },
    /// Reads a table again from its source, then builds.
    Resync { table: String },
    /// Compares current rows and history with the typed log.
    Verify {
        table: String,
        /// Compares one key in this many.
        one_in: u32,
    },
    /// Compares a model's table with its query.
    VerifyModel {
        /// The model, by its name in the pipeline.
        model: String,
    },
    /// Stages rejects again and publishes those that can be taken.
    Replay {
        tables: Vec<String>,
        // Runs that were accepted before the field had this name are read as well.
        #[serde(alias = "meant")]
        filter: RejectFilter,
    },
    /// Forgets rejects.
    Dismiss {
        tables: Vec<String>,
        // Runs that were accepted before the field had this name are read as well.
        #[serde(alias = "meant")]
        filter: RejectFilter,
    },
}

impl Default for Task {
    fn default() -> Self {
        Self::Build { selection: None }
    }
}

impl Task {
    /// Whether the run builds the pipeline's tables.
    #[must_use]
    pub fn builds(&self) -> bool {
        matches!(self, Self::Build { .. } | Self::Resync { .. })
    }
}
