//! The address of a server: a URL as `psql` takes it, and the settings beside it.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode as Negotiated};

use super::tls::{SslMode, Tls};
use crate::error::{Error, Result};

/// The time limit for reaching the server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// TCP keepalives probe a connection that is silent for this time.
const KEEPALIVE_IDLE: Duration = Duration::from_mins(1);
/// The idle time that tokio-postgres sets if the address has none.
const CLIENT_KEEPALIVE_IDLE: Duration = Duration::from_hours(2);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
/// After this many unanswered probes the server counts as gone.
const KEEPALIVE_RETRIES: u32 = 3;
/// The server counts as gone when it has not confirmed sent data for this time.
const USER_TIMEOUT: Duration = Duration::from_secs(30);

const USUAL_PORT: u16 = 5432;

/// The name under which the server lists our sessions.
pub(super) const APPLICATION_NAME: &str = "icefront";

#[derive(Debug, Clone)]
pub struct Address {
    /// The name of its settings, such as `connections.shop`, for messages.
    pub key: String,
    /// A URL or a string of `name=value` pairs.
    pub url: SecretString,
    /// Overrides that of the URL.
    pub password: Option<SecretString>,
    /// Each value overrides that of the URL.
    pub tls: TlsSettings,
}

/// libpq's parameters for TLS.
#[derive(Debug, Clone, Default)]
pub struct TlsSettings {
    /// `sslmode`.
    pub mode: Option<SslMode>,
    /// `sslrootcert`: a file of certificates, or `system`.
    pub root_certificates: Option<PathBuf>,
    /// `sslcert`.
    pub certificate: Option<PathBuf>,
    /// `sslkey`.
    pub private_key: Option<PathBuf>,
}

/// An address as the client and TLS take it.
pub(super) struct Parsed {
    pub(super) config: Config,
    pub(super) tls: Tls,
}

/// A URL without the parameters for TLS that tokio-postgres does not know.
struct SplitUrl {
    url: String,
    tls: TlsSettings,
}

/// The server and the database of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The first, if there are several.
    pub host: String,
    pub port: u16,
    pub database: String,
}

impl Address {
    /// Where the database is.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] when the URL is no address.
    pub fn place(&self) -> Result<Place> {
        let config = self.parse()?.config;
        let host = match config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            // A socket is on this machine.
            _ => "localhost".to_owned(),
        };

        Ok(Place {
            host,
            port: config.get_ports().first().copied().unwrap_or(USUAL_PORT),
            // As libpq does.
            database: config
                .get_dbname()
                .or(config.get_user())
                .unwrap_or("postgres")
                .to_owned(),
        })
    }

    /// # Errors
    ///
    /// [`Error::Settings`] when the URL is no address. The error does not quote it: it may hold a password.
    pub(super) fn parse(&self) -> Result<Parsed> {
        let SplitUrl { url, tls: from_url } = self.split(self.url.expose_secret().trim())?;
        let mut config: Config = url.parse().map_err(|error| self.url_error(&error))?;
        let mode = self.tls.mode.or(from_url.mode);
        let mode = mode.unwrap_or(match config.get_ssl_mode() {
            Negotiated::Disable => SslMode::Disable,
            Negotiated::Require => SslMode::Require,
            _ => SslMode::Prefer,
        });
        config.ssl_mode(match mode {
            SslMode::Disable => Negotiated::Disable,
            SslMode::Prefer => Negotiated::Prefer,
            SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull => Negotiated::Require,
        });
        if let Some(password) = &self.password {
            config.password(password.expose_secret());
        }
        let own = self.tls.clone();
        let tls = Tls {
            key: self.key.clone(),
            mode,
            root_certificates: own.root_certificates.or(from_url.root_certificates),
            certificate: own.certificate.or(from_url.certificate),
            private_key: own.private_key.or(from_url.private_key),
        };

        Ok(Parsed {
            config: with_limits(config),
            tls,
        })
    }

    fn split(&self, url: &str) -> Result<SplitUrl> {
        let mut tls = TlsSettings::default();
        let is_url = url.starts_with("postgres://") || url.starts_with("postgresql://");
        let Some((server, query)) = url.split_once('?').filter(|_| is_url) else {
            let url = url.to_owned();
            return Ok(SplitUrl { url, tls });
        };
        let mut rest = Vec::new();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let path = || Some(PathBuf::from(decoded(value)));
            match name {
                "sslmode" => tls.mode = Some(self.mode(value)?),
                "sslrootcert" => tls.root_certificates = path(),
                "sslcert" => tls.certificate = path(),
                "sslkey" => tls.private_key = path(),
                _ => rest.push(pair),
            }
        }
        let url = if rest.is_empty() {
            server.to_owned()
        } else {
            format!("{server}?{}", rest.join("&"))
        };

        Ok(SplitUrl { url, tls })
    }

    fn mode(&self, name: &str) -> Result<SslMode> {
        SslMode::parse(name).map_err(|instead| {
            Error::Settings(format!("`sslmode` in `{}.url` {instead}", self.key))
        })
    }

    fn url_error(&self, error: &tokio_postgres::Error) -> Error {
        let key = &self.key;
        let cause = std::error::Error::source(error).map(ToString::to_string);
        // Only these texts name just an option; others may quote a part of a password.
        let option = cause.filter(|cause| {
            cause.starts_with("unknown option") || cause.starts_with("invalid value for option")
        });

        Error::Settings(match option {
            Some(option) => format!(
                "`{key}.url` has an {option}; correct it or leave it out; `sslmode`, `sslrootcert`, `sslcert` and `sslkey` are settings beside `{key}.url`, too"
            ),
            None => format!(
                "`{key}.url` is no Postgres address; write one such as `postgres://user:password@host:5432/database`"
            ),
        })
    }
}

