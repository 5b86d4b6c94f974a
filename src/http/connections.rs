//! Takes connections: TLS, time limits for handshakes and headers, and a bound on how many there are.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use crate::config::Tls;
use crate::error::{Cause, Error, Result};

/// The most connections at once. Further callers wait until one ends.
const MOST_CONNECTIONS: usize = 1_024;
/// The limit for the headers of a call, and for a TLS handshake.
const HEADERS_LIMIT: Duration = Duration::from_secs(10);
/// The longest headers of HTTP/2, in bytes; those of HTTP/1.1 have the limit of the library, about 400 KB.
const HEADERS_LIST: u32 = 256 << 10;
/// The name of HTTP/2 in a TLS handshake.
const HTTP2: &[u8] = b"h2";
/// How long a look at the files of a certificate holds.
const LOOK_INTERVAL: Duration = Duration::from_secs(10);
/// The pause after a connection could not be taken, such as without free file descriptors.
const FAULT_PAUSE: Duration = Duration::from_millis(100);

/// The certificate of the API, read again when its files change.
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
    fn current(&self) -> Arc<ServerConfig> {
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

/// Answers calls until `stops` ends, then finishes those that are under way.
pub async fn serve(
    listener: TcpListener,
    certificate: Option<Certificate>,
    router: Router,
    stops: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let ends = GracefulShutdown::new();
    let mut stops = std::pin::pin!(stops);
    loop {
        let accepted = async {
            let place = Arc::clone(&places).acquire_owned().await;
            (place, listener.accept().await)
        };
        let (place, accepted) = tokio::select! {
            accepted = accepted => accepted,
            () = &mut stops => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(fault) => {
                tracing::warn!(%fault, "a connection could not be taken");
                tokio::time::sleep(FAULT_PAUSE).await;
                continue;
            }
        };
        let certificate = certificate.as_ref().map(Certificate::current);
        let conversation = Conversation {
            router: router.clone(),
            peer,
            end: ends.watcher(),
        };
        tokio::spawn(async move {
            let _place = place;
            let _ = stream.set_nodelay(true);
            match certificate {
                None => conversation.hold(stream, builder().http1_only()).await,
                Some(config) => conversation.hold_tls(stream, config).await,
            }
        });
    }
    drop(listener);
    ends.shutdown().await;
}

/// What answers the calls of one connection.
struct Conversation {
    router: Router,
    peer: SocketAddr,
    end: Watcher,
}

impl Conversation {
    async fn hold_tls(self, stream: TcpStream, config: Arc<ServerConfig>) {
        let shaken = TlsAcceptor::from(config).accept(stream);
        // What is no TLS is closed; the caller sees that.
        let Ok(Ok(stream)) = tokio::time::timeout(HEADERS_LIMIT, shaken).await else {
            return;
        };
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(HTTP2);
        let builder = if is_http2 {
            builder().http2_only()
        } else {
            builder().http1_only()
        };
        self.hold(stream, builder).await;
    }

    async fn hold(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        builder: Builder<TokioExecutor>,
    ) {
        let Self { router, peer, end } = self;
        let service = service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().oneshot(request)
        });
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        // A caller that goes away or sends no HTTP ends only its own connection.
        let _ = end.watch(connection).await;
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_LIMIT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEADERS_LIST)
        .keep_alive_interval(HEADERS_LIMIT)
        .keep_alive_timeout(HEADERS_LIMIT);

    builder
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
