//! What became of each pipeline when its files were read anew.

use serde::Serialize;

use super::Finding;

/// What became of a pipeline when the files were read anew.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = PipelineReload, example = json!({
    "pipeline": "shop",
    "outcome": "broken",
    "usable": true,
    "findings": [{
        "severity": "error",
        "file": "pipeline.yaml",
        "line": 6,
        "line_column": 5,
        "detail": "unknown field `kye`, expected one of from, key",
        "remedy": "did you mean `key`?",
    }],
}))]
pub struct Reload {
    /// The pipeline's name.
    pub pipeline: String,
    /// What became of it.
    pub outcome: ReloadOutcome,
    /// Whether runs can be started. A broken pipeline that was usable before keeps its last good definition.
    pub usable: bool,
    /// What is wrong with the files, if the pipeline is broken.
    pub findings: Vec<Finding>,
}

/// What became of a pipeline when the files were read anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReloadOutcome {
    /// It is new or has changed. New runs take the new definition.
    Read,
    /// Its files are the same as before.
    Unchanged,
    /// Its files cannot be used.
    Broken,
    /// Its files are gone. It takes no new runs.
    Removed,
}
