//! Postgres servers: connections with TLS where the address asks for it, and faults told apart.

use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod};
use secrecy::{ExposeSecret, SecretString};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::{Cause, Error, Result};

/// A connection that ends when it is dropped.
pub type Client = tokio_postgres::Client;

/// Makes a pool of at most `size` connections; connects to nothing yet.
///
/// # Errors
///
/// [`Error::Settings`] when `url` is no Postgres address; `key` is the setting's name for the message.
pub fn pool(key: &str, url: &SecretString, size: usize) -> Result<Pool> {
    let config = parse(key, url)?;
    let recycling = ManagerConfig {
        recycling_method: RecyclingMethod::Fast,
    };
    let manager = match config.get_ssl_mode() {
        SslMode::Disable => Manager::from_config(config, tokio_postgres::NoTls, recycling),
        _ => Manager::from_config(config, tls()?, recycling),
    };

    Pool::builder(manager)
        .max_size(size)
        .wait_timeout(Some(std::time::Duration::from_secs(5)))
        .create_timeout(Some(std::time::Duration::from_secs(5)))
        .recycle_timeout(Some(std::time::Duration::from_secs(5)))
        .runtime(deadpool_postgres::Runtime::Tokio1)
        .build()
        .map_err(Error::internal)
}

/// The work of a connection: while it is done, its client gets answers. It ends with the client.
pub type Work = futures::future::BoxFuture<'static, ()>;

/// Opens one connection, whose work the caller has to do.
///
/// # Errors
///
/// [`Error::Settings`] when `url` is no Postgres address, else what the client says, as a [`Cause`] for the caller to name.
pub async fn connect(key: &str, url: &SecretString) -> Result<Result<(Client, Work), Cause>> {
    let mut config = parse(key, url)?;
    config.connect_timeout(std::time::Duration::from_secs(10));
    config.application_name("icefront");
    let connected = match config.get_ssl_mode() {
        SslMode::Disable => config
            .connect(tokio_postgres::NoTls)
            .await
            .map(|(client, connection)| (client, work(connection))),
        _ => config
            .connect(tls()?)
            .await
            .map(|(client, connection)| (client, work(connection))),
    };

    Ok(connected.map_err(Cause::from))
}

fn work<S, T>(connection: tokio_postgres::Connection<S, T>) -> Work
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // Why it ended, its client says.
    Box::pin(async { drop(connection.await) })
}

fn parse(key: &str, url: &SecretString) -> Result<tokio_postgres::Config> {
    url.expose_secret().parse().map_err(|_| {
        Error::Settings(format!(
            "`{key}` is no Postgres address; write one such as `postgres://user:password@host:5432/database`"
        ))
    })
}

/// TLS by the roots that the machine trusts.
fn tls() -> Result<MakeRustlsConnect> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in rustls_native_certs::load_native_certs().certs {
        // A certificate that cannot be read only means that nothing it signed is trusted.
        let _ = roots.add(certificate);
    }
    let config = rustls::ClientConfig::builder_with_provider(
        rustls::crypto::aws_lc_rs::default_provider().into(),
    )
    .with_safe_default_protocol_versions()
    .map_err(Error::internal)?
    .with_root_certificates(roots)
    .with_no_client_auth();

    Ok(MakeRustlsConnect::new(config))
}
