//! What the check of a source finds: one finding for each thing that it looks at, each with its remedy.

use serde::Serialize;

use crate::state::Status;

/// The names of all checks, for the document.
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "only the document needs it")]
pub(super) enum Check {
    Schema,
    Select,
    Table,
    RowSecurity,
    SeesTransactions,
    PreparedTransactions,
    LongTransactions,
    EarlierRows,
    TransactionColumn,
    Sequence,
    FirstTrigger,
    Primary,
    CursorIndex,
    CursorNotNull,
    UniqueKey,
    Listing,
    Read,
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Finding {
    /// What was looked at; never renamed.
    #[schema(value_type = Check)]
    pub check: &'static str,
    /// How it ended: `warn` if reading works, but costs more or proves less than it could; `error` if the source cannot be read exactly.
    pub status: Status,
    /// What is the case.
    #[schema(
        example = "on `public.orders` the trigger `a_total` fires before `zz_audit`, which writes the log"
    )]
    pub detail: String,
    /// What to do about it.
    #[schema(example = "rename the log's trigger, so that its name sorts first")]
    pub remedy: Option<String>,
}

impl Finding {
    fn new(check: &'static str, status: Status, detail: impl Into<String>) -> Self {
        Self {
            check,
            status,
            detail: detail.into(),
            remedy: None,
        }
    }

    pub(super) fn pass(check: &'static str, detail: impl Into<String>) -> Self {
        Self::new(check, Status::Pass, detail)
    }

    pub(super) fn warn(
        check: &'static str,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..Self::new(check, Status::Warn, detail)
        }
    }

    pub(super) fn error(
        check: &'static str,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..Self::new(check, Status::Error, detail)
        }
    }
}
