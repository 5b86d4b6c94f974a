//! The fault of an option.

use crate::error::Error;

/// `field` is the option at fault.
pub(super) fn invalid(field: &str, detail: impl Into<String>) -> Error {
    Error::Invalid {
        field: field.to_owned(),
        detail: detail.into(),
    }
}
