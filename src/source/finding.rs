//! What the check of a source finds: one finding for each thing that it looks at, each with its remedy.

use serde::Serialize;

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

    pub(super) fn pass(check: &'static str, detail: impl Into<String>) -> Self {
        Self::new(check, Verdict::Pass, detail)
    }

    pub(super) fn warn(
        check: &'static str,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..Self::new(check, Verdict::Warn, detail)
        }
    }

    pub(super) fn error(
        check: &'static str,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..Self::new(check, Verdict::Error, detail)
        }
    }
}
