//! What a running service holds: settings, servers, pipelines. Cheap to clone.

use std::collections::HashSet;
use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::{Mutex, Notify};

use crate::config::Config;
use crate::error::Result;
use crate::landing::Folder;
use crate::pipeline::Pipelines;
use crate::source::Access;
use crate::sql::Statements;
use crate::state::Store;
use crate::trino::Trino;

/// The service's parts, shared by handlers and runs.
#[derive(Debug, Clone)]
pub struct App(Arc<Parts>);

/// See [`App`].
#[derive(Debug)]
pub struct Parts {
    /// The settings.
    pub config: Config,
    /// Our own database.
    pub store: Store,
    /// The engine.
    pub trino: Trino,
    /// The source servers.
    pub access: Access,
    /// The landing folder.
    pub folder: Folder,
    /// What can be run.
    pub pipelines: Pipelines,
    /// Rings when a run was accepted.
    pub accepted: Notify,
    /// Rings when a run ended.
    pub ended: Notify,
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

        Ok(Self(Arc::new(Parts {
            store: Store::new(&config.state)?,
            trino: Trino::new(config.trino.clone())?,
            access: Access::new(&config.connections),
            folder: Folder::new(&config.landing)?,
            pipelines: Pipelines::load(&config)?,
            accepted: Notify::new(),
            ended: Notify::new(),
            made: Mutex::default(),
            config,
        })))
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
        &self.0
    }
}
