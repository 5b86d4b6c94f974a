//! The certificate of the API, read again when its files change.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::config::Tls;
use crate::error::{Cause, Error, Result};

/// The name of HTTP/2 in a TLS handshake.
pub(super) const HTTP2: &[u8] = b"h2";
/// How long a look at the files of a certificate holds.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);

/// A certificate and its key.
#[derive(Debug)]
pub struct Certificate {
    files: Tls,
    read: Mutex<Read>,
}

#[derive(Debug)]
struct Read {
    looked_at: Instant,
    /// The files as they were read last.
    texts: [Vec<u8>; 2],
    config: Arc<ServerConfig>,
}

impl Certificate {
    /// # Errors
    ///
    /// [`Error::Settings`] if a file cannot be used.
    pub fn read(files: &Tls) -> Result<Self> {
        let texts = texts(files)?;

        Ok(Self {
            read: Mutex::new(Read {
                looked_at: Instant::now(),
                config: config(files, &texts)?,
                texts,
            }),
            files: files.clone(),
        })
    }

    /// The certificate of now. If new files cannot be used, the one before holds.
    pub(super) fn current(&self) -> Arc<ServerConfig> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.looked_at.elapsed() >= LOOK_INTERVAL {
            read.looked_at = Instant::now();
            let texts = texts(&self.files);
            if let Ok(texts) = texts
                && texts != read.texts
            {
                match config(&self.files, &texts) {
                    Ok(config) => {
                        tracing::info!("the certificate was read again");
                        read.config = config;
                    }
                    Err(error) => {
                        tracing::warn!(%error, "the new certificate cannot be used, so the one before it holds");
                    }
                }
                read.texts = texts;
            }
        }

        Arc::clone(&read.config)
    }
}

fn texts(files: &Tls) -> Result<[Vec<u8>; 2]> {
    let read = |setting: &str, path: &Path| {
        std::fs::read(path).map_err(|fault| {
            Error::Settings(format!(
                "`http.tls.{setting}` is `{}`, which cannot be read: {fault}",
                path.display()
            ))
        })
    };

    Ok([
        read("cert_file", &files.cert_file)?,
        read("key_file", &files.key_file)?,
    ])
}

fn config(files: &Tls, [certificates, key]: &[Vec<u8>; 2]) -> Result<Arc<ServerConfig>> {
    let made = || -> Result<ServerConfig, Cause> {
        let certificates =
            CertificateDer::pem_slice_iter(certificates).collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_slice(key)?;
        let mut config = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(certificates, key)?;
        config.alpn_protocols = vec![HTTP2.to_vec(), b"http/1.1".to_vec()];

        Ok(config)
    };

    made().map(Arc::new).map_err(|fault| {
        Error::Settings(format!(
            "`http.tls` names `{}` and `{}`, which cannot be used together: {fault}; both must be PEM, the certificate of the service first",
            files.cert_file.display(),
            files.key_file.display()
        ))
    })
}
