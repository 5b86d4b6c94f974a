//! What a running service holds: settings, servers, pipelines. Cheap to clone.

use std::collections::HashSet;
use std::ops::Deref;
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::config::Config;
use crate::error::Result;
use crate::landing::Folder;
use crate::pipeline::Pipelines;
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
    /// The landing folder.
    pub folder: Folder,
    /// What can be run.
    pub pipelines: Pipelines,
    /// Rings when a run was accepted.
    pub accepted: Notify,
    /// Rings when a run ended.
    pub ended: Notify,
    /// What was made in Trino since the start, so that it is not asked for again.
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
            folder: Folder::new(&config.landing)?,
            pipelines: Pipelines::load(&config)?,
            accepted: Notify::new(),
            ended: Notify::new(),
            made: Mutex::default(),
            config,
        })))
    }

    /// Says whether something was made in Trino since the start.
    #[must_use]
    pub fn is_made(&self, what: &str) -> bool {
        self.made
            .lock()
            .is_ok_and(|made| made.contains(what))
    }

    /// Remembers that something was made.
    pub fn remember_made(&self, what: &str) {
        if let Ok(mut made) = self.made.lock() {
            made.insert(what.to_owned());
        }
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}
