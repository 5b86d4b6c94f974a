//! How runs are executed.

use std::time::Duration;

use serde::Deserialize;

use super::duration;
use crate::error::{Error, Result};

/// The service renews its lease once a second: with a shorter one, a short pause would lose it.
const SHORTEST_LEASE: Duration = Duration::from_secs(3);

/// How runs are executed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Runs {
    /// Trino statements at once, per run.
    pub concurrency: usize,
    /// The limit for a run with all its attempts and pauses.
    #[serde(deserialize_with = "duration")]
    pub timeout: Duration,
    #[serde(deserialize_with = "duration")]
    pub step_timeout: Duration,
    /// How long a run is retried after a temporary fault.
    #[serde(deserialize_with = "duration")]
    pub retry_for: Duration,
    /// The most queued runs per pipeline.
    pub queue_limit: i64,
    /// How long idempotency keys are kept.
    #[serde(deserialize_with = "duration")]
    pub keep_keys: Duration,
    /// How long a silent service keeps its runs before another takes them over.
    #[serde(deserialize_with = "duration")]
    pub lease: Duration,
    /// How long steps may go on while the service shuts down.
    #[serde(deserialize_with = "duration")]
    pub shutdown_grace: Duration,
    /// Publishes keys with only newer events from their open version, without reading their log.
    pub fast_path: bool,
    /// Rewrites many small files as few, at the end of a run.
    pub optimize: bool,
}

impl Runs {
    pub(super) fn check(&self) -> Result<()> {
        if self.lease < SHORTEST_LEASE {
            return Err(Error::Settings(
                "`runs.lease` is less than 3 s, so a short pause of a healthy service would lose its runs; write a time such as `15s`".into(),
            ));
        }
        if self.queue_limit < 1 || self.concurrency < 1 {
            return Err(Error::Settings(
                "`runs.queue_limit` and `runs.concurrency` must be 1 or more; with 0 no run would ever start".into(),
            ));
        }

        Ok(())
    }
}
