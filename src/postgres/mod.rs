//! Postgres servers: connections with TLS as in libpq, and errors that say which setting to change. Knows no statement.

mod address;
mod connect_error;
mod tls;
mod verifier;

use std::time::Duration;

use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::NoTls;
use tokio_postgres_rustls::MakeRustlsConnect;

pub use address::{Address, Place, TlsSettings};
pub use connect_error::{ConnectError, explain};
pub use tls::SslMode;

use self::address::Parsed;
use crate::error::{Error, Result};

/// What sends statements. Its connection ends when it is dropped.
pub type Client = tokio_postgres::Client;

/// What talks to the server for a [`Client`]: the client's calls are answered only while this future is polled. It ends
/// with the client.
pub type Work = futures::future::BoxFuture<'static, ()>;

/// The longest time until a server is ready. The address limits only how long it takes to reach it.
const READY_TIMEOUT: Duration = Duration::from_secs(20);
/// The longest that a caller waits for a connection of a pool.
const POOL_TIMEOUT: Duration = Duration::from_secs(5);

/// A server that can be connected to.
pub struct Server {
    key: String,
    config: tokio_postgres::Config,
    connector: Option<MakeRustlsConnect>,
}

impl Server {
    /// Reads the address and the files that it names; connects to nothing yet.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] that names the setting.
    pub fn new(address: &Address) -> Result<Self> {
        let Parsed { config, tls } = address.parse()?;

        Ok(Self {
            key: address.key.clone(),
            config,
            connector: tls.connector()?,
        })
    }

    /// Sets the name under which the server lists our sessions, unless the address has one.
    #[must_use]
    pub fn with_application_name(mut self, name: &str) -> Self {
        if self.config.get_application_name() == Some(address::APPLICATION_NAME) {
            self.config.application_name(name);
        }

        self
    }

    /// Opens one connection. The caller has to poll its [`Work`].
    pub async fn connect(&self) -> Result<(Client, Work), ConnectError> {
        let connected = async {
            match &self.connector {
                None => {
                    let (client, connection) = self.config.connect(NoTls).await?;
                    Ok::<_, tokio_postgres::Error>((client, work(connection)))
                }
                Some(tls) => {
                    let (client, connection) = self.config.connect(tls.clone()).await?;
                    Ok::<_, tokio_postgres::Error>((client, work(connection)))
                }
            }
        };
        let connected = tokio::time::timeout(READY_TIMEOUT, connected)
            .await
            .map_err(|late| ConnectError::Unreachable(late.into()))?;

        connected.map_err(|cause| match explain(&self.key, &cause) {
            Some(detail) => ConnectError::Misconfigured(detail),
            None => ConnectError::Unreachable(cause.into()),
        })
    }

    /// Makes a pool of at most `size` connections, each of which sends the statements `session` first; connects to nothing yet.
    pub fn pool(&self, size: usize, session: &'static str) -> Result<Pool> {
        let recycling = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let config = self.config.clone();
        let manager = match &self.connector {
            None => Manager::from_config(config, NoTls, recycling),
            Some(tls) => Manager::from_config(config, tls.clone(), recycling),
        };

        let begin = Hook::async_fn(move |client: &mut ClientWrapper, _| {
            Box::pin(async move {
                client
                    .batch_execute(session)
                    .await
                    .map_err(HookError::Backend)
            })
        });

        Pool::builder(manager)
            .max_size(size)
            .post_create(begin)
            .wait_timeout(Some(POOL_TIMEOUT))
            .create_timeout(Some(POOL_TIMEOUT))
            .recycle_timeout(Some(POOL_TIMEOUT))
            .runtime(deadpool_postgres::Runtime::Tokio1)
            .build()
            .map_err(Error::internal)
    }
}

fn work<S, T>(connection: tokio_postgres::Connection<S, T>) -> Work
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // The client's calls say why it ended.
    Box::pin(async { drop(connection.await) })
}
