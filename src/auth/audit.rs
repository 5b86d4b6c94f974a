//! The audit log: its target, and its lines about keys. The lines about calls are `http`'s.

use crate::error::Error;

/// The target of the audit log's lines.
pub const AUDIT: &str = "icefront::audit";

/// Says how a new file of keys was read.
pub(super) fn reloaded(keys: Result<usize, &Error>) {
    let outcome = if keys.is_ok() { "read" } else { "refused" };
    metrics::counter!("icefront_key_reloads_total", "outcome" => outcome).increment(1);
    match keys {
        Ok(keys) => {
            tracing::info!(target: AUDIT, action = "reload_keys", decision = "allowed", keys, "the file of keys was read again");
        }
        Err(error) => {
            tracing::warn!(%error, "the file of keys cannot be used, so the keys before it hold; correct the file");
            tracing::info!(target: AUDIT, action = "reload_keys", decision = "refused", "the keys before hold");
        }
    }
}
