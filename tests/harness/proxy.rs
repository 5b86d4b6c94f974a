//! A wire to a server. It can be slow, silent or cut, lose one answer, or change the text of answers.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Servers;
use super::trap::{Armed, Moment, Trap, Watch};

/// The fate of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// They are forwarded.
    Open,
    /// A few megabytes a second are forwarded.
    Slow,
    /// They wait, as if the server were stopped: it still accepts connections.
    Held,
    /// Connections are closed and none is accepted, as if the server were killed.
    Cut,
}

/// A wire to a server.
pub(crate) struct Proxy {
    /// Host and port.
    pub(crate) address: String,
    flow: watch::Sender<Flow>,
    passed: Arc<AtomicU64>,
    armed: Armed,
    swapped: Swapped,
    task: JoinHandle<()>,
}

/// A text in answers, and its replacement.
type Swapped = Arc<Mutex<Option<(&'static str, &'static str)>>>;

/// The state that all connections over a wire share.
#[derive(Clone)]
struct Wire {
    server: String,
    flow: watch::Receiver<Flow>,
    passed: Arc<AtomicU64>,
    armed: Armed,
    swapped: Swapped,
}

impl Proxy {
    /// Lays a wire to Trino.
    pub(crate) async fn before_trino(servers: &Servers) -> Self {
        let host = servers.trino.trim_start_matches("http://");

        Self::start(host.trim_end_matches('/')).await
    }

    /// Lays a wire to a host and port.
    pub(crate) async fn start(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (flow, _) = watch::channel(Flow::Open);
        let passed = Arc::new(AtomicU64::new(0));
        let armed = Armed::default();
        let swapped = Swapped::default();
        let wire = Wire {
            server: server.to_owned(),
            flow: flow.subscribe(),
            passed: Arc::clone(&passed),
            armed: Arc::clone(&armed),
            swapped: Arc::clone(&swapped),
        };
        let task = tokio::spawn(listen(listener, address.clone(), wire));

        Self {
            address,
            flow,
            passed,
            armed,
            swapped,
            task,
        }
    }

    /// Replaces `text` with `instead`, of the same length, in every answer. If both are equal, it stops replacing.
    pub(crate) fn swap(&self, text: &'static str, instead: &'static str) {
        assert_eq!(text.len(), instead.len(), "an answer keeps its length");
        let swapped = (text != instead).then_some((text, instead));
        *self.swapped.lock().unwrap_or_else(PoisonError::into_inner) = swapped;
    }

    pub(crate) fn set(&self, flow: Flow) {
        self.flow.send_replace(flow);
    }

    /// Lays a trap for one request. It replaces an earlier trap.
    pub(crate) fn arm(&self, trap: Trap) {
        *self.armed.lock().unwrap_or_else(PoisonError::into_inner) = Some(trap);
    }

    /// Removes the trap. Returns whether one was still there.
    pub(crate) fn disarm(&self) -> bool {
        let mut armed = self.armed.lock().unwrap_or_else(PoisonError::into_inner);

        armed.take().is_some()
    }

    /// Number of bytes that have passed, both ways.
    pub(crate) fn passed(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }

    /// Waits until this many more bytes have passed, both ways.
    pub(crate) async fn pass(&self, bytes: u64) {
        let until = self.passed() + bytes;
        let begun = std::time::Instant::now();
        while self.passed() < until {
            assert!(
                begun.elapsed() < Duration::from_mins(2),
                "so many bytes do not pass"
            );
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(mut listener: TcpListener, address: String, mut wire: Wire) {
    loop {
        tokio::select! {
            Ok((client, _)) = listener.accept() => {
                tokio::spawn(connect(client, wire.clone()));
            }
            () = until(&mut wire.flow, |flow| flow == Flow::Cut) => {
                drop(listener);
                until(&mut wire.flow, |flow| flow != Flow::Cut).await;
                listener = TcpListener::bind(&address).await.expect("the same port");
            }
        }
    }
}

async fn connect(client: TcpStream, mut wire: Wire) {
    let Ok(server) = TcpStream::connect(&wire.server).await else {
        return;
    };
    let watch = Watch::new(Arc::clone(&wire.armed));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let there = pump(from_client, to_server, wire.clone(), (&watch, Way::There));
    let back = pump(from_server, to_client, wire.clone(), (&watch, Way::Back));
    tokio::select! {
        // Where one way breaks, the other ends, too.
        _ = futures::future::try_join(there, back) => {}
        () = until(&mut wire.flow, |flow| flow == Flow::Cut) => {}
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    There,
    Back,
}

/// Forwards bytes as the flow allows, until they end.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut wire: Wire,
    (watch, way): (&Watch, Way),
) -> std::io::Result<()> {
    let mut bytes = vec![0; 16 << 10];
    loop {
        let length = from.read(&mut bytes).await?;
        until(&mut wire.flow, |flow| flow != Flow::Held).await;
        if length == 0 {
            return to.shutdown().await;
        }
        if *wire.flow.borrow() == Flow::Slow {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        if way == Way::There {
            watch.see(&bytes[..length]);
            watch.spring(Moment::Before)?;
        } else {
            watch.spring(Moment::Answered)?;
            let swapped = *wire.swapped.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some((text, instead)) = swapped {
                swap(&mut bytes[..length], text.as_bytes(), instead.as_bytes());
            }
        }
        to.write_all(&bytes[..length]).await?;
        if way == Way::There {
            watch.spring(Moment::After)?;
        }
        wire.passed.fetch_add(length as u64, Ordering::Relaxed);
    }
}

fn swap(bytes: &mut [u8], text: &[u8], instead: &[u8]) {
    for at in 0..bytes.len().saturating_sub(text.len() - 1) {
        if bytes[at..].starts_with(text) {
            bytes[at..at + text.len()].copy_from_slice(instead);
        }
    }
}

/// Waits for a flow; for ever if its sender is gone.
async fn until(flow: &mut watch::Receiver<Flow>, is_it: impl Fn(Flow) -> bool) {
    if flow.wait_for(|flow| is_it(*flow)).await.is_err() {
        std::future::pending::<()>().await;
    }
}
