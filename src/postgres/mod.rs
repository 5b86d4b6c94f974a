//! Postgres servers: connections with TLS as libpq has it, and faults that say which setting mends them. Knows no statement.

mod address;
mod fault;
mod tls;
mod verifier;

use std::time::Duration;

use deadpool_postgres::{
    ClientWrapper, Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::NoTls;
use tokio_postgres_rustls::MakeRustlsConnect;

pub use address::{Address, TlsSettings};
pub use fault::ConnectError;
pub use tls::{SslMode, Tls};

use crate::error::{Error, Result};

/// A connection that ends when it is dropped.
pub type Client = tokio_postgres::Client;

/// The work of a connection: while it is done, its client gets answers. It ends with the client.
pub type Work = futures::future::BoxFuture<'static, ()>;

/// The longest that a server that was reached may take until it is ready.
const READY_TIMEOUT: Duration = Duration::from_secs(20);
const POOL_TIMEOUT: Duration = Duration::from_secs(5);

/// A server that can be connected to.
pub struct Server {
    config: tokio_postgres::Config,
    tls: Tls,
    connector: Option<MakeRustlsConnect>,
}

impl Server {
    /// Reads the address and the files that it names; connects to nothing yet.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] that names the setting.
    pub fn new(address: &Address) -> Result<Self> {
        let (config, tls) = address.read()?;
        let connector = tls.connector()?;

        Ok(Self {
            config,
            tls,
            connector,
        })
    }

    /// Tells the server who connects, unless the address does.
    #[must_use]
    pub fn named(mut self, application: &str) -> Self {
        if self.config.get_application_name() == Some("icefront") {
            self.config.application_name(application);
        }

        self
    }

    /// What is asked of TLS, which explains why there is no connection.
    #[must_use]
    pub fn tls(&self) -> &Tls {
        &self.tls
    }

    /// Opens one connection, whose work the caller has to do.
    ///
    /// # Errors
    ///
    /// Why there is none, for the caller to name.
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
            .map_err(|late| ConnectError::Away(late.into()))?;

        connected.map_err(|cause| match self.tls.explain(&cause) {
            Some(detail) => ConnectError::Wrong(detail),
            None => ConnectError::Away(cause.into()),
        })
    }

    /// Makes a pool of at most `size` connections, of which each begins with `session`; connects to nothing yet.
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
    // Why it ended, its client says.
    Box::pin(async { drop(connection.await) })
}
