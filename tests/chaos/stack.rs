//! Own servers that the test may kill: `tests/stack/up` on free ports, in a folder below `target/tmp`. It touches no other stack.
//! `ICEFRONT_CHAOS_ENGINE` chooses Trino's engine: `usual`, `workers` or `workers-retry`.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, Weak};

use crate::harness::Servers;

const HEAP: &str = "2G";

/// Stopped when it is dropped; its logs stay until the next start.
pub(crate) struct Stack {
    pub(crate) folder: PathBuf,
    engine: String,
    ports: [u16; 3],
}

impl Stack {
    /// Starts the servers, or gives those that another test of this process started.
    pub(crate) fn shared() -> Arc<Self> {
        static STACK: Mutex<Weak<Stack>> = Mutex::new(Weak::new());
        let mut known = STACK.lock().expect("no start failed before");

        known.upgrade().unwrap_or_else(|| {
            let stack = Arc::new(Self::start());
            *known = Arc::downgrade(&stack);
            stack
        })
    }

    fn start() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("chaos");
        let stack = Self {
            folder,
            engine: std::env::var("ICEFRONT_CHAOS_ENGINE").unwrap_or_else(|_| "usual".into()),
            ports: free_ports(),
        };
        stack.run("tests/stack/down", &["--clean"]);
        stack.run("tests/stack/up", &[&format!("--{}", stack.engine)]);

        stack
    }

    /// The addresses of the servers.
    pub(crate) fn servers(&self) -> Servers {
        let [postgres, trino, _] = self.ports;
        let warehouse = self.folder.join("warehouse");

        Servers {
            postgres: format!("postgres://postgres@127.0.0.1:{postgres}/postgres"),
            trino: format!("http://127.0.0.1:{trino}"),
            catalog: "lake".into(),
            landing: (
                format!("file://{}/landing", warehouse.display()),
                "local:///landing".into(),
            ),
        }
    }

    /// Host and port of Postgres and of Trino.
    pub(crate) fn addresses(&self) -> [String; 2] {
        let [postgres, trino, _] = self.ports;

        [postgres, trino].map(|port| format!("127.0.0.1:{port}"))
    }

    pub(crate) fn kill_trino(&self) {
        self.script(
            r#"! trino_runs || end_process "$(trino_pid)" "-Dnode.data-dir=$trino_data " KILL"#,
        );
    }

    /// Starts Trino unless it runs, and waits until it reads the catalog.
    pub(crate) fn start_trino(&self) {
        self.script(&format!("start_trino {}", self.engine));
    }

    /// Whether Trino has workers beside the coordinator.
    pub(crate) fn has_workers(&self) -> bool {
        self.engine != "usual"
    }

    /// Kills worker 1 or 2.
    pub(crate) fn kill_worker(&self, number: u8) {
        self.script(&format!("end_worker {number} KILL"));
    }

    /// Starts worker 1 or 2 again, and waits until Trino has all its workers.
    pub(crate) fn start_worker(&self, number: u8) {
        self.script(&format!("start_worker {number}"));
    }

    /// Ends Postgres by a signal, `INT` for fast and `QUIT` for immediate, and starts it again.
    pub(crate) fn restart_postgres(&self, signal: &str) {
        self.script(&format!(
            r#"! postgres_runs || end_process "$(postgres_pid)" "-D $(data_folder) " {signal}; start_postgres"#
        ));
    }

    /// Runs some of the words of the stack's scripts.
    fn script(&self, words: &str) {
        let scripts = "source tests/stack/settings.sh; source tests/stack/postgres.sh; source tests/stack/s3.sh; source tests/stack/trino.sh";
        let script = format!("set -euo pipefail; {scripts}; need_postgres; {words}");
        self.run("bash", &["-c", &script]);
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let [postgres, trino, s3] = self.ports.map(|port| port.to_string());
        let done = Command::new(program)
            .args(arguments)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("ICEFRONT_STACK_DIR", &self.folder)
            .env("ICEFRONT_STACK_POSTGRES_PORT", postgres)
            .env("ICEFRONT_STACK_TRINO_PORT", trino)
            .env("ICEFRONT_STACK_S3_PORT", s3)
            .env("ICEFRONT_STACK_TRINO_HEAP", HEAP)
            .output()
            .expect("it runs");
        assert!(
            done.status.success() || std::thread::panicking(),
            "{program} {arguments:?}: {}{}",
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr)
        );
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.run("tests/stack/down", &[]);
    }
}

/// Free ports below the range for clients, so that no client takes a server's port while the server is down.
fn free_ports() -> [u16; 3] {
    let first = 20_000 + u16::try_from(std::process::id() % 9_000).expect("a small number");
    let mut free = (first..).filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());

    std::array::from_fn(|_| free.next().expect("a free port"))
}
