//! Where a server is and how it is reached: an address as `psql` takes it, and what the settings say beside it.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::Config;
use tokio_postgres::config::SslMode as Negotiated;

use super::tls::{SslMode, Tls};
use crate::error::{Error, Result};

/// The time for a connection to be made, where the address says nothing else.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Where nothing comes for so long, the server is asked whether it is still there. The client's own default is two hours.
const QUIET: Duration = Duration::from_mins(1);
const CLIENTS_QUIET: Duration = Duration::from_hours(2);
/// So often, and so many times, before it counts as gone.
const ASKED_EVERY: Duration = Duration::from_secs(10);
const ASKED: u32 = 3;
/// What was sent and not received for so long goes to nobody.
const UNHEARD: Duration = Duration::from_secs(30);

#[derive(Debug, Clone)]
pub struct Address {
    /// The name of its settings, such as `connections.shop`, for messages.
    pub key: String,
    /// As `psql` takes it.
    pub url: SecretString,
    /// Counts before that of the address.
    pub password: Option<SecretString>,
    /// Counts before what the address says.
    pub tls: TlsSettings,
}

/// What is asked of TLS, in libpq's words.
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

impl Address {
    /// What the client has to know, TLS apart, and what is asked of TLS.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] when the address is none; it says nothing of what stands in it.
    pub(super) fn read(&self) -> Result<(Config, Tls)> {
        let (url, asked) = self.split(self.url.expose_secret().trim())?;
        let mut config: Config = url.parse().map_err(|fault| self.fault(&fault))?;
        let mode = self.tls.mode.or(asked.mode);
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
            root_certificates: own.root_certificates.or(asked.root_certificates),
            certificate: own.certificate.or(asked.certificate),
            private_key: own.private_key.or(asked.private_key),
        };

        Ok((watched(config), tls))
    }

    /// Takes out of a URL what the client does not know: libpq's `sslmode` and files.
    fn split(&self, url: &str) -> Result<(String, TlsSettings)> {
        let mut asked = TlsSettings::default();
        let is_url = url.starts_with("postgres://") || url.starts_with("postgresql://");
        let Some((server, query)) = url.split_once('?').filter(|_| is_url) else {
            return Ok((url.to_owned(), asked));
        };
        let mut rest = Vec::new();
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let path = || Some(PathBuf::from(decoded(value)));
            match name {
                "sslmode" => asked.mode = Some(self.mode(value)?),
                "sslrootcert" => asked.root_certificates = path(),
                "sslcert" => asked.certificate = path(),
                "sslkey" => asked.private_key = path(),
                _ => rest.push(pair),
            }
        }
        if rest.is_empty() {
            return Ok((server.to_owned(), asked));
        }

        Ok((format!("{server}?{}", rest.join("&")), asked))
    }

    fn mode(&self, name: &str) -> Result<SslMode> {
        SslMode::named(name).map_err(|instead| {
            Error::Settings(format!("`sslmode` in `{}.url` {instead}", self.key))
        })
    }

    fn fault(&self, fault: &tokio_postgres::Error) -> Error {
        let key = &self.key;
        let cause = std::error::Error::source(fault).map(ToString::to_string);
        // Only these name an option alone; others may quote a part of a password.
        let option = cause.filter(|cause| {
            cause.starts_with("unknown option") || cause.starts_with("invalid value for option")
        });

        Error::Settings(match option {
            Some(option) => format!(
                "`{key}.url` has an {option}; mend it or leave it out; `sslmode`, `sslrootcert`, `sslcert` and `sslkey` are settings beside `{key}.url`, too"
            ),
            None => format!(
                "`{key}.url` is no Postgres address; write one such as `postgres://user:password@host:5432/database`"
            ),
        })
    }
}

/// Lets nobody wait for a server that is gone, as far as the address says nothing else.
fn watched(mut config: Config) -> Config {
    if config.get_connect_timeout().is_none() {
        config.connect_timeout(CONNECT_TIMEOUT);
    }
    if config.get_application_name().is_none() {
        config.application_name("icefront");
    }
    if config.get_keepalives_idle() == CLIENTS_QUIET {
        config.keepalives_idle(QUIET);
    }
    if config.get_keepalives_interval().is_none() {
        config.keepalives_interval(ASKED_EVERY);
    }
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(UNHEARD);
    }
    if config.get_keepalives_retries().is_none() {
        config.keepalives_retries(ASKED);
    }

    config
}

/// A value of a URL; a plus is a plus there.
fn decoded(value: &str) -> String {
    let value = format!("value={}", value.replace('+', "%2B"));

    form_urlencoded::parse(value.as_bytes())
        .next()
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Address, Duration, SslMode, TlsSettings};

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
        let (config, tls) = address(url).read().expect("an address");
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
            let (_, tls) = address(url).read().expect("an address");
            assert_eq!(tls.mode, mode, "{url}");
        }
    }

    #[test]
    fn what_is_no_address_is_not_quoted() {
        for url in [
            "hunter2",
            "postgres://reader:hunter2@db:port/shop",
            "user=reader password=hunter2 hunter2",
        ] {
            let fault = address(url).read().expect_err("no address").to_string();
            assert!(fault.contains("`connections.shop.url`"), "{fault}");
            assert!(!fault.contains("hunter2"), "{fault}");
        }
    }
}
