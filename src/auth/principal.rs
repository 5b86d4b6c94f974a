//! Somebody who calls.

use std::sync::Arc;

use super::grant::Grants;
use super::role::Role;
use crate::error::{Error, Result};

/// Somebody who calls, and what they may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The name of the key; or the issuer's name, a slash and the caller's name in the token. `None` without authentication.
    pub name: Option<Arc<str>>,
    pub grants: Arc<Grants>,
}

impl Principal {
    /// # Errors
    ///
    /// [`Error::Forbidden`] if the caller does not have the role on the pipeline.
    pub fn needs(&self, role: Role, pipeline: &str) -> Result<()> {
        if self.grants.have(role, pipeline) {
            return Ok(());
        }

        Err(Error::Forbidden {
            role: role.as_str(),
            pipeline: Some(pipeline.to_owned()),
        })
    }
}
