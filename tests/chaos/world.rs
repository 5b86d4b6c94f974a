//! The world of a scenario: one source, one lake, one state database, three replicas, and the state that all actors share.

use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::time::{Duration, Instant};

use icefront_generate::{AuditTrigger, QualifiedName};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

use crate::book::Book;
use crate::harness::{Servers, write_pipeline, write_settings};
use crate::replica::Replica;
use crate::stack::Stack;

/// Two tables with an audit log; one also has a cursor column.
const TABLES: &str = "
create table items (id bigint primary key, name text, points integer not null default 0, updated_at timestamptz not null default now());
create table orders (order_id bigint primary key, item_id bigint, amount numeric(10,2), note text);
create function touch() returns trigger language plpgsql as 'begin new.updated_at := now(); return new; end';
create trigger touch before update on items for each row execute function touch();
";
const SHOP: &str = "
pipeline: shop
source: {kind: postgres_audit_log, connection: shop}
tables:
  items: {from: public.items, key: [id]}
  orders: {from: public.orders, key: [order_id]}
";
const COPY: &str = "
pipeline: copy
source: {kind: postgres_table, connection: shop}
tables: {shelf: {from: public.items, key: [id], cursor: updated_at, overlap: 0s, deletes: {compare_keys: each_run}}}
";
/// Short, so that a frozen replica need not be frozen for long.
const SETTINGS: &str = "runs = { lease = '3s', retry_for = '1m' }";
const REPLICAS: usize = 3;

/// How long a replica that is frozen keeps its runs, by the settings.
pub(crate) const LEASE: Duration = Duration::from_secs(3);

pub(crate) const PIPELINES: [&str; 2] = ["shop", "copy"];
pub(crate) const VERIFIED: [&str; 3] = ["shop.items", "shop.orders", "copy.shelf"];

/// Everything that a scenario acts on.
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) stack: Arc<Stack>,
    pub(crate) servers: Servers,
    pub(crate) replicas: Vec<Replica>,
    pub(crate) http: reqwest::Client,
    pub(crate) book: RefCell<Book>,
    /// Tells writers and callers to end.
    pub(crate) rests: Cell<bool>,
    /// Runs that callers saw succeed.
    pub(crate) successes: Cell<u64>,
    begun: Instant,
    /// Numbers that are given out once.
    next: Cell<u64>,
    _folder: TempDir,
}

impl World {
    /// Makes databases and pipelines on servers of our own; starts no replica.
    pub(crate) async fn new(seed: u64, name: &str) -> Self {
        let stack = tokio::task::spawn_blocking(Stack::shared)
            .await
            .expect("servers");
        let servers = stack.servers();
        for database in ["chaos_state", "chaos_shop"] {
            renew(&servers, database).await;
        }
        servers
            .connect("chaos_shop")
            .await
            .batch_execute(&format!(
                "{TABLES}{}{}",
                trigger("items"),
                trigger("orders")
            ))
            .await
            .expect("the source's tables");
        let folder = TempDir::new().expect("a folder");
        for (pipeline, text) in PIPELINES.into_iter().zip([SHOP, COPY]) {
            write_pipeline(folder.path(), pipeline, text);
        }
        let more = format!(
            "{SETTINGS}\ntrino.schemas = {{ landing = '{name}_landing', staging = '{name}_staging', marts = '{name}_marts' }}"
        );
        let settings = write_settings(folder.path(), &servers, "chaos", &more);
        let mut replicas = Vec::new();
        for number in 0..REPLICAS {
            let replica = format!("replica {number}");
            let log = stack.folder.join(format!("{name}-{number}.log"));
            let _ = std::fs::remove_file(&log);
            replicas.push(Replica::new(replica, stack.addresses(), settings.clone(), log).await);
        }

        Self {
            seed,
            stack,
            servers,
            replicas,
            http: reqwest::Client::new(),
            book: RefCell::default(),
            rests: Cell::new(false),
            successes: Cell::new(0),
            begun: Instant::now(),
            next: Cell::new(0),
            _folder: folder,
        }
    }

    /// Lets this many replicas run, and kills the others. Waits until the state database has their schema.
    pub(crate) async fn run_replicas(&self, count: usize) {
        for (number, replica) in self.replicas.iter().enumerate() {
            if number < count {
                replica.start(&self.servers).await;
            } else {
                replica.kill();
            }
        }
        let state = self.connect("chaos_state").await;
        let is_migrated = "select to_regclass('icefront.tables') is not null and exists (select from pg_attribute where attrelid = to_regclass('icefront.tables') and attname = 'has_own_ids')";
        loop {
            let row = state.query_one(is_migrated, &[]).await;
            if row.is_ok_and(|row| row.get(0)) {
                return;
            }
            pause(100).await;
        }
    }

    /// A generator for one actor: its decisions depend only on the seed.
    pub(crate) fn random(&self, actor: &str, number: u64) -> StdRng {
        let name = actor.bytes().fold(0_u64, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(byte.into())
        });

        StdRng::seed_from_u64(self.seed ^ name.rotate_left(32) ^ number)
    }

    /// A number that was not given out before.
    pub(crate) fn number(&self) -> u64 {
        self.next.replace(self.next.get() + 1)
    }

    /// A running replica, if there is one.
    pub(crate) fn any_replica(&self, random: &mut StdRng) -> Option<&Replica> {
        let up: Vec<_> = self
            .replicas
            .iter()
            .filter(|replica| replica.address().is_some())
            .collect();

        (!up.is_empty()).then(|| up[random.random_range(0..up.len())])
    }

    /// Seconds since the begin.
    pub(crate) fn seconds(&self) -> f64 {
        self.begun.elapsed().as_secs_f64()
    }

    /// Connects to a database as soon as Postgres answers.
    pub(crate) async fn connect(&self, database: &str) -> Client {
        loop {
            let url = self.servers.database(database);
            if let Ok((client, connection)) = tokio_postgres::connect(&url, NoTls).await {
                tokio::spawn(connection);
                return client;
            }
            pause(200).await;
        }
    }

    /// All rows of a query over the lake; `{layer.table}` names a table of this scenario.
    pub(crate) async fn query(&self, scenario: &str, sql: &str) -> Vec<Vec<Value>> {
        let sql = sql
            .replace('{', &format!("lake.{scenario}_"))
            .replace('}', "");

        self.servers.query(&sql).await
    }
}

pub(crate) async fn pause(milliseconds: u64) {
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
}

async fn renew(servers: &Servers, database: &str) {
    let client = servers.connect("postgres").await;
    for sql in ["drop database if exists", "create database"] {
        let with = if sql.starts_with("drop") {
            "with (force)"
        } else {
            ""
        };
        client
            .batch_execute(&format!("{sql} {database} {with}"))
            .await
            .expect("a database");
    }
}

fn trigger(table: &str) -> String {
    let name = |text: &str| text.parse::<QualifiedName>().expect("a name");
    let trigger = AuditTrigger {
        table: name(&format!("public.{table}")),
        audit_table: name("public.audit_log_dml"),
        key: Vec::new(),
    };

    trigger.sql().expect("a trigger")
}
