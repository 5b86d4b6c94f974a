//! What the positions of both Postgres kinds share: they are JSON, and they belong to one server.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};

/// Distinguishes a server from others under the same address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::source) struct ServerIdentity {
    pub(in crate::source) system_identifier: String,
    /// It rises with a failover or a recovery.
    pub(super) timeline: i32,
}

impl ServerIdentity {
    /// Refuses a server other than the one that was read before.
    ///
    /// # Errors
    ///
    /// [`Error::SourceReplaced`].
    pub(in crate::source) fn check_same(&self, now: &Self, connection: &str) -> Result<()> {
        if self.system_identifier != now.system_identifier {
            return Err(replaced(connection, "another server"));
        }
        if self.timeline != now.timeline {
            return Err(replaced(
                connection,
                "the same server after a failover or a recovery (another timeline)",
            ));
        }

        Ok(())
    }
}

/// The error if a connection leads to another server than before.
pub(in crate::source) fn replaced(connection: &str, by: &str) -> Error {
    Error::SourceReplaced {
        detail: format!(
            "connection `{connection}` now leads to {by}, about which the cursor says nothing, so nothing is read; point the connection back, or read the new one by a pipeline of another name"
        ),
    }
}

/// A position as the state database keeps it, for the source of a pipeline.
///
/// # Errors
///
/// [`Error::SourceReplaced`] if it is that of another kind of source.
pub(in crate::source) fn remembered<T: DeserializeOwned>(
    position: Option<&Value>,
    pipeline: &str,
) -> Result<Option<T>> {
    let position = position.map(T::deserialize);

    position.transpose().map_err(|_| Error::SourceReplaced {
        detail: format!(
            "pipeline `{pipeline}` read another kind of source before, and its cursor says nothing about this one, so nothing is read; put `source.kind` back, or read this one by a pipeline of another name"
        ),
    })
}

/// Changes a position as the state database keeps it.
///
/// # Errors
///
/// [`Error::Internal`] if it is that of another kind of source.
pub(in crate::source) fn change<T: Serialize + DeserializeOwned>(
    position: &mut Value,
    change: impl FnOnce(&mut T),
) -> Result<()> {
    let mut typed = serde_json::from_value(position.take()).map_err(Error::internal)?;
    change(&mut typed);
    *position = serde_json::to_value(typed).map_err(Error::internal)?;

    Ok(())
}
