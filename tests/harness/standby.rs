//! An own Postgres with a streaming standby. `tests/stack/standby` starts both; dropping the pair removes both.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use tokio_postgres::Client;

use super::Servers;

/// A primary and its standby.
pub(crate) struct Standby {
    name: String,
    servers: Servers,
    replica: Servers,
}

impl Standby {
    /// Starts both. The standby has all rows of the primary.
    pub(crate) fn start() -> Self {
        let stack = Servers::find();
        let name = uuid::Uuid::now_v7().simple().to_string();
        let [primary, replica] = free_ports();
        let at = |port: u16| Servers {
            postgres: format!("postgres://postgres@127.0.0.1:{port}/postgres"),
            ..stack.clone()
        };
        // From here on it is dropped, whatever becomes of it.
        let standby = Self {
            servers: at(primary),
            replica: at(replica),
            name,
        };
        command(&[
            "up",
            &standby.name,
            &primary.to_string(),
            &replica.to_string(),
        ]);

        standby
    }

    /// The usual servers with the primary in place of their Postgres.
    pub(crate) fn servers(&self) -> Servers {
        self.servers.clone()
    }

    /// Settings by which the source of a test is read from its standby.
    pub(crate) fn settings(&self) -> String {
        let shop = self.replica.database("PIPELINE_shop");

        format!("connections.shop.url = '{shop}'")
    }

    /// A connection to a database of the standby.
    pub(crate) async fn connect(&self, database: &str) -> Client {
        self.replica.connect(database).await
    }

    /// Waits until the standby has all rows that the primary has now.
    pub(crate) async fn catch_up(&self) {
        let written = "select pg_current_wal_lsn()::text";
        let row = self.servers.connect("postgres").await;
        let row = row.query_one(written, &[]).await.expect("a place");
        let written: String = row.get(0);
        let replica = self.connect("postgres").await;
        let sql = format!("select pg_last_wal_replay_lsn() >= '{written}'");
        for _ in 0..600 {
            let row = replica.query_one(&sql, &[]).await.expect("a place");
            if row.get(0) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the standby does not follow its primary");
    }

    /// Runs statements on the standby.
    pub(crate) async fn execute(&self, sql: &str) {
        let replica = self.connect("postgres").await;
        for sql in sql.split("; ") {
            replica.batch_execute(sql).await.expect("done");
        }
    }
}

impl Drop for Standby {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // One panic is enough; what stays is swept at the next start.
            let _ = standby(&["down", &self.name]).output();
        } else {
            command(&["down", &self.name]);
        }
    }
}

/// Ends all pairs of earlier tests.
pub(super) fn sweep() {
    command(&["down"]);
}

fn standby(arguments: &[&str]) -> Command {
    let warehouse = std::env::var("ICEFRONT_TEST_WAREHOUSE").expect("a stack");
    let stack = Path::new(&warehouse).parent().expect("a folder");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stack/standby");
    let mut command = Command::new(script);
    command.args(arguments).env("ICEFRONT_STACK_DIR", stack);

    command
}

fn command(arguments: &[&str]) {
    let done = standby(arguments).output().expect("the script runs");
    assert!(done.status.success(), "{arguments:?}: {done:?}");
}

/// Two free ports.
fn free_ports() -> [u16; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));

    listeners.map(|listener| listener.local_addr().expect("an address").port())
}
