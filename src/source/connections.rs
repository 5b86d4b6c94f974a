//! Access to the source servers that the settings name: how each is reached, and how many connections to it there may be.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::connection_task::ConnectionTask;
use super::server::{unavailable, unreadable};
use crate::config;
use crate::error::{Error, Result};
use crate::postgres::{Client, ConnectError, Server, Work};
use crate::sql::render;

/// The longest wait for a connection while others have all that there may be.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The servers that pipelines read, by the names of their connections.
#[derive(Debug)]
pub struct Connections(BTreeMap<String, Endpoint>);

/// The way to one server.
#[derive(Debug)]
struct Endpoint {
    settings: config::Connection,
    free: Arc<Semaphore>,
}

impl Connections {
    /// Makes it of the settings; connects to nothing and reads no file.
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

    /// Connects to a server for a pipeline: a session that can write nothing and waits for nothing for ever.
    ///
    /// Secrets and certificates are read anew each time, so they may be exchanged while the service runs.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`], [`Error::SourceUnavailable`], [`Error::SourceUnreadable`], and [`Error::TimedOut`] where others had all
    /// connections for too long.
    pub(super) async fn connect(
        &self,
        name: &str,
        pipeline: &str,
    ) -> Result<(Client, ConnectionTask)> {
        let endpoint = self.endpoint(name)?;
        let waited = Arc::clone(&endpoint.free).acquire_owned();
        let permit = tokio::time::timeout(LONGEST_WAIT, waited)
            .await
            .map_err(|_| {
                Error::TimedOut(format!(
                    "all {} connections of `connections.{name}` were in use for {} s; raise `connections.{name}.connections`, or let fewer pipelines run at once",
                    endpoint.settings.connections,
                    LONGEST_WAIT.as_secs()
                ))
            })?
            .map_err(Error::internal)?;

        endpoint.connect((name, pipeline), permit).await
    }

    /// As [`Connections::connect`], as long as half of the connections are left for others; else there is none.
    pub(super) async fn connect_if_free(
        &self,
        name: &str,
        pipeline: &str,
    ) -> Result<Option<(Client, ConnectionTask)>> {
        let endpoint = self.endpoint(name)?;
        if endpoint.free.available_permits() <= endpoint.settings.connections / 2 {
            return Ok(None);
        }
        let Ok(permit) = Arc::clone(&endpoint.free).try_acquire_owned() else {
            return Ok(None);
        };

        endpoint.connect((name, pipeline), permit).await.map(Some)
    }

    /// So many rows of a table are a batch while all are loaded.
    pub(super) fn range_rows(&self, name: &str) -> Result<u32> {
        Ok(self.endpoint(name)?.settings.range_rows)
    }

    fn endpoint(&self, name: &str) -> Result<&Endpoint> {
        self.0
            .get(name)
            .ok_or_else(|| Error::Settings(format!("`connections.{name}` is not set")))
    }
}

impl Endpoint {
    async fn connect(
        &self,
        (name, pipeline): (&str, &str),
        permit: OwnedSemaphorePermit,
    ) -> Result<(Client, ConnectionTask)> {
        let settings = &self.settings;
        let server = Server::new(&settings.address(name)?)?
            .with_application_name(&format!("icefront/{pipeline}"));
        let (client, work) = server.connect().await.map_err(|fault| match fault {
            ConnectError::Misconfigured(detail) => Error::SourceUnreadable { detail },
            ConnectError::Unreachable(cause) => unavailable(name, cause),
        })?;
        let session = render(
            "source/session.sql",
            json!({
                "statement_timeout": milliseconds(settings.statement_timeout),
                "lock_timeout": milliseconds(settings.lock_timeout),
            }),
        )?;
        let connection = ConnectionTask::new(until_it_ends(work, permit));
        client
            .batch_execute(&session)
            .await
            .map_err(|cause| unreadable(name, cause))?;

        Ok((client, connection))
    }
}

/// The work of a connection, which counts as one as long as it is done.
fn until_it_ends(work: Work, permit: OwnedSemaphorePermit) -> Work {
    Box::pin(async move {
        work.await;
        drop(permit);
    })
}

/// As the server takes it; zero would be no limit there.
pub(super) fn milliseconds(limit: Duration) -> i32 {
    i32::try_from(limit.as_millis()).unwrap_or(i32::MAX).max(1)
}
