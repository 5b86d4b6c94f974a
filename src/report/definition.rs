//! Whether a definition that a caller sends is right. The pipelines that run know nothing of it.

use std::collections::BTreeMap;
use std::path::{Component, Path};
use std::time::Duration;

use serde::Serialize;
use tempfile::TempDir;

use super::sandbox::{self, Outcome, Written};
use crate::app::App;
use crate::auth::Role;
use crate::error::{Error, Result};
use crate::pipeline::{Finding, Reader, written_name};

const MOST_FILES: usize = 1_000;
const MOST_FINDINGS: usize = 1_000;
/// In bytes, of a path.
const LONGEST_PATH: usize = 255;
const DEEPEST: usize = 20;
/// How long a check waits for those of other callers.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// What is wrong with a definition.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct DefinitionCheck {
    /// Whether the service would take it: no finding is an error.
    pub valid: bool,
    /// Errors and warnings; at most 1,000. Those of `pipeline.yaml` come first.
    pub findings: Vec<Finding>,
    /// The number of further findings.
    pub left_out: usize,
}

/// Reads the files of a pipeline, by their paths below its folder, and asks no server.
///
/// # Errors
///
/// [`Error::Invalid`] for a path that leaves the folder, and for too many files.
pub async fn check_definition(
    app: &App,
    files: BTreeMap<String, String>,
) -> Result<DefinitionCheck> {
    // One at a time, so that callers cannot take the memory and the processors of runs.
    let turn = tokio::time::timeout(LONGEST_WAIT, app.checking.lock()).await;
    let _turn = turn.map_err(|_| Error::TooManyCalls {
        detail: "other callers check definitions",
        retry_after: LONGEST_WAIT.as_secs(),
    })?;
    if files.len() > MOST_FILES {
        return Err(Error::Invalid {
            field: "files".into(),
            detail: format!("`files` has more than {MOST_FILES} files; send fewer"),
        });
    }
    let folder = TempDir::new().map_err(Error::internal)?;
    for (path, text) in &files {
        write(folder.path(), path, text)?;
    }
    let text = files.get("pipeline.yaml").map_or("", String::as_str);
    let reader = reader(app, &written_name(text));
    let Outcome {
        mut findings,
        definition,
    } = sandbox::read(&app.config, folder.path(), reader).await?;
    // Who has no role on the pipeline would learn which tables others write.
    let definition = definition.filter(|_| reader != Reader::Stranger);
    let rival = definition.and_then(|Written { pipeline, tables }| {
        app.pipelines.rival_of_next(&pipeline, tables, &app.config)
    });
    findings.extend(rival);
    let left_out = findings.len().saturating_sub(MOST_FINDINGS);
    let valid = !findings.iter().any(Finding::is_error);
    findings.truncate(MOST_FINDINGS);

    Ok(DefinitionCheck {
        valid,
        findings,
        left_out,
    })
}

/// What the caller may see of the settings in findings about a pipeline of this name.
fn reader(app: &App, pipeline: &str) -> Reader {
    let has = |role| app.caller.grants.have(role, pipeline);
    if has(Role::Operator) {
        Reader::Trusted
    } else if has(Role::Viewer) {
        Reader::Granted
    } else {
        Reader::Stranger
    }
}

fn write(folder: &Path, path: &str, text: &str) -> Result<()> {
    let shown: String = path.chars().take(LONGEST_PATH).collect();
    let refused = |detail: &str| Error::Invalid {
        field: format!("files.{shown}"),
        detail: format!(
            "`files` has a file `{shown}`, {detail}; write a path below the folder of the pipeline, such as `models/orders.sql`"
        ),
    };
    let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    let below = Path::new(path);
    if path.is_empty() || path.len() > LONGEST_PATH || path.contains(['\\', '\0']) {
        return Err(refused("which is no path"));
    }
    if !below.components().all(is_plain) {
        return Err(refused("which leads out of the folder"));
    }
    if below.components().count() > DEEPEST {
        return Err(refused("which is too deep"));
    }
    let place = folder.join(below);
    if let Some(parent) = place.parent() {
        std::fs::create_dir_all(parent).map_err(|_| refused("below a file"))?;
    }
    if place.is_dir() {
        return Err(refused("which is a folder of another file"));
    }

    std::fs::write(&place, text).map_err(Error::internal)
}
