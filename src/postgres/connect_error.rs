//! Why a connection failed, and the setting that fixes it.

use std::error::Error as StdError;
use std::io;

use rustls::CertificateError;

use super::verifier::IS_AUTHORITY;
use crate::error::Cause;

// The texts of tokio-postgres' errors: it does not export their kinds.
const NO_TLS: &str = "server does not support TLS";
const NO_PASSWORD: &str = "password missing";
const NOT_LOGGED_IN: &str = "authentication error";
const NOT_CONFIGURED: &str = "invalid configuration";

/// Why there is no connection.
#[derive(Debug)]
pub enum ConnectError {
    /// Somebody has to change something: a sentence that says what is wrong and what to do.
    Misconfigured(String),
    /// The server does not answer.
    Unreachable(Cause),
}

/// Says what is wrong between the settings and their server; `None` if the server just does not answer.
///
/// `key` names the settings, such as `connections.shop`. The answer quotes neither addresses nor texts of the server.
#[must_use]
pub fn explain(key: &str, error: &tokio_postgres::Error) -> Option<String> {
    if let Some(code) = error.code() {
        return explain_code(key, code.code());
    }
    if let Some(error) = rustls_error(error) {
        return Some(explain_tls(key, error));
    }
    let cause = error.source().map(ToString::to_string).unwrap_or_default();

    match error.to_string().as_str() {
        _ if cause == NO_TLS => Some(format!(
            "the server of `{key}` offers no TLS, which its `sslmode` wants; set `ssl = on` there, or `sslmode` to `disable` where nobody can listen"
        )),
        _ if cause == NO_PASSWORD => Some(format!(
            "the server of `{key}` wants a password, and there is none; set `{key}.password_file`"
        )),
        NOT_LOGGED_IN => Some(format!(
            "the user of `{key}.url` cannot log in: {cause}; the server must ask for a password as it is, by `md5` or by `scram-sha-256`"
        )),
        NOT_CONFIGURED => Some(format!("`{key}.url` cannot be used: {cause}")),
        _ => None,
    }
}

fn explain_tls(key: &str, error: &rustls::Error) -> String {
    let rustls::Error::InvalidCertificate(reason) = error else {
        return match error {
            rustls::Error::AlertReceived(alert) => format!(
                "the server of `{key}` ended the TLS handshake ({alert:?}); check `sslcert` and `sslkey` of `{key}`, and what the server wants of them"
            ),
            error => format!("there is no TLS with the server of `{key}`: {error}"),
        };
    };
    let text = reason.to_string();
    let (what, remedy) = match reason {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            ("has expired", "give the server a new one")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => (
            "is not valid yet",
            "check the clocks of the server and of this machine",
        ),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => (
            "is not for the host that the address names",
            "name the host as the certificate's subjectAltName does, or set `sslmode` to `verify-ca`, which does not look at it",
        ),
        CertificateError::UnknownIssuer | CertificateError::BadSignature => (
            "is signed by nobody who is trusted",
            "set `sslrootcert` to a file with the certificate of the authority that signed it",
        ),
        _ if text.contains(IS_AUTHORITY) => (
            "is an authority's own",
            "set `sslrootcert` to a file with this very certificate, or give the server one that an authority signed",
        ),
        _ if text.contains("UnsupportedCertVersion") => (
            "is of X.509 version 1, which has no names",
            "give the server one with a subjectAltName",
        ),
        _ => {
            return format!(
                "the certificate of the server of `{key}` cannot be used: {text}; give the server another one"
            );
        }
    };

    format!("the certificate of the server of `{key}` {what}; {remedy}")
}

fn explain_code(key: &str, code: &str) -> Option<String> {
    let detail = match code {
        "28P01" | "28000" => format!(
            "the server of `{key}` does not let its user in (SQLSTATE {code}); check user and password (`{key}.password_file`) and the server's `pg_hba.conf`; where that wants TLS, set `sslmode` to `require` or more, and where it wants a certificate, `sslcert` and `sslkey`"
        ),
        "3D000" => {
            format!("there is no such database on the server of `{key}`; correct `{key}.url`")
        }
        "42501" => format!(
            "the user of `{key}.url` may not connect to the database; grant `connect` on it to the user"
        ),
        _ => return None,
    };

    Some(detail)
}

/// Finds the error of rustls among the causes of the client's error.
fn rustls_error(error: &tokio_postgres::Error) -> Option<&rustls::Error> {
    let first: Option<&(dyn StdError + 'static)> = error.source();
    let mut causes = std::iter::successors(first, |cause| (**cause).source());

    causes.find_map(|cause| {
        let inner = cause
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        inner
            .and_then(|inner| inner.downcast_ref())
            .or_else(|| cause.downcast_ref())
    })
}
