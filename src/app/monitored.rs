//! What this service wrote last into the views of monitoring and freshness.

use std::collections::{BTreeMap, HashMap};
use std::time::Instant;

use tokio::sync::Mutex;

/// By pipeline.
#[derive(Debug, Default)]
pub struct Monitored {
    pub pipelines: Mutex<HashMap<String, MonitoredPipeline>>,
}

#[derive(Debug)]
pub struct MonitoredPipeline {
    /// The snapshot of each table and model, by kind and name.
    pub contents: BTreeMap<String, Option<String>>,
    /// The tables in the view of events.
    pub tables: Vec<String>,
    pub at: Instant,
    /// Whether Trino refused the views: the catalog may have none.
    pub is_refused: bool,
}
