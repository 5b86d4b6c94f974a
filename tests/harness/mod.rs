//! Each test has its own service: its own databases, schemas, folder and port on the shared servers.

mod certificates;
mod client;
pub(crate) mod depth;
mod drops;
mod items;
mod keys;
mod postgres;
mod process;
mod proxy;
mod receiver;
mod runs;
mod servers;
mod setup;
mod shop;
mod shown;
mod standby;
mod terminal;
mod trap;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use icefront::app::App;
use icefront::config::Config;
use icefront::{http, lineage, run, webhooks};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinHandle;

pub(crate) use certificates::Authority;
pub(crate) use client::Answer;
pub(crate) use drops::{Drops, gzip};
pub(crate) use items::{ITEMS, delete, held_back, hold, insert, items_trigger, update};
pub(crate) use keys::KeyFile;
pub(crate) use postgres::OwnPostgres;
pub(crate) use proxy::{Flow, Proxy};
pub(crate) use receiver::{Answers, Received, Receiver};
pub(crate) use runs::{Run, link};
pub(crate) use servers::Servers;
pub(crate) use shop::{AuditRow, LOOSE_AUDIT_TABLE};
pub(crate) use shown::shown;
pub(crate) use standby::Standby;
pub(crate) use terminal::Terminal;
pub(crate) use trap::{Moment, Then, Trap};

/// A pipeline over one table with a key of two parts. Its audit log has no keys, so that it can hold any row.
pub(crate) const EVENTS: &str = "
pipeline: PIPELINE
source: {kind: postgres_audit_log, connection: shop}
tables:
  items:
    from: public.items
    key: [seed, id]
    freshness: {warn_after: 10m, error_after: 1h}
";

/// A running service with a source database and an Iceberg catalog of its own.
pub(crate) struct Service {
    pub(crate) servers: Servers,
    pub(crate) name: String,
    pub(crate) shop: tokio_postgres::Client,
    pub(crate) folder: TempDir,
    pub(crate) address: SocketAddr,
    settings: PathBuf,
    tasks: Vec<JoinHandle<()>>,
    process: Option<process::Process>,
}

impl Service {
    /// Ends the service like a kill, in the middle of its work, and starts it again over the same state.
    pub(crate) async fn restart(&mut self) {
        self.end().await;
        let mut config = Config::load(Some(&self.settings)).expect("right settings");
        config.program = env!("CARGO_BIN_EXE_icefront").into();
        let app = App::new(config).expect("an app");
        if app.config.state.migrate {
            app.store.migrate().await.expect("a migrated state");
        }
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        self.address = listener.local_addr().expect("an address");
        let router = http::router(app.clone());
        self.tasks.push(tokio::spawn(async move {
            http::serve(
                listener,
                None,
                http::Places::of_api(false),
                router,
                std::future::pending(),
            )
            .await;
        }));
        self.work(app);
    }

    fn work(&mut self, app: App) {
        let looks = app.look_at_servers();
        self.tasks.push(tokio::spawn(looks.ended()));
        self.tasks.push(tokio::spawn(webhooks::work(app.clone())));
        self.tasks.push(tokio::spawn(lineage::work(app.clone())));
        self.tasks.push(tokio::spawn(run::work(app)));
    }

    /// Starts another service over the same state, which only works.
    pub(crate) fn add_replica(&mut self) {
        let config = Config::load(Some(&self.settings)).expect("right settings");
        let app = App::new(config).expect("an app");
        self.work(app);
    }

    /// Ends the service like a kill.
    pub(crate) async fn end(&mut self) {
        self.process = None;
        for task in self.tasks.drain(..) {
            task.abort();
            // An aborted task ends with an error, which is what was asked for.
            let _ = task.await;
        }
    }

    /// Replaces the settings of the start. The service reads them at its next start.
    pub(crate) fn configure(&self, settings: &str) {
        write_settings(self.folder.path(), &self.servers, &self.name, settings);
    }

    /// Replaces the pipeline's definition. The service reads it at its next start.
    pub(crate) fn define(&self, pipeline: &str) {
        write_pipeline(self.folder.path(), &self.name, pipeline);
    }

