//! The servers that `tests/stack/up` started. Sweeps the remains of earlier tests.

use std::path::Path;
use std::sync::OnceLock;

use icefront::config::Config;
use icefront::trino::Trino;
use serde_json::Value;
use tokio_postgres::{Client, NoTls};

/// The addresses of the servers.
#[derive(Clone)]
pub(crate) struct Servers {
    pub(crate) postgres: String,
    pub(crate) trino: String,
    pub(crate) catalog: String,
    /// The landing folder, as the service writes it and as Trino reads it.
    pub(crate) landing: (String, String),
}

impl Servers {
    /// Reads the addresses from the environment, and sweeps the remains of earlier tests once.
    pub(crate) fn find() -> Self {
        static SWEPT: OnceLock<()> = OnceLock::new();
        let read = |name: &str| {
            std::env::var(name).unwrap_or_else(|_| {
                panic!("{name} is not set: run `make test`, or `tests/stack/up` and `. target/stack/env`")
            })
        };
        let warehouse = read("ICEFRONT_TEST_WAREHOUSE");
        let servers = Self {
            landing: (
                format!("file://{warehouse}/landing"),
                "local:///landing".into(),
            ),
            postgres: read("ICEFRONT_TEST_POSTGRES_URL"),
            trino: read("ICEFRONT_TEST_TRINO_URL"),
            catalog: read("ICEFRONT_TEST_CATALOG"),
        };
        SWEPT.get_or_init(|| sweep(&servers));

        servers
    }

    /// The same with all Iceberg tables and landing files on S3.
    pub(crate) fn find_s3() -> Self {
        let bucket = std::env::var("ICEFRONT_TEST_S3_BUCKET").unwrap_or_else(|_| {
            panic!("no S3 server runs: run `make test`, or `tests/stack/up --tests` and `. target/stack/env`")
        });
        let landing = format!("s3://{bucket}/landing");

        Self {
            catalog: "lakes3".into(),
            landing: (landing.clone(), landing),
            ..Self::find()
        }
    }

    /// The address of a database on the test server.
    pub(crate) fn database(&self, name: &str) -> String {
        let (server, _) = self.postgres.rsplit_once('/').expect("an address");
        format!("{server}/{name}")
    }

    pub(crate) async fn create_database(&self, name: &str) {
        self.connect("postgres")
            .await
            .batch_execute(&format!("create database {name}"))
            .await
            .expect("a database");
    }

    pub(crate) async fn connect(&self, database: &str) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.database(database), NoTls)
            .await
            .expect("Postgres answers");
        tokio::spawn(connection);
        client
    }

    /// All rows of a query over Trino.
    pub(crate) async fn query(&self, sql: &str) -> Vec<Vec<Value>> {
        let file = tempfile::NamedTempFile::with_suffix(".toml").expect("a file");
        let settings = format!(
            "state.url = ''\nlanding = {{ write_to = '', read_from = '' }}\ntrino = {{ url = '{}', catalog = '{}' }}",
            self.trino, self.catalog
        );
        std::fs::write(file.path(), settings).expect("settings");
        let config = Config::load(Some(file.path())).expect("right settings");

        Trino::new(config.trino)
            .expect("an address")
            .query("icefront/tests", sql)
            .await
            .unwrap_or_else(|error| panic!("{error}\n{sql}"))
    }
}

/// Drops the databases, schemas and standbys of earlier tests. If one cannot be dropped, it stays for the next start.
fn sweep(servers: &Servers) {
    super::standby::sweep();
    let servers = servers.clone();
    let swept = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let client = servers.connect("postgres").await;
            let databases = client
                .query(
                    "select datname from pg_database where datname like 'test\\_%'",
                    &[],
                )
                .await
                .expect("a list");
            for row in databases {
                let name: String = row.get(0);
                let left = "select gid from pg_prepared_xacts where database = $1";
                for left in client.query(left, &[&name]).await.expect("a list") {
                    let rollback = format!("rollback prepared '{}'", left.get::<_, &str>(0));
                    let _ = servers.connect(&name).await.batch_execute(&rollback).await;
                }
                let drop = format!("drop database if exists {name} with (force)");
                let _ = client.batch_execute(&drop).await;
            }
            sweep_catalogs(&servers).await;
        });
    });
    swept.join().expect("earlier tests are swept");
}

/// Removes schemas from the Postgres of the catalogs, and from the folder of `lake`; objects on S3 stay. Through Trino, those of a
/// whole test run would take minutes.
async fn sweep_catalogs(servers: &Servers) {
    let forget = "delete from iceberg_tables where table_namespace like 'test\\_%';
        delete from iceberg_namespace_properties where namespace like 'test\\_%'";
    let catalog = servers.connect("lake").await;
    catalog.batch_execute(forget).await.expect("forgotten");
    let (landing, _) = &servers.landing;
    let landing = Path::new(landing.trim_start_matches("file://"));
    let schemas = landing.with_file_name("warehouse");
    for folder in [landing, &schemas] {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with("test_") {
                // What stays is removed at the next start.
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
    }
}
