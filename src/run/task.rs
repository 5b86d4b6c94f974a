//! What a run is for: build the pipeline's tables, or check, repair or remake some of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::request::Selection;
use crate::error::{Error, Result};
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
        /// Whether a run took `keys` away that forgot keys of the table.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        are_keys_erased: bool,
    },
    /// Makes a table's typed log again from landing, then its current rows and history.
    Restage { table: String },
    /// Reads a table again from its source, then builds.
    Resync { table: String },
    /// Deletes everything that is held of a table, then builds: it is read from its source anew.
    Reset { table: String },
    /// Erases all that is held of some keys of a table, and takes no event of them again.
    Forget {
        table: String,
        /// Each its values as texts by column. They go from the run when it has succeeded.
        #[serde(default)]
        keys: Vec<BTreeMap<String, String>>,
        /// How many keys there were.
        key_count: usize,
    },
    /// Compares current rows and history with the typed log.
    Verify {
        table: String,
        /// Compares one key in this many.
        one_in: u32,
    },
    /// Runs all declared tests of a table over all its rows.
    Test { table: String },
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
    /// Deletes everything that is held of a table that no definition declares.
    Delete { table: String },
    /// Deletes everything that is held of a model that no definition declares.
    DeleteModel { model: String },
    /// Deletes what is older than the settings keep it.
    Maintenance {
        /// Whether it only counts.
        dry_run: bool,
    },
}

/// The kind of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunKind {
    /// Extracts, stages, publishes and refreshes models, as far as it was asked to.
    Build,
    /// Makes a table's current rows and history again from its typed log.
    Rebuild,
    /// Makes a table's typed log again from landing, then its current rows and history.
    Restage,
    /// Reads a table again from its source, then builds.
    Resync,
    /// Deletes everything that is held of a table, reads it from its source anew, and builds.
    Reset,
    /// Erases all that is held of some keys of a table, and takes no event of them again.
    Forget,
    /// Compares a table with its typed log.
    Verify,
    /// Runs all declared tests of a table over all its rows.
    Test,
    /// Compares a model's table with its query.
    VerifyModel,
    /// Takes rejects in that are right by now.
    Replay,
    /// Deletes rejects.
    Dismiss,
    /// Deletes everything that is held of a table that no definition declares any more.
    Delete,
    /// Deletes everything that is held of a model that no definition declares any more.
    DeleteModel,
    /// Deletes what is older than the settings keep it, from the state database and from Iceberg tables.
    Maintenance,
}

impl RunKind {
    /// The word for it in the API and the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Rebuild => "rebuild",
            Self::Restage => "restage",
            Self::Resync => "resync",
            Self::Reset => "reset",
            Self::Forget => "forget",
            Self::Verify => "verify",
            Self::Test => "test",
            Self::VerifyModel => "verify_model",
            Self::Replay => "replay",
            Self::Dismiss => "dismiss",
            Self::Delete => "delete",
            Self::DeleteModel => "delete_model",
            Self::Maintenance => "maintenance",
        }
    }
}

impl Default for Task {
    fn default() -> Self {
        Self::Build { selection: None }
    }
}

impl Task {
    #[must_use]
    pub fn kind(&self) -> RunKind {
        match self {
            Self::Build { .. } => RunKind::Build,
            Self::Rebuild { .. } => RunKind::Rebuild,
            Self::Restage { .. } => RunKind::Restage,
            Self::Resync { .. } => RunKind::Resync,
            Self::Reset { .. } => RunKind::Reset,
            Self::Forget { .. } => RunKind::Forget,
            Self::Verify { .. } => RunKind::Verify,
            Self::Test { .. } => RunKind::Test,
            Self::VerifyModel { .. } => RunKind::VerifyModel,
            Self::Replay { .. } => RunKind::Replay,
            Self::Dismiss { .. } => RunKind::Dismiss,
            Self::Delete { .. } => RunKind::Delete,
            Self::DeleteModel { .. } => RunKind::DeleteModel,
            Self::Maintenance { .. } => RunKind::Maintenance,
        }
    }

    /// Whether the run builds the pipeline's tables.
    #[must_use]
    pub fn builds(&self) -> bool {
        matches!(
            self,
            Self::Build { .. } | Self::Resync { .. } | Self::Reset { .. }
        )
    }

    /// The table of which it forgets keys.
    #[must_use]
    pub fn forgotten_table(&self) -> Option<&str> {
        match self {
            Self::Forget { table, .. } => Some(table),
            _ => None,
        }
    }

    /// What makes a repeated call the same. Keys may be forgotten later, so their hash stands for them.
    pub(super) fn identity(&self) -> Result<Value> {
        let mut identity = match self {
            // `state:` and `result:` may select other models by now.
            Self::Build { .. } => serde_json::to_value(Self::default()),
            task => serde_json::to_value(task),
        }
        .map_err(Error::internal)?;
        if let Self::Forget { keys, .. } | Self::Rebuild { keys, .. } = self
            && !keys.is_empty()
        {
            let keys = serde_json::to_vec(keys).map_err(Error::internal)?;
            identity["keys"] = Sha256::digest(keys).to_vec().into();
        }

        Ok(identity)
    }

    /// Whether it deletes what a removed table or model left behind. Its pipeline may be removed, too.
    #[must_use]
    pub fn deletes_leftover(&self) -> bool {
        matches!(self, Self::Delete { .. } | Self::DeleteModel { .. })
    }
}

/// The refusal of a run whose keys are erased.
pub(super) fn erased_keys() -> Error {
    Error::Invalid {
        field: "keys".into(),
        detail: "the keys of this run are erased, because a run forgot keys of its table; start a new run".into(),
    }
}
