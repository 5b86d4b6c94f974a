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
pub struct Connections(BTreeMap<String, Endpoint>);

/// How one server is reached.
#[derive(Debug)]
struct Endpoint {
    settings: config::Connection,
    free: Arc<Semaphore>,
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
            };
            (name.clone(), endpoint)
        });

        Self(endpoints.collect())
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
        let waited = Arc::clone(&endpoint.free).acquire_owned();
        let permit = tokio::time::timeout(LONGEST_WAIT, waited)
            .await
            .map_err(|_| {
                Error::TimedOut(format!(
                    "all {} connections of `connections.{name}` were in use for {} s; raise `connections.{name}.connections`, or let fewer pipelines run at once",
                    endpoint.settings.connections,
                    LONGEST_WAIT.as_secs(),
                    name = self.name,
                ))
            })?
            .map_err(Error::internal)?;

        endpoint.connect(self, permit).await
    }

    /// As [`PipelineConnection::connect`], but only while more than half of the connections are free; `None` otherwise.
    pub(super) async fn connect_if_free(&self) -> Result<Option<OpenConnection>> {
        let endpoint = self.endpoint()?;
        if endpoint.free.available_permits() <= endpoint.settings.connections / 2 {
            return Ok(None);
        }
        let Ok(permit) = Arc::clone(&endpoint.free).try_acquire_owned() else {
            return Ok(None);
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
            .0
            .get(*name)
            .ok_or_else(|| Error::Settings(format!("`connections.{name}` is not set")))
    }
}

impl Endpoint {
    async fn connect(
        &self,
        PipelineConnection { name, pipeline, .. }: &PipelineConnection<'_>,
        permit: OwnedSemaphorePermit,
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
fn until_it_ends(work: Work, permit: OwnedSemaphorePermit) -> Work {
    Box::pin(async move {
        work.await;
        drop(permit);
    })
}

/// A limit as Postgres takes it, at least 1: 0 would be no limit.
pub(super) fn milliseconds(limit: Duration) -> i32 {
    i32::try_from(limit.as_millis()).unwrap_or(i32::MAX).max(1)
}
