//! A server as it is seen through a wire that can be slow, silent or cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What becomes of the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    /// They are handed on.
    Open,
    /// A few megabytes a second are.
    Slow,
    /// They wait, as where the server is stopped: it still takes connections.
    Held,
    /// Connections are closed, and no new ones taken, as where the server was killed.
    Cut,
}

/// A wire to a server.
pub(crate) struct Proxy {
    /// Host and port.
    pub(crate) address: String,
    flow: watch::Sender<Flow>,
    passed: Arc<AtomicU64>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Lays a wire to a host and port.
    pub(crate) async fn start(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let (flow, _) = watch::channel(Flow::Open);
        let passed = Arc::new(AtomicU64::new(0));
        let task = tokio::spawn(listen(
            listener,
            (address.clone(), server.to_owned()),
            flow.subscribe(),
            Arc::clone(&passed),
        ));

        Self {
            address,
            flow,
            passed,
            task,
        }
    }

    pub(crate) fn set(&self, flow: Flow) {
        self.flow.send_replace(flow);
    }

    /// Waits until so many bytes more have passed, both ways.
    pub(crate) async fn pass(&self, bytes: u64) {
        let until = self.passed.load(Ordering::Relaxed) + bytes;
        let begun = std::time::Instant::now();
        while self.passed.load(Ordering::Relaxed) < until {
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

async fn listen(
    mut listener: TcpListener,
    (address, server): (String, String),
    mut flow: watch::Receiver<Flow>,
    passed: Arc<AtomicU64>,
) {
    loop {
        tokio::select! {
            Ok((client, _)) = listener.accept() => {
                tokio::spawn(connect(client, server.clone(), flow.clone(), Arc::clone(&passed)));
            }
            () = until(&mut flow, |flow| flow == Flow::Cut) => {
                drop(listener);
                until(&mut flow, |flow| flow != Flow::Cut).await;
                listener = TcpListener::bind(&address).await.expect("the same port");
            }
        }
    }
}

async fn connect(
    client: TcpStream,
    server: String,
    mut flow: watch::Receiver<Flow>,
    passed: Arc<AtomicU64>,
) {
    let Ok(server) = TcpStream::connect(server).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let there = pump(from_client, to_server, flow.clone(), &passed);
    let back = pump(from_server, to_client, flow.clone(), &passed);
    tokio::select! {
        _ = futures::future::join(there, back) => {}
        () = until(&mut flow, |flow| flow == Flow::Cut) => {}
    }
}

/// Hands bytes on as the flow has it, until they end.
async fn pump(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut flow: watch::Receiver<Flow>,
    passed: &AtomicU64,
) -> std::io::Result<()> {
    let mut bytes = vec![0; 16 << 10];
    loop {
        let length = from.read(&mut bytes).await?;
        until(&mut flow, |flow| flow != Flow::Held).await;
        if length == 0 {
            return to.shutdown().await;
        }
        if *flow.borrow() == Flow::Slow {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        to.write_all(&bytes[..length]).await?;
        passed.fetch_add(length as u64, Ordering::Relaxed);
    }
}

/// Waits for a flow; for ever where nobody sets it any more.
async fn until(flow: &mut watch::Receiver<Flow>, is_it: impl Fn(Flow) -> bool) {
    if flow.wait_for(|flow| is_it(*flow)).await.is_err() {
        std::future::pending::<()>().await;
    }
}