/// Limits how long we wait for a server that is gone, unless the address has limits.
fn with_limits(mut config: Config) -> Config {
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_application_name().is_none() {
        config.application_name(APPLICATION_NAME);
    }
    if config.get_keepalives_idle() == CLIENT_KEEPALIVE_IDLE {
        config.keepalives_idle(KEEPALIVE_IDLE);
    }
    if config.get_keepalives_interval().is_none() {
        config.keepalives_interval(KEEPALIVE_INTERVAL);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(USER_TIMEOUT);
    }
    if config.get_keepalives_retries().is_none() {
        config.keepalives_retries(KEEPALIVE_RETRIES);
    }

    config
}

/// Decodes a value of a URL, in which a plus is a plus and no blank.
fn decoded(value: &str) -> String {
    let value = format!("value={}", value.replace('+', "%2B"));

    form_urlencoded::parse(value.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Address, Duration, Parsed, Place, SslMode, TlsSettings};

    fn address(url: &str) -> Address {
        Address {
            key: "connections.shop".into(),
            url: url.to_owned().into(),
            password: None,
            tls: TlsSettings::default(),
        }
    }

    #[test]
    fn what_psql_takes_is_taken() {
        let url = "postgresql://reader:p%3F+w@db/shop?sslmode=verify-full&sslrootcert=%2Fa+b%20c.crt&options=-c%20work_mem%3D8MB&connect_timeout=3";
        let Parsed { config, tls } = address(url).parse().expect("an address");
        assert_eq!(config.get_password(), Some(b"p?+w".as_slice()));
        assert_eq!(config.get_options(), Some("-c work_mem=8MB"));
        assert_eq!(config.get_connect_timeout().map(Duration::as_secs), Some(3));
        assert_eq!(tls.mode, SslMode::VerifyFull);
        assert_eq!(tls.root_certificates, Some("/a+b c.crt".into()));
        for (url, mode) in [
            ("host=db user=reader sslmode=require", SslMode::Require),
            (
                "postgres://reader@db/shop?sslmode=disable",
                SslMode::Disable,
            ),
            ("postgres://reader@db/shop", SslMode::Prefer),
        ] {
            let Parsed { tls, .. } = address(url).parse().expect("an address");
            assert_eq!(tls.mode, mode, "{url}");
        }
    }

    #[test]
    fn the_place_of_a_database_is_its_first_host_and_has_no_secret() {
        for (url, host, port, database) in [
            ("postgres://reader:hush@db:6432/shop", "db", 6432, "shop"),
            ("postgres://reader@one,two/shop", "one", 5432, "shop"),
            (
                "host=/var/run/postgresql user=reader",
                "localhost",
                5432,
                "reader",
            ),
        ] {
            let place = address(url).place().expect(url);
            let expected = Place {
                host: host.into(),
                port,
                database: database.into(),
            };
            assert_eq!(place, expected, "{url}");
        }
    }

    #[test]
    fn what_is_no_address_is_not_quoted() {
        for url in [
            "hunter2",
            "postgres://reader:hunter2@db:port/shop",
            "user=reader password=hunter2 hunter2",
        ] {
            let Err(error) = address(url).parse() else {
                panic!("`{url}` is no address");
            };
            let error = error.to_string();
            assert!(error.contains("`connections.shop.url`"), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
