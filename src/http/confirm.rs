//! Calls that delete what cannot be had again: a dry run says what, and the caller confirms by the name.

use serde::Deserialize;
use utoipa::IntoParams;

use crate::error::{Error, Result};

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct DryRun {
    /// Say what would be deleted, and delete nothing. It needs no `confirm`.
    #[param(example = true, required = false)]
    pub(super) dry_run: bool,
}

/// What to do before a deletion that a dry run shows. `right` confirms it.
pub(super) fn see_then_send(right: &str) -> String {
    format!("call with `dry_run=true` to see it, then send `{right}`")
}

/// Refuses a call that does not repeat the name of what it deletes. `next` says what to do.
pub(super) fn confirmed(confirm: Option<&str>, name: &str, next: &str) -> Result<()> {
    if confirm == Some(name) {
        return Ok(());
    }
    let given = confirm.map_or_else(
        || "is missing".to_owned(),
        |given| format!("is `{}`", given.chars().take(200).collect::<String>()),
    );

    Err(Error::Invalid {
        field: "confirm".into(),
        detail: format!("the deletion is final, and `confirm` {given}; {next}"),
    })
}
