//! What a running service holds: settings, servers, pipelines, signals. Cheap to clone. Knows neither runs nor HTTP.

mod background;
mod monitored;
mod readiness;
mod reload;
mod signals;
mod watched;

use std::collections::HashMap;
use std::ops::Deref;
use std::sync::Arc;

pub use background::Background;
pub use monitored::{Monitored, MonitoredPipeline};
pub use readiness::{Readiness, TrinoLook};
pub use reload::{ReloadCause, watch_pipelines};
pub use signals::Signals;
use tokio::sync::{Mutex, Semaphore, watch};
pub use watched::Watched;

use crate::auth::{Auth, Grants, Principal, Role};
use crate::config::Config;
use crate::error::Result;
use crate::landing::Folder;
use crate::models::Analyses;
use crate::pipeline::Pipelines;
use crate::source::{Connections, DropAccess};
use crate::sql::Statements;
use crate::state::{Lease, Store, Subscriptions};
use crate::trino::Trino;

/// The service's parts, shared by handlers and runs.
#[derive(Debug, Clone)]
pub struct App {
    parts: Arc<Parts>,
    pub store: Store,
    /// The pipelines that may be seen. They stay as they are for the life of this value, also when files are read anew.
    pub pipelines: Pipelines,
    /// Who calls. The service itself has no name, and may do everything.
    pub caller: Principal,
}

/// See [`App`].
#[derive(Debug)]
pub struct Parts {
    /// Host and process, such as `icefront-0:7`: shows people which of several services holds a lease.
    pub name: String,
    pub config: Config,
    pub auth: Auth,
    pub trino: Trino,
    pub connections: Connections,
    /// What file sources may read.
    pub drops: DropAccess,
    pub folder: Folder,
    pub signals: Signals,
    pub analyses: Analyses,
    pub monitored: Monitored,
    pub subscriptions: Subscriptions,
    pub readiness: Readiness,
    /// All pipelines as they were read last.
    newest: watch::Sender<Pipelines>,
    /// Held while pipelines are read anew.
    reloading: Mutex<()>,
    /// Held while a definition of a caller is checked.
    pub checking: Mutex<()>,
    /// What this service made in Trino since its start, such as the columns of each table. It is not made again.
    made: Mutex<HashMap<String, String>>,
}

impl App {
    /// Makes the parts. Connects to nothing, so the service starts while its servers are away.
    ///
    /// # Errors
    ///
    /// [`crate::error::Error::Settings`] names the wrong key.
    pub fn new(config: Config) -> Result<Self> {
        Statements::check()?;

        // A secret that cannot be read is reported now, not when something happens.
        for (name, webhook) in &config.webhooks {
            webhook.receiver(name)?;
        }
        config.lineage.receiver()?;
        let store = Store::new(&config.state)?;
        let pipelines = Pipelines::load(&config)?;
        let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "localhost".into());
        let parts = Parts {
            name: format!("{host}:{}", std::process::id()),
            auth: Auth::new(&config.auth)?,
            trino: Trino::new(config.trino.clone())?,
            connections: Connections::new(&config.connections),
            drops: DropAccess::new(&config.files),
            folder: Folder::new(&config.landing)?,
            signals: Signals::default(),
            analyses: Analyses::default(),
            monitored: Monitored::default(),
            subscriptions: Subscriptions::of(&config),
            readiness: Readiness::default(),
            newest: watch::Sender::new(pipelines.clone()),
            reloading: Mutex::default(),
            checking: Mutex::default(),
            made: Mutex::default(),
            config,
        };

        Ok(Self {
            parts: Arc::new(parts),
            store,
            pipelines,
            caller: Principal {
                name: None,
                grants: Arc::new(Grants::everything()),
            },
        })
    }

    /// The same service whose writes to the state database need the lease; see [`Store::with_lease`].
    #[must_use]
    pub fn with_lease(&self, lease: &Lease) -> Self {
        Self {
            parts: Arc::clone(&self.parts),
            store: self.store.with_lease(lease),
            pipelines: self.pipelines.clone(),
            caller: self.caller.clone(),
        }
    }

    /// The same service for what it does by itself: its questions to the state database wait for no caller.
    #[must_use]
    pub fn for_work(&self) -> Self {
        Self {
            parts: Arc::clone(&self.parts),
            store: self.store.for_work(),
            pipelines: self.pipelines.clone(),
            caller: self.caller.clone(),
        }
    }

    /// The same service with all pipelines as they were read last. What runs for ever asks for them at each turn.
    #[must_use]
    pub fn at_present(&self) -> Self {
        Self {
            parts: Arc::clone(&self.parts),
            store: self.store.clone(),
            pipelines: self.newest.borrow().clone(),
            caller: self.caller.clone(),
        }
    }

    /// The pipelines as they were read last, and each time when they are read anew.
    #[must_use]
    pub fn newest_pipelines(&self) -> watch::Receiver<Pipelines> {
        self.newest.subscribe()
    }

    /// The same service as a caller may see it: with the newest pipelines on which the caller has a role.
    #[must_use]
    pub fn granted(&self, caller: Principal, role: Role) -> Self {
        let newest = self.newest.borrow().clone();
        let pipelines = if caller.grants.have_everywhere(role) {
            newest
        } else {
            newest.only(|name| caller.grants.have(role, name))
        };

        Self {
            parts: Arc::clone(&self.parts),
            store: self.store.clone(),
            pipelines,
            caller,
        }
    }

    /// The same service for a call that takes turns to ask the state database.
    #[must_use]
    pub fn sharing(self, turns: Option<Arc<Semaphore>>) -> Self {
        Self {
            store: self.store.sharing(turns),
            ..self
        }
    }

    /// Makes something in Trino unless it was last made like this since the start. The next call repeats what failed.
    ///
    /// One at a time: two statements that make the same table at once fail each other.
    pub async fn make_once(
        &self,
        what: &str,
        like: &str,
        make: impl AsyncFnOnce() -> Result<()>,
    ) -> Result<()> {
        let mut known = self.made.lock().await;
        if known.get(what).is_none_or(|made| made != like) {
            make().await?;
            known.insert(what.to_owned(), like.to_owned());
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
