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
    /// Whether a file could not be read at the last look.
    is_gone: bool,
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
                is_gone: false,
            }),
            files: files.clone(),
        })
    }

    /// The certificate of now. If new files cannot be used, the one before holds.
    pub(super) fn current(&self) -> Arc<ServerConfig> {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        if read.looked_at.elapsed() >= LOOK_INTERVAL {
            read.looked_at = Instant::now();
            if let Err(error) = read.renew(&self.files) {
                tracing::warn!(%error, "the new certificate cannot be used, so the one before it holds");
            }
        }

        Arc::clone(&read.config)
    }
}

impl Read {
    /// Reads the files again if they changed. A file that cannot be used is told once.
    fn renew(&mut self, files: &Tls) -> Result<()> {
        let texts = texts(files);
        if texts.is_err() && std::mem::replace(&mut self.is_gone, true) {
            return Ok(());
        }
        let texts = texts?;
        self.is_gone = false;
        if texts == self.texts {
            return Ok(());
        }
        let config = config(files, &texts);
        self.texts = texts;
        self.config = config?;
        tracing::info!("the certificate was read again");

        Ok(())
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
