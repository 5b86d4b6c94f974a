//! What this service wrote last into the views of monitoring and freshness.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use tokio::sync::Mutex;

/// By pipeline. Held while the views are written.
#[derive(Debug, Default)]
pub struct Monitored {
    pub pipelines: Mutex<HashMap<String, MonitoredPipeline>>,
}

#[derive(Debug)]
pub struct MonitoredPipeline {
    /// The snapshot of each table and model, by kind and name.
    pub contents: BTreeMap<String, Option<String>>,
    pub at: Instant,
    /// Whether Trino refused the views: the catalog may have none.
    pub is_refused: bool,
}
