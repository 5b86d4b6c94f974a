//! TLS with a server: libpq's `sslmode`, `sslrootcert`, `sslcert` and `sslkey`, with the meaning that they have there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::Deserialize;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::verifier::{Trust, Verifier};
use crate::error::{Error, Result, did_you_mean};

/// What a connection needs before a password or a statement is sent over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum SslMode {
    Disable,
    /// TLS if the server offers it.
    Prefer,
    /// TLS. With `sslrootcert` it is the same as [`SslMode::VerifyCa`].
    Require,
    /// TLS with a server whose certificate is signed by an authority of `sslrootcert`.
    VerifyCa,
    /// The same, and the certificate has the name of the host.
    VerifyFull,
}

impl SslMode {
    const BY_NAME: [(&'static str, Self); 5] = [
        ("disable", Self::Disable),
        ("prefer", Self::Prefer),
        ("require", Self::Require),
        ("verify-ca", Self::VerifyCa),
        ("verify-full", Self::VerifyFull),
    ];

    /// Finds a mode by its name. The error says what to write instead; it does not quote `name`, which may be a misplaced secret.
    pub(super) fn parse(name: &str) -> std::result::Result<Self, String> {
        let known = Self::BY_NAME.iter().find(|(known, _)| *known == name);
        known.map(|(_, mode)| *mode).ok_or_else(|| {
            let near = did_you_mean(name, Self::BY_NAME.map(|(known, _)| known));

            format!("must be `disable`, `prefer`, `require`, `verify-ca` or `verify-full`{near}")
        })
    }
}

impl TryFrom<String> for SslMode {
    type Error = String;

    fn try_from(name: String) -> std::result::Result<Self, String> {
        Self::parse(&name).map_err(|instead| format!("`sslmode` {instead}"))
    }
}

/// How to use TLS with one server.
pub(super) struct Tls {
    /// The name of its settings, for messages.
    pub(super) key: String,
    pub(super) mode: SslMode,
    pub(super) root_certificates: Option<PathBuf>,
    pub(super) certificate: Option<PathBuf>,
    pub(super) private_key: Option<PathBuf>,
}

impl Tls {
    /// Reads the files; `None` if no TLS is wanted.
    ///
    /// # Errors
    ///
    /// [`Error::Settings`] that names the setting whose file cannot be read or used.
    pub(super) fn connector(&self) -> Result<Option<MakeRustlsConnect>> {
        if self.mode == SslMode::Disable {
            return Ok(None);
        }
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        let verifier = Verifier::new(self.trust()?, provider.signature_verification_algorithms);
        let builder = ClientConfig::builder_with_provider(provider.into())
            .with_safe_default_protocol_versions()
            .map_err(Error::internal)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match (&self.certificate, &self.private_key) {
            (None, None) => builder.with_no_client_auth(),
            (Some(certificate), Some(key)) => builder
                .with_client_auth_cert(
                    self.certificates("sslcert", certificate)?,
                    self.read_private_key(key)?,
                )
                .map_err(|error| {
                    self.error(&format!(
                        "`sslcert` and `sslkey` do not fit each other: {error}"
                    ))
                })?,
            _ => {
                return Err(self.error("has one of `sslcert` and `sslkey`; set both or none"));
            }
        };
        // A handshake without a preceding request (`sslnegotiation=direct`) has to name the protocol.
        config.alpn_protocols = vec![b"postgresql".to_vec()];

        Ok(Some(MakeRustlsConnect::new(config)))
    }

    fn trust(&self) -> Result<Trust> {
        let checks_name = self.mode == SslMode::VerifyFull;
        let (roots, root_certificates) = match self.root_certificates.as_deref() {
            None if self.mode == SslMode::VerifyCa => {
                return Err(self.error(
                    "has `sslmode` `verify-ca` without `sslrootcert`; set it to the file with the authority's certificate",
                ));
            }
            None if !checks_name => return Ok(Trust::Anyone),
            Some(path) if path == Path::new("system") && !checks_name => {
                return Err(self.error(
                    "has `sslrootcert` `system`, which wants `sslmode` `verify-full`: anybody can get a certificate from a public authority",
                ));
            }
            None => (system_roots(), Vec::new()),
            Some(path) if path == Path::new("system") => (system_roots(), Vec::new()),
            Some(path) => {
                let certificates = self.certificates("sslrootcert", path)?;
                let mut roots = RootCertStore::empty();
                for certificate in &certificates {
                    roots
                        .add(certificate.clone())
                        .map_err(|error| self.unusable("sslrootcert", path, &error.to_string()))?;
                }
                (roots, certificates)
            }
        };

        Ok(Trust::Signed {
            roots,
            root_certificates,
            checks_name,
        })
    }

    fn certificates(&self, name: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>> {
        let text = self.file(name, path)?;
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        match read {
            Ok(read) if !read.is_empty() => Ok(read),
            Ok(_) => Err(self.unusable(name, path, "there is no certificate in it as PEM")),
            Err(error) => Err(self.unusable(name, path, &error.to_string())),
        }
    }

    fn read_private_key(&self, path: &Path) -> Result<PrivateKeyDer<'static>> {
        let text = self.file("sslkey", path)?;

        PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
            self.unusable(
                "sslkey",
                path,
                "there is no private key in it as PEM, or one with a password",
            )
        })
    }

    fn file(&self, name: &str, path: &Path) -> Result<Vec<u8>> {
        std::fs::read(path).map_err(|error| self.unusable(name, path, &error.to_string()))
    }

    fn unusable(&self, name: &str, path: &Path, reason: &str) -> Error {
        let path = path.display();

        self.error(&format!(
            "has `{name}` `{path}`, which cannot be used: {reason}; correct the path, its rights or what is in it"
        ))
    }

    fn error(&self, detail: &str) -> Error {
        Error::Settings(format!("`{}` {detail}", self.key))
    }
}

/// The authorities that the machine trusts.
fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    // An unreadable certificate is skipped. Certificates that it signed are then not trusted.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);

    roots
}
