//! Takes connections: time limits for handshakes, headers and silence, and bounds on how many there are.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_io_timeout::TimeoutWriter;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::at_once::{AtOnce, network};
use super::certificate::{Certificate, HTTP2};

/// The limit for a TLS handshake, and for the headers of the first call.
const HEADERS_LIMIT: Duration = Duration::from_secs(10);
/// A caller that reads nothing of an answer for this time is cut off.
pub(super) const READING_LIMIT: Duration = Duration::from_secs(30);
/// After this time without a new call, the service ends the connection. A long poll is shorter, and proxies keep connections for a minute.
const QUIET_LIMIT: Duration = Duration::from_secs(75);
/// A connection that takes no more calls is cut off after this time, even if somebody follows a run on it.
const LAST_ANSWER_LIMIT: Duration = Duration::from_hours(2);
/// The longest headers of HTTP/2, in bytes; those of HTTP/1.1 have the limit of the library, about 400 KB.
const HEADERS_LIST: u32 = 256 << 10;
/// The most calls at once on a connection of HTTP/2.
const STREAMS: u32 = 64;
/// The pause after a connection could not be taken, for example without free file descriptors.
const FAULT_PAUSE: Duration = Duration::from_millis(100);

/// How many connections there may be at once.
#[derive(Debug, Clone, Copy)]
pub struct Places {
    /// Of all callers. Further connections are closed at once. The last eighth is for addresses that have few, such as that of probes.
    pub all: usize,
    /// Of one address.
    pub of_one: usize,
}

impl Places {
    /// For the API. Behind a proxy, all callers have its address.
    #[must_use]
    pub fn of_api(is_behind_proxy: bool) -> Self {
        let all = 4_096;

        Self {
            all,
            of_one: if is_behind_proxy { all } else { all / 8 },
        }
    }

    /// For metrics.
    #[must_use]
    pub fn of_metrics() -> Self {
        Self {
            all: 64,
            of_one: 32,
        }
    }
}

/// Answers calls until `stops` ends, then finishes those that are under way.
pub async fn serve(
    listener: TcpListener,
    certificate: Option<Certificate>,
    places: Places,
    router: Router,
    stops: impl Future<Output = ()>,
) {
    let Places { all, of_one } = places;
    let places = AtOnce::<IpAddr>::new(all, of_one).keeping(all / 8);
    let (ending, open) = (CancellationToken::new(), TaskTracker::new());
    let mut stops = std::pin::pin!(stops);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
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
        let Some(place) = places.enter(network(peer.ip()), 1) else {
            tracing::debug!(address = %peer.ip(), "there are too many connections, of all or of this address");
            continue;
        };
        let certificate = certificate.as_ref().map(Certificate::current);
        let conversation = Conversation {
            router: router.clone(),
            peer,
            ending: ending.clone(),
        };
        open.spawn(async move {
            let _place = place;
            let _ = stream.set_nodelay(true);
            match certificate {
                None => conversation.hold(stream, builder().http1_only()).await,
                Some(config) => conversation.hold_tls(stream, config).await,
            }
        });
    }
    drop(listener);
    ending.cancel();
    open.close();
    open.wait().await;
}

/// Cuts the connection of a call off.
#[derive(Debug, Clone)]
pub(super) struct Cut(pub(super) CancellationToken);

/// What answers the calls of one connection.
struct Conversation {
    router: Router,
    peer: SocketAddr,
    /// Tells that the service ends.
    ending: CancellationToken,
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
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
        builder: Builder<TokioExecutor>,
    ) {
        let Self {
            router,
            peer,
            ending,
        } = self;
        let (called, last_call) = watch::channel(None);
        let cut = Cut(CancellationToken::new());
        let of_calls = cut.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            called.send_replace(Some(Instant::now()));
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(ConnectInfo(peer));
            request.extensions_mut().insert(of_calls.clone());
            router.clone().oneshot(request)
        });
        let mut stream = TimeoutWriter::new(stream);
        stream.set_timeout(Some(READING_LIMIT));
        let stream = TokioIo::new(Box::pin(stream));
        let mut connection = std::pin::pin!(builder.serve_connection(stream, service));
        let is_used = tokio::select! {
            // A caller that goes away or sends no HTTP ends only its own connection.
            _ = connection.as_mut() => return,
            () = cut.0.cancelled() => return,
            () = ending.cancelled() => true,
            is_used = quiet(last_call) => is_used,
        };
        if is_used {
            connection.as_mut().graceful_shutdown();
            tokio::select! {
                _ = connection => {}
                () = cut.0.cancelled() => {}
                () = tokio::time::sleep(LAST_ANSWER_LIMIT) => {}
            }
        }
    }
}

/// Waits until no call came for a while. Says whether there ever was one.
async fn quiet(last_call: watch::Receiver<Option<Instant>>) -> bool {
    let begun = Instant::now();
    loop {
        let last = *last_call.borrow();
        let until = match last {
            Some(last) => last + QUIET_LIMIT,
            None => begun + HEADERS_LIMIT,
        };
        tokio::time::sleep_until(until).await;
        if *last_call.borrow() == last {
            return last.is_some();
        }
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        // It counts from the end of the call before. [`quiet`] looks at the first call.
        .header_read_timeout(QUIET_LIMIT);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(HEADERS_LIST)
        .max_concurrent_streams(STREAMS)
        .keep_alive_interval(HEADERS_LIMIT)
        .keep_alive_timeout(HEADERS_LIMIT);

    builder
}
