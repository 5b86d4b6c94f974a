//! The source servers that the settings name: how each is reached, and how many connections to it there may be.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connection_task::ConnectionTask;
use super::fault::{unavailable, unreadable};
use crate::config;
use crate::error::{Error, Result};
use crate::postgres::{Client, ConnectError, Server, Work};
use crate::sql::render;

/// The longest wait for a connection while all are in use.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The servers that pipelines read, by the names of their connections.
#[derive(Debug)]
pub struct Connections {
    endpoints: Arc<BTreeMap<String, Endpoint>>,
    /// Whether calls of the API use them: then runs keep half of each.
    are_for_calls: bool,
}

/// How one server is reached.
#[derive(Debug)]
struct Endpoint {
    settings: config::Connection,
    free: Arc<Semaphore>,
    /// Those of the free ones that calls of the API may take.
    free_for_calls: Arc<Semaphore>,
}

/// The right to have a connection open.
struct Permit {
    _of_all: OwnedSemaphorePermit,
    _of_calls: Option<OwnedSemaphorePermit>,
}

/// A connection of the settings, as one pipeline uses it.
#[derive(Debug, Clone, Copy)]
pub(in crate::source) struct PipelineConnection<'a> {
    pub(in crate::source) connections: &'a Connections,
    /// Its name in the settings.
    pub(in crate::source) name: &'a str,
    pub(in crate::source) pipeline: &'a str,
}

/// A connection that was opened.
pub(super) struct OpenConnection {
    /// What asks the server.
    pub(super) client: Client,
    pub(super) task: ConnectionTask,
}

/// What `source/session.sql` names; limits in milliseconds.
#[derive(Serialize)]
struct SessionLimits {
    statement_timeout: i32,
    lock_timeout: i32,
}

impl Connections {
    /// Takes the settings; connects to nothing and reads no file.
    #[must_use]
    pub fn new(connections: &BTreeMap<String, config::Connection>) -> Self {
        let endpoints = connections.iter().map(|(name, settings)| {
            let endpoint = Endpoint {
                settings: settings.clone(),
                free: Arc::new(Semaphore::new(settings.connections.max(1))),
                free_for_calls: Arc::new(Semaphore::new(most_for_calls(settings))),
            };
            (name.clone(), endpoint)
        });

        Self {
            endpoints: Arc::new(endpoints.collect()),
            are_for_calls: false,
        }
    }

    /// The same servers for calls of the API. All calls together take at most half of a server's connections, so that runs find
    /// the other half. If a server has one connection, calls and runs take turns.
    #[must_use]
    pub fn for_calls(&self) -> Self {
        Self {
            endpoints: Arc::clone(&self.endpoints),
            are_for_calls: true,
        }
    }
}

impl PipelineConnection<'_> {
    /// Connects. The session cannot write, and all its waits have limits.
    ///
    /// Reads secrets and certificates each time, so they may change while the service runs.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`], [`Error::SourceUnavailable`], [`Error::SourceUnreadable`], and [`Error::TimedOut`] if others had all
    /// connections for too long.
    pub(super) async fn connect(&self) -> Result<OpenConnection> {
        let endpoint = self.endpoint()?;
        let waited = endpoint.permit(self.connections.are_for_calls);
        let permit = tokio::time::timeout(LONGEST_WAIT, waited)
            .await
            .map_err(|_| self.too_many())??;

        endpoint.connect(self, permit).await
    }

    /// As [`PipelineConnection::connect`], but only while more than half of the connections are free; `None` otherwise.
    pub(super) async fn connect_if_free(&self) -> Result<Option<OpenConnection>> {
        let endpoint = self.endpoint()?;
        if self.connections.are_for_calls
            || endpoint.free.available_permits() <= endpoint.settings.connections / 2
        {
            return Ok(None);
        }
        let Ok(free) = Arc::clone(&endpoint.free).try_acquire_owned() else {
            return Ok(None);
        };
        let permit = Permit {
            _of_all: free,
            _of_calls: None,
        };

        endpoint.connect(self, permit).await.map(Some)
    }

    /// A batch of a full load takes this many rows of a table.
    pub(super) fn range_rows(&self) -> Result<u32> {
        Ok(self.endpoint()?.settings.range_rows)
    }

    fn endpoint(&self) -> Result<&Endpoint> {
        let Self {
            connections, name, ..
        } = self;

        connections
            .endpoints
            .get(*name)
            .ok_or_else(|| Error::Settings(format!("`connections.{name}` is not set")))
    }

    /// Others had all connections that this one may take, for too long.
    fn too_many(&self) -> Error {
        let name = self.name;
        let seconds = LONGEST_WAIT.as_secs();
        let most = self.endpoint().map_or(0, |endpoint| {
            if self.connections.are_for_calls {
                most_for_calls(&endpoint.settings)
            } else {
                endpoint.settings.connections
            }
        });
        let detail = if self.connections.are_for_calls {
            format!(
                "the {most} connections of `connections.{name}` that calls may take were in use for {seconds} s; runs keep the others; ask again, or raise `connections.{name}.connections`"
            )
        } else {
            format!(
                "all {most} connections of `connections.{name}` were in use for {seconds} s; raise `connections.{name}.connections`, or let fewer pipelines run at once"
            )
        };

        Error::TimedOut(detail)
    }
}

/// How many connections calls of the API may take at once: half, and one at least.
fn most_for_calls(settings: &config::Connection) -> usize {
    (settings.connections / 2).max(1)
}

impl Endpoint {
    /// Waits until a connection may be opened.
    async fn permit(&self, is_for_call: bool) -> Result<Permit> {
        // The turn among the calls comes first, so that a waiting call holds nothing that runs want.
        let of_calls = if is_for_call {
            let turn = Arc::clone(&self.free_for_calls).acquire_owned().await;
            Some(turn.map_err(Error::internal)?)
        } else {
            None
        };
        let of_all = Arc::clone(&self.free).acquire_owned().await;

        Ok(Permit {
            _of_all: of_all.map_err(Error::internal)?,
            _of_calls: of_calls,
        })
    }

    async fn connect(
        &self,
        PipelineConnection { name, pipeline, .. }: &PipelineConnection<'_>,
        permit: Permit,
    ) -> Result<OpenConnection> {
        let settings = &self.settings;
        let server = Server::new(&settings.address(name)?)?
            .with_application_name(&format!("icefront/{pipeline}"));
        let (client, work) = server.connect().await.map_err(|fault| match fault {
            ConnectError::Misconfigured(detail) => Error::SourceUnreadable { detail },
            ConnectError::Unreachable(cause) => unavailable(name, cause),
        })?;
        let session = render(
            "source/session.sql",
            SessionLimits {
                statement_timeout: milliseconds(settings.statement_timeout),
                lock_timeout: milliseconds(settings.lock_timeout),
            },
        )?;
        let task = ConnectionTask::new(until_it_ends(work, permit));
        client
            .batch_execute(&session)
            .await
            .map_err(|cause| unreadable(name, cause))?;

        Ok(OpenConnection { client, task })
    }
}

/// The work of a connection, which holds its permit until it ends.
fn until_it_ends(work: Work, permit: Permit) -> Work {
    Box::pin(async move {
        work.await;
        drop(permit);
    })
}

/// A limit as Postgres takes it, at least 1: 0 would be no limit.
pub(super) fn milliseconds(limit: Duration) -> i32 {
    i32::try_from(limit.as_millis()).unwrap_or(i32::MAX).max(1)
}
