//! A server that receives the messages of webhooks and events of lineage, and answers as a test wants.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How the receiver answers a message.
#[derive(Debug, Clone)]
pub(crate) enum Answers {
    Status(u16),
    /// With 200, after this time.
    After(Duration),
    /// With 307 and this address.
    Redirect(String),
}

/// A message as it arrived.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
    pub(crate) at: Instant,
}

#[derive(Debug, Default)]
struct Log {
    answers: VecDeque<Answers>,
    received: Vec<Received>,
}

/// It answers 200, unless it is told otherwise.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    log: Arc<Mutex<Log>>,
    task: JoinHandle<()>,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into()).await
    }

    pub(crate) async fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let log = Arc::<Mutex<Log>>::default();
        let router = Router::new().fallback(receive).with_state(Arc::clone(&log));
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("served");
        });

        Self { address, log, task }
    }

    /// Answers the next messages like this, one after the other.
    pub(crate) fn answers(&self, answers: impl IntoIterator<Item = Answers>) {
        self.log().answers.extend(answers);
    }

    /// Settings of a webhook `ops` that tells this receiver of `events`, such as `"run.failed"`.
    pub(crate) fn settings(&self, events: &str) -> String {
        format!(
            "[webhooks.ops]\nurl = 'http://{}/hush'\nevents = [{events}]\nprivate_networks = ['127.0.0.0/8']\n",
            self.address
        )
    }

    /// What arrived until now.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.log().received.clone()
    }

    /// Waits until so many messages have arrived.
    pub(crate) async fn receives(&self, count: usize) -> Vec<Received> {
        let begun = Instant::now();
        loop {
            let received = self.received();
            if received.len() >= count {
                return received;
            }
            assert!(
                begun.elapsed() < Duration::from_mins(1),
                "too few messages: {received:#?}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Received {
    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().expect("text")
    }

    #[track_caller]
    pub(crate) fn body(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|fault| panic!("{fault}: {self:#?}"))
    }
}

async fn receive(
    State(log): State<Arc<Mutex<Log>>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let answer = {
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        log.received.push(Received {
            path: uri.path().to_owned(),
            headers,
            text: String::from_utf8_lossy(&body).into_owned(),
            at: Instant::now(),
        });
        log.answers.pop_front().unwrap_or(Answers::Status(200))
    };
    match answer {
        Answers::Status(status) => StatusCode::from_u16(status)
            .expect("a status")
            .into_response(),
        Answers::After(pause) => {
            tokio::time::sleep(pause).await;
            StatusCode::OK.into_response()
        }
        Answers::Redirect(address) => (
            StatusCode::TEMPORARY_REDIRECT,
            [(header::LOCATION, address)],
        )
            .into_response(),
    }
}
