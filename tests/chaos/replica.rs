//! One service process. It connects to Trino and Postgres by its own wires.

use std::cell::{Cell, RefCell};
use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;

use crate::harness::{Proxy, Servers};

/// The longest time of an orderly end, in twentieths of a second: the grace, and the last answers.
const TO_END: u32 = 75 * 20;

/// Killed when it is dropped.
pub(crate) struct Replica {
    pub(crate) name: String,
    pub(crate) trino: Proxy,
    pub(crate) postgres: Proxy,
    settings: PathBuf,
    log: PathBuf,
    address: Cell<Option<SocketAddr>>,
    process: RefCell<Option<Child>>,
}

impl Replica {
    /// Lays the wires; starts nothing yet. The log goes to `log`, from start to start.
    pub(crate) async fn new(
        name: String,
        [postgres, trino]: [String; 2],
        settings: PathBuf,
        log: PathBuf,
    ) -> Self {
        Self {
            name,
            trino: Proxy::start(&trino).await,
            postgres: Proxy::start(&postgres).await,
            settings,
            log,
            address: Cell::new(None),
            process: RefCell::new(None),
        }
    }

    /// Host and port, if it was started.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        self.address.get()
    }

    /// Starts the process, unless it runs, and waits until it answers.
    pub(crate) async fn start(&self, servers: &Servers) {
        if self.address.get().is_some() {
            return;
        }
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        drop(listener);
        let child = self.spawn(address, servers);
        self.process.replace(Some(child));
        let url = format!("http://{address}/livez");
        for _ in 0..300 {
            if reqwest::get(&url).await.is_ok() {
                self.address.set(Some(address));
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("{} does not answer; see {}", self.name, self.log.display());
    }

    fn spawn(&self, address: SocketAddr, servers: &Servers) -> Child {
        let log = File::options()
            .create(true)
            .append(true)
            .open(&self.log)
            .expect("a log");
        let through = Servers {
            postgres: format!("postgres://postgres@{}/postgres", self.postgres.address),
            ..servers.clone()
        };

        Command::new(env!("CARGO_BIN_EXE_icefront"))
            .args(["serve", "--config"])
            .arg(&self.settings)
            .env("ICEFRONT__HTTP__BIND", address.to_string())
            .env("ICEFRONT__HTTP__METRICS_BIND", "127.0.0.1:0")
            .env("ICEFRONT__STATE__URL", through.database("chaos_state"))
            .env(
                "ICEFRONT__CONNECTIONS__SHOP__URL",
                through.database("chaos_shop"),
            )
            .env(
                "ICEFRONT__TRINO__URL",
                format!("http://{}", self.trino.address),
            )
            .stderr(log)
            .spawn()
            .expect("the program starts")
    }

    /// Kills the process at once, even if it is frozen.
    pub(crate) fn kill(&self) {
        self.address.set(None);
        if let Some(mut child) = self.process.take() {
            child.kill().expect("it is ours");
            child.wait().expect("it has ended");
        }
    }

    /// Lets the process end in order, like an evicted pod, waits for the end and tells how it ended.
    pub(crate) async fn end(&self) -> String {
        self.address.set(None);
        let Some(mut child) = self.process.take() else {
            return "did not run".into();
        };
        signal(child.id(), "TERM");
        for _ in 0..TO_END {
            if let Some(status) = child.try_wait().expect("it is ours") {
                return status.to_string();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        child.kill().expect("it is ours");
        child.wait().expect("it has ended");

        "did not end".into()
    }

    /// The process id, if it was started.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.process.borrow().as_ref().map(Child::id)
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Sends a signal, such as `STOP`, to a process of ours, and waits until it was sent.
pub(crate) fn signal(pid: u32, name: &str) {
    // It may have been killed meanwhile, which is another fault's right.
    let _ = Command::new("kill")
        .args(["-s", name, &pid.to_string()])
        .stderr(std::process::Stdio::null())
        .status();
}
