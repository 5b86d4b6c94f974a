//! What a running service holds: settings, servers, pipelines. Cheap to clone.

use std::collections::HashSet;
use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::{Mutex, Notify, watch};

use crate::config::Config;
use crate::error::Result;
use crate::landing::Folder;
use crate::pipeline::Pipelines;
use crate::run::Watched;
use crate::source::Connections;
use crate::sql::Statements;
use crate::state::{Lease, Store};
use crate::trino::Trino;

/// The service's parts, shared by handlers and runs.
#[derive(Debug, Clone)]
pub struct App {
    parts: Arc<Parts>,
    pub store: Store,
}

/// See [`App`].
#[derive(Debug)]
pub struct Parts {
    /// What this service is called where several share a state database: its process and host, for people.
    pub name: String,
    pub config: Config,
    pub trino: Trino,
    pub connections: Connections,
    pub folder: Folder,
    /// What can be run.
    pub pipelines: Pipelines,
    /// Rings when a run was accepted.
    pub accepted: Notify,
    /// Rings when a run that is executed may be to be cancelled.
    pub cancelled: Notify,
    /// The runs that callers wait for.
    pub watched: Watched,
    /// Whether the service is about to end.
    pub stopping: watch::Sender<bool>,
    /// What was made in Trino since the start, so that it is not made again.
    made: Mutex<HashSet<String>>,
}

impl App {
    /// Makes the parts; connects to nothing, so that the service starts while its servers are away.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::Settings`] that names the key at fault.
    pub fn new(config: Config) -> Result<Self> {
        Statements::check()?;

        let store = Store::new(&config.state)?;
        let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "localhost".into());
        let parts = Parts {
            name: format!("{host}:{}", std::process::id()),
            trino: Trino::new(config.trino.clone())?,
            connections: Connections::new(&config.connections),
            folder: Folder::new(&config.landing)?,
            pipelines: Pipelines::load(&config)?,
            accepted: Notify::new(),
            cancelled: Notify::new(),
            watched: Watched::default(),
            stopping: watch::Sender::default(),
            made: Mutex::default(),
            config,
        };

        Ok(Self {
            parts: Arc::new(parts),
            store,
        })
    }

    /// The same service for what is done under a lease; see [`Store::with_lease`].
    #[must_use]
    pub fn with_lease(&self, lease: &Lease) -> Self {
        Self {
            parts: Arc::clone(&self.parts),
            store: self.store.with_lease(lease),
        }
    }

    /// Resolves when the service is about to end.
    pub async fn stops(&self) {
        // The sender lives as long as the service; its end is a stop as well.
        let _ = self
            .stopping
            .subscribe()
            .wait_for(|stopping| *stopping)
            .await;
    }

    /// Makes something in Trino unless that was done since the start. One at a time: two that make the same at once would
    /// fail each other.
    ///
    /// # Errors
    ///
    /// Whatever `make` fails with; it is then made again next time.
    pub async fn make_once(
        &self,
        what: &str,
        make: impl AsyncFnOnce() -> Result<()>,
    ) -> Result<()> {
        let mut known = self.made.lock().await;
        if !known.contains(what) {
            make().await?;
            known.insert(what.to_owned());
        }

        Ok(())
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}
