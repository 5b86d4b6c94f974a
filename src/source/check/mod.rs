//! What a source lacks to be read exactly and cheaply, finding by finding, each with its remedy.

mod log;
mod rights;
mod server;
mod tables;

use serde::Serialize;

use super::connections::Connections;
use super::cursor::Safety;
use super::files::Files;
use super::{Kind, Opened, Purpose};
use crate::error::{Error, Result, causes};
use crate::pipeline::Definition;
use crate::state::Store;

/// How a check of a source ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// As it should be.
    Pass,
    /// It works, but costs more or proves less than it could.
    Warn,
    /// It cannot be read exactly.
    Error,
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Finding {
    /// What was looked at; never renamed.
    #[schema(example = "first_trigger")]
    pub check: &'static str,
    /// How it ended.
    pub verdict: Verdict,
    /// What is the case.
    #[schema(
        example = "on `public.orders` the trigger `a_total` fires before `zz_audit`, which writes the log"
    )]
    pub detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "rename the log's trigger, so that its name sorts first")]
    pub remedy: Option<String>,
}

impl Finding {
    fn new(check: &'static str, verdict: Verdict, detail: impl Into<String>) -> Self {
        Self {
            check,
            verdict,
            detail: detail.into(),
            remedy: None,
        }
    }

    fn pass(check: &'static str, detail: impl Into<String>) -> Self {
        Self::new(check, Verdict::Pass, detail)
    }

    fn warn(check: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..Self::new(check, Verdict::Warn, detail)
        }
    }

    fn error(check: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..Self::new(check, Verdict::Error, detail)
        }
    }
}

/// Looks at everything that reading a source exactly and cheaply needs; changes nothing. How far the cursor can be trusted is told unless a
/// right is missing without which nothing can be read.
pub async fn check(
    definition: &Definition,
    connections: &Connections,
    ledger: &Store,
) -> Result<(Option<(Safety, String)>, Vec<Finding>)> {
    let mut findings = rights::of(definition, connections).await?;
    if findings
        .iter()
        .any(|finding| finding.verdict == Verdict::Error)
    {
        return Ok((None, findings));
    }
    let opened = Opened::open(definition, connections, ledger).await?;
    findings.extend(match &opened.kind {
        Kind::AuditLog(audit_log) => log::of(audit_log, &opened.tables).await?,
        Kind::PolledTables(tables) => tables::of(tables).await?,
        Kind::Files(files) => of_files(files).await?,
    });
    let is_listed = findings
        .iter()
        .all(|finding| finding.check != "listing" || finding.verdict != Verdict::Error);

    Ok((is_listed.then(|| opened.safety()), findings))
}

async fn of_files(files: &Files<'_>) -> Result<Vec<Finding>> {
    let reading = match files.begin(None, Purpose::Look).await {
        Err(error @ Error::FilesUnavailable { .. }) => {
            let cause = causes(&error);
            tracing::warn!(%error, cause, "a folder cannot be listed");
            return Ok(vec![Finding::error(
                "listing",
                error.to_string(),
                "see that the store answers, that `source.path` is there, and that the service may list it; of S3, allow it `ListBucket`",
            )]);
        }
        reading => reading?,
    };
    let waiting = reading.files.len();
    let mut findings = vec![Finding::pass(
        "listing",
        format!("the folder can be listed; {waiting} files wait to be read"),
    )];
    findings.extend(files.may_read(&reading).await.map(|may| {
        if may {
            Finding::pass("read", "the first file that waits can be read")
        } else {
            Finding::error(
                "read",
                "the first file that waits cannot be read",
                "let the service read the files of the folder; of S3, allow it `GetObject`",
            )
        }
    }));

    Ok(findings)
}
