//! Whether a definition that a caller sends is right. The pipelines that run know nothing of it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::given_folder::GivenFolder;
use super::sandbox::{self, Outcome, Written};
use crate::app::App;
use crate::auth::Role;
use crate::error::{Error, Result};
use crate::pipeline::{Finding, Reader};

const MOST_FINDINGS: usize = 1_000;
/// The findings of an answer, in bytes of JSON.
const MOST_BYTES: usize = 1 << 20;
/// How long a check waits for those of other callers.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// What is wrong with a definition.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct DefinitionCheck {
    /// Whether the service would take it: no finding is an error.
    pub valid: bool,
    /// Errors and warnings; at most 1,000, and 1 MiB of them. Those of `pipeline.yaml` come first.
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
    let folder = GivenFolder::write(files).await?;
    let reader = reader(app, folder.pipeline());
    let Outcome {
        mut findings,
        definition,
    } = sandbox::read(&app.config, folder.path(), reader).await?;
    // Who has no role on the pipeline would learn which tables others write.
    let definition = definition.filter(|_| reader != Reader::Stranger);
    let rival = definition.and_then(|Written { pipeline, tables }| {
        app.pipelines.rival_of_next(&pipeline, &tables, &app.config)
    });
    findings.extend(rival);
    let valid = !findings.iter().any(Finding::is_error);
    let shown = shown(&findings);
    let left_out = findings.len() - shown;
    findings.truncate(shown);

    Ok(DefinitionCheck {
        valid,
        findings,
        left_out,
    })
}

/// The number of findings that an answer has room for.
fn shown(findings: &[Finding]) -> usize {
    let mut room = MOST_BYTES;
    let fits = |finding: &&Finding| {
        let size = serde_json::to_string(finding).map_or(MOST_BYTES, |text| text.len());
        let left = room.checked_sub(size);
        room = left.unwrap_or(0);
        left.is_some()
    };

    findings.iter().take(MOST_FINDINGS).take_while(fits).count()
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
