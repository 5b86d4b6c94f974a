//! How runs are executed.

use std::time::Duration;

use serde::Deserialize;

use super::duration;
use crate::error::{Error, Result};

/// A service that beats once a second would lose a shorter lease by a hiccup.
const SHORTEST_LEASE: Duration = Duration::from_secs(3);

/// How runs are executed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runs {
    /// Trino statements at once, per run.
    pub concurrency: usize,
    /// The longest a run may take, with all its tries and pauses.
    #[serde(deserialize_with = "duration")]
    pub timeout: Duration,
    /// The longest a step may take.
    #[serde(deserialize_with = "duration")]
    pub step_timeout: Duration,
    /// How long a run is tried again that failed by a fault that passes.
    #[serde(deserialize_with = "duration")]
    pub retry_for: Duration,
    /// The most runs of a pipeline that wait.
    pub queue_limit: i64,
    /// How long idempotency keys are kept.
    #[serde(deserialize_with = "duration")]
    pub keep_keys: Duration,
    /// How long a service that does not answer is taken to execute its runs.
    #[serde(deserialize_with = "duration")]
    pub lease: Duration,
    /// How long steps may go on when the service is about to end.
    #[serde(deserialize_with = "duration")]
    pub shutdown_grace: Duration,
    /// Whether keys that only newer events touched are published from their open version, without their log.
    pub fast_path: bool,
    /// Whether tables that have become many small files are written as few, at the end of a run.
    pub optimize: bool,
}

impl Runs {
    /// Refuses what nothing can be executed by.
    pub(super) fn check(&self) -> Result<()> {
        if self.lease < SHORTEST_LEASE {
            return Err(Error::Settings(
                "`runs.lease` is less than 3 s, in which a service that lives may seem frozen; write a time such as `15s`".into(),
            ));
        }
        if self.queue_limit < 1 || self.concurrency < 1 {
            return Err(Error::Settings(
                "`runs.queue_limit` and `runs.concurrency` must be 1 or more, else nothing is ever run".into(),
            ));
        }

        Ok(())
    }
}