    /// An Iceberg table of this test, by layer: `staging.items`, `marts.items_history`.
    pub(crate) fn table(&self, name: &str) -> String {
        let (layer, table) = name.split_once('.').expect("a layer and a table");
        format!("{}.{}_{layer}.{table}", self.servers.catalog, self.name)
    }

    /// All rows of a query over Trino; `{layer.table}` in it names an Iceberg table of this test, `PIPELINE` the pipeline.
    pub(crate) async fn query(&self, sql: &str) -> Vec<Vec<Value>> {
        let sql = sql.replace("PIPELINE", &self.name);
        let mut text = String::new();
        for part in sql.split_inclusive(['{', '}']) {
            match part.strip_suffix('}') {
                Some(name) => text.push_str(&self.table(name)),
                None => text.push_str(part.strip_suffix('{').unwrap_or(part)),
            }
        }

        self.servers.query(&text).await
    }

    /// All rows of a query, as [`Service::query`], as one value.
    pub(crate) async fn rows(&self, sql: &str) -> Value {
        json!(self.query(sql).await)
    }

    /// Number of rows of a table, such as `marts.items`.
    pub(crate) async fn count(&self, table: &str) -> i64 {
        let rows = self
            .query(&format!("select count(*) from {{{table}}}"))
            .await;

        rows[0][0].as_i64().expect("a number")
    }

    /// Columns of a table's current rows, in the order of the first column.
    pub(crate) async fn current(&self, table: &str, columns: &str) -> Value {
        let sql = format!("select {columns} from {{marts.{table}}} order by 1");

        self.rows(&sql).await
    }

    /// Numbers of events in a table's typed log, of its current rows and of its versions.
    pub(crate) async fn sizes(&self, table: &str) -> [i64; 3] {
        let sql = format!(
            "select (select count(*) from {{staging.{table}}}), (select count(*) from {{marts.{table}}}), (select count(*) from {{marts.{table}_history}})"
        );
        let sizes = &self.query(&sql).await[0];

        [0, 1, 2].map(|column: usize| sizes[column].as_i64().expect("a number"))
    }
}

/// Writes a pipeline's definition, in which `PIPELINE` is its name.
pub(crate) fn write_pipeline(folder: &Path, name: &str, pipeline: &str) {
    let folder = folder.join("pipelines").join(name);
    std::fs::create_dir_all(&folder).expect("a folder");
    let text = pipeline.replace("PIPELINE", name);
    std::fs::write(folder.join("pipeline.yaml"), text).expect("a pipeline");
}

/// Writes the settings of a service over the databases and schemas of `name`. In the additional settings, `PIPELINE` is the name.
pub(crate) fn write_settings(folder: &Path, servers: &Servers, name: &str, more: &str) -> PathBuf {
    let path = folder.join("icefront.toml");
    let mut settings: toml::Table = format!(
        r#"
        state.url = "{state}"
        state.connections = 8
        connections.shop.url = "{shop}"
        trino.url = "{trino}"
        trino.catalog = "{catalog}"
        trino.schemas = {{ landing = "{name}_landing", staging = "{name}_staging", marts = "{name}_marts" }}
        landing.write_to = "{write_to}"
        landing.read_from = "{read_from}"
        files.roots = ["file://{drops}/", "file:///"]
        pipelines.path = "{pipelines}"
        runs.retry_for = "0s"
        retention.at = "off"
        "#,
        state = servers.database(&format!("{name}_state")),
        shop = servers.database(&format!("{name}_shop")),
        trino = servers.trino,
        catalog = servers.catalog,
        write_to = servers.landing.0,
        read_from = servers.landing.1,
        drops = std::env::temp_dir().display().to_string().trim_end_matches('/'),
        pipelines = folder.join("pipelines").display(),
    )
    .parse()
    .expect("settings");
    let more = more.replace("PIPELINE", name);
    merge(&mut settings, more.parse().expect("settings"));
    std::fs::write(&path, settings.to_string()).expect("settings");

    path
}

/// Puts settings over others, key by key.
fn merge(settings: &mut toml::Table, more: toml::Table) {
    for (key, value) in more {
        match (settings.get_mut(&key), value) {
            (Some(toml::Value::Table(known)), toml::Value::Table(value)) => merge(known, value),
            (_, value) => {
                settings.insert(key, value);
            }
        }
    }
}
