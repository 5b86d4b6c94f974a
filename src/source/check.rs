//! The check of a source: what it lacks to be read exactly and cheaply.

use super::files::DropAccess;
use super::finding::Finding;
use super::kind::open;
use super::postgres::{Connections, check_rights};
use super::safety::CursorSafety;
use crate::error::Result;
use crate::pipeline::Definition;
use crate::state::Status;
use crate::state::Store;

/// What the check of a source found.
pub struct CheckedSource {
    /// How far the cursor can be trusted; `None` if the source cannot be read.
    pub safety: Option<CursorSafety>,
    pub findings: Vec<Finding>,
}

/// Finds what a source lacks to be read exactly and cheaply; changes nothing.
pub async fn check(
    definition: &Definition,
    connections: &Connections,
    access: &DropAccess,
    ledger: &Store,
) -> Result<CheckedSource> {
    // Check rights first: without them a source cannot even be opened.
    let mut findings = check_rights(definition, connections).await?;
    if findings
        .iter()
        .any(|finding| finding.status == Status::Error)
    {
        return Ok(CheckedSource {
            safety: None,
            findings,
        });
    }
    let mut source = open(definition, connections, access, ledger).await?;
    findings.extend(source.check().await?);
    let is_listed = findings
        .iter()
        .all(|finding| finding.check != "listing" || finding.status != Status::Error);

    Ok(CheckedSource {
        safety: is_listed.then(|| source.safety()),
        findings,
    })
}
