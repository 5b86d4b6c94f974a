//! TLS with a server, with libpq's `sslmode`, `sslrootcert`, `sslcert` and `sslkey` and their meaning there.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde::Deserialize;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::verifier::{Trust, Verifier};
use crate::error::{Error, Result, nearest_name};

/// What is asked of a connection before anything is said over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum SslMode {
    Disable,
    /// TLS where the server offers it.
    Prefer,
    /// TLS; with root certificates as [`SslMode::VerifyCa`].
    Require,
    /// TLS with a server whose certificate is signed by a given authority.
    VerifyCa,
    /// As [`SslMode::VerifyCa`], with the name of the host in the certificate.
    VerifyFull,
}

impl SslMode {
    const NAMED: [(&'static str, Self); 5] = [
        ("disable", Self::Disable),
        ("prefer", Self::Prefer),
        ("require", Self::Require),
        ("verify-ca", Self::VerifyCa),
        ("verify-full", Self::VerifyFull),
    ];

    /// A mode by its name; or what is to be written instead, which quotes nothing that might be a secret in the wrong place.
    pub(super) fn named(name: &str) -> std::result::Result<Self, String> {
        let known = Self::NAMED.iter().find(|(known, _)| *known == name);
        known.map(|(_, mode)| *mode).ok_or_else(|| {
            let near = nearest_name(name, Self::NAMED.map(|(known, _)| known));
            let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));

            format!("must be `disable`, `prefer`, `require`, `verify-ca` or `verify-full`{near}")
        })
    }
}

impl TryFrom<String> for SslMode {
    type Error = String;

    fn try_from(name: String) -> std::result::Result<Self, String> {
        Self::named(&name).map_err(|instead| format!("`sslmode` {instead}"))
    }
}

/// What is asked of TLS with one server.
#[derive(Debug, Clone)]
pub struct Tls {
    pub(super) key: String,
    pub(super) mode: SslMode,
    pub(super) root_certificates: Option<PathBuf>,
    pub(super) certificate: Option<PathBuf>,
    pub(super) private_key: Option<PathBuf>,
}

impl Tls {
    /// Reads the files; `None` where no TLS is wanted.
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
                    self.key_of(key)?,
                )
                .map_err(|fault| {
                    self.fault(&format!(
                        "`sslcert` and `sslkey` do not fit each other: {fault}"
                    ))
                })?,
            _ => {
                return Err(self.fault("has one of `sslcert` and `sslkey`; set both or none"));
            }
        };
        // Where TLS begins at once, the server wants to know what for.
        config.alpn_protocols = vec![b"postgresql".to_vec()];

        Ok(Some(MakeRustlsConnect::new(config)))
    }

    fn trust(&self) -> Result<Trust> {
        let names = self.mode == SslMode::VerifyFull;
        let (roots, given) = match self.root_certificates.as_deref() {
            None if self.mode == SslMode::VerifyCa => {
                return Err(self.fault(
                    "has `sslmode` `verify-ca` without `sslrootcert`; set it to the file with the authority's certificate",
                ));
            }
            None if !names => return Ok(Trust::Anyone),
            Some(path) if path == Path::new("system") && !names => {
                return Err(self.fault(
                    "has `sslrootcert` `system`, which wants `sslmode` `verify-full`: anybody can get a certificate from a public authority",
                ));
            }
            None => (machine(), Vec::new()),
            Some(path) if path == Path::new("system") => (machine(), Vec::new()),
            Some(path) => {
                let given = self.certificates("sslrootcert", path)?;
                let mut roots = RootCertStore::empty();
                for certificate in &given {
                    roots
                        .add(certificate.clone())
                        .map_err(|fault| self.unusable("sslrootcert", path, &fault.to_string()))?;
                }
                (roots, given)
            }
        };

        Ok(Trust::Signed {
            roots,
            given,
            names,
        })
    }

    fn certificates(&self, name: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>> {
        let text = self.file(name, path)?;
        let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
        match read {
            Ok(read) if !read.is_empty() => Ok(read),
            Ok(_) => Err(self.unusable(name, path, "there is no certificate in it as PEM")),
            Err(fault) => Err(self.unusable(name, path, &fault.to_string())),
        }
    }

    fn key_of(&self, path: &Path) -> Result<PrivateKeyDer<'static>> {
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
        std::fs::read(path).map_err(|fault| self.unusable(name, path, &fault.to_string()))
    }

    fn unusable(&self, name: &str, path: &Path, fault: &str) -> Error {
        let path = path.display();

        self.fault(&format!(
            "has `{name}` `{path}`, which cannot be used: {fault}; mend the path, its rights or what is in it"
        ))
    }

    fn fault(&self, fault: &str) -> Error {
        Error::Settings(format!("`{}` {fault}", self.key))
    }
}

/// The authorities that the machine trusts.
fn machine() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    // A certificate that cannot be read only means that nothing it signed is trusted.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);

    roots
}
