//! A Postgres for one test, from the stack's programs: in its own folder, on a free port, stopped when it is dropped.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

/// A running server whose superuser is `postgres`.
pub(crate) struct OwnPostgres {
    folder: TempDir,
    pub(crate) port: u16,
}

impl OwnPostgres {
    /// Makes a cluster and starts it.
    pub(crate) fn start() -> Self {
        let folder = TempDir::new().expect("a folder");
        // Where the tests are run by root, Postgres is another user.
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).expect("rights");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        drop(listener);
        let server = Self { folder, port };
        server.stack("start_postgres");

        server
    }

    /// The address of a database for a user, with a suffix.
    pub(crate) fn url(&self, user: &str, rest: &str) -> String {
        format!("postgres://{user}@127.0.0.1:{}/{rest}", self.port)
    }

    /// Connects as superuser, without TLS.
    pub(crate) async fn connect(&self, database: &str) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.url("postgres", database), NoTls)
            .await
            .expect("Postgres answers");
        tokio::spawn(connection);

        client
    }

    /// Writes a file of the server's own, such as `pg_hba.conf`, which only it may read.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.data().join(name);
        std::fs::write(&path, text).expect("a file");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600)).expect("rights");
        let owner = format!("--reference={}", self.data().join("PG_VERSION").display());
        // As root only; others own it anyway.
        let _ = Command::new("chown").arg(owner).arg(&path).status();
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("postgres")
    }

    /// Runs a function of the stack's scripts over this server.
    fn stack(&self, function: &str) {
        let scripts = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/stack");
        let script = format!(
            "set -euo pipefail; source {scripts}/settings.sh; source {scripts}/postgres.sh; need_postgres; {function}"
        );
        let done = Command::new("bash")
            .args(["-c", &script])
            .env("ICEFRONT_STACK_DIR", self.folder.path())
            .env("ICEFRONT_STACK_POSTGRES_PORT", self.port.to_string())
            .output()
            .expect("bash");
        assert!(
            done.status.success() || std::thread::panicking(),
            "{function}: {}{}",
            String::from_utf8_lossy(&done.stdout),
            String::from_utf8_lossy(&done.stderr)
        );
    }
}

impl Drop for OwnPostgres {
    fn drop(&mut self) {
        self.stack("stop_postgres");
    }
}
