//! Reads a source from a standby, from its primary, and from one after the other.

use serde_json::json;
use tokio_postgres::Client;

use crate::harness::{EVENTS, Flow, Proxy, Service, Standby};

const ITEMS: &str = "create table items (seed integer, id bigint);";
const LOG: &str = "
create table audit_log_dml (
  audit_event_id bigserial primary key, audit_operation text, audit_timestamp timestamptz not null default clock_timestamp(),
  tbl_schema text, tbl_name text, raw_data jsonb
);";
const WITH_TRANSACTION: &str = "
alter table audit_log_dml add audit_transaction_id xid8 not null default pg_current_xact_id();
create index on audit_log_dml (audit_transaction_id);";

/// Logs an item.
async fn write(client: &Client, id: i64) {
    let insert = "insert into audit_log_dml (audit_operation, tbl_schema, tbl_name, raw_data) values ('I', 'public', 'items', jsonb_build_object('seed', 1, 'id', $1::bigint))";
    client.execute(insert, &[&id]).await.expect("a row");
}

async fn staged(service: &Service) -> Vec<i64> {
    let rows = service
        .query("select id from {staging.items} order by 1")
        .await;

    rows.iter().filter_map(|row| row[0].as_i64()).collect()
}

async fn problem(service: &Service) -> String {
    let run = service.run().await;
    let kind = run["error"]["type"].as_str().unwrap_or_default();

    kind.trim_start_matches("urn:icefront:problem:").to_owned()
}

/// Two transactions take low ids, one of them in a savepoint, and stay open while the connection leads to the other server.
async fn nothing_is_skipped_between_primary_and_standby(log: &str) {
    let standby = Standby::start();
    let mut service = Service::of(EVENTS)
        .on(standby.servers())
        .tables(log)
        .tables(ITEMS)
        .start()
        .await;
    let database = format!("{}_shop", service.name);
    let slow = service.servers.connect(&database).await;
    let slower = service.servers.connect(&database).await;
    for client in [&slow, &slower] {
        client.batch_execute("begin").await.expect("begun");
    }
    write(&slow, 1).await;
    slower.batch_execute("savepoint s").await.expect("begun");
    write(&slower, 2).await;
    slower.batch_execute("release s").await.expect("released");
    standby.catch_up().await;
    standby.execute("select pg_wal_replay_pause()").await;
    write(&service.shop, 3).await;
    service.run().await.succeeds();
    assert_eq!(staged(&service).await, [3]);

    // The standby lags behind what was read from its primary.
    service.configure(&standby.settings());
    service.restart().await;
    service.run().await.succeeds();
    slow.batch_execute("commit").await.expect("committed");
    write(&service.shop, 4).await;
    service.run().await.succeeds();
    assert_eq!(staged(&service).await, [3]);
    standby.execute("select pg_wal_replay_resume()").await;
    standby.catch_up().await;
    service.run().await.succeeds();
    assert_eq!(staged(&service).await, [1, 3, 4]);

    // Back on the primary, with a cursor that lists no transaction that was open.
    service.configure("");
    service.restart().await;
    service.run().await.succeeds();
    slower.batch_execute("commit").await.expect("committed");
    write(&service.shop, 5).await;
    service.run().await.succeeds();
    assert_eq!(staged(&service).await, [1, 2, 3, 4, 5]);
    for _ in 0..2 {
        service.run().await.succeeds().counts("staged", 0);
    }
}

#[tokio::test]
async fn at_night_nothing_is_skipped_between_primary_and_standby_by_the_transaction_column() {
    nothing_is_skipped_between_primary_and_standby(&format!("{LOG}{WITH_TRANSACTION}")).await;
}

#[tokio::test]
async fn nothing_is_skipped_between_primary_and_standby_by_xmin() {
    nothing_is_skipped_between_primary_and_standby(LOG).await;
}

#[tokio::test]
async fn a_standby_that_was_promoted_is_another_source_at_once() {
    let standby = Standby::start();
    let mut service = Service::of(EVENTS)
        .on(standby.servers())
        .tables(LOG)
        .tables(ITEMS)
        .start()
        .await;
    write(&service.shop, 1).await;
    service.run().await.succeeds();
    service.configure(&standby.settings());
    service.restart().await;
    standby.catch_up().await;
    service.run().await.succeeds();

    standby.execute("select pg_promote()").await;
    let promoted = standby.connect(&format!("{}_shop", service.name)).await;
    write(&promoted, 2).await;

    assert_eq!(problem(&service).await, "source-replaced");
    assert_eq!(staged(&service).await, [1]);
    service.configure("");
    service.restart().await;
    write(&service.shop, 3).await;
    service.run().await.succeeds();
    assert_eq!(staged(&service).await, [1, 3], "the old primary goes on");
}

#[tokio::test]
async fn a_table_that_tells_its_changes_is_read_from_a_standby_and_called_unsafe() {
    let standby = Standby::start();
    let pipeline = "
pipeline: PIPELINE
source: {kind: postgres_table, connection: shop}
tables: {items: {from: public.items, key: [id], cursor: updated_at, overlap: 0s, deletes: {compare_keys: each_run}}}
";
    let table = "create table items (id bigint primary key, updated_at timestamptz not null default now()); insert into items values (1), (2)";
    let mut service = Service::of(pipeline)
        .on(standby.servers())
        .tables(table)
        .settings(&standby.settings())
        .start()
        .await;
    standby.catch_up().await;
    service.run().await.succeeds();
    let slow = service.connect_to_source().await;
    slow.batch_execute("begin; insert into items values (4)")
        .await
        .expect("open");
    let change = "delete from items where id = 1; insert into items values (3)";
    service.write(change).await;
    standby.catch_up().await;
    service.run().await.succeeds();

    assert_eq!(current(&service).await, [2, 3]);
    let source = service.source().await;
    let now = &source.body["now"];
    assert_eq!(now["cursor_safety"], "unsafe", "{source:?}");
    let reason = now["cursor_safety_detail"].as_str().unwrap_or_default();
    assert!(reason.contains("standby"), "{source:?}");

    // What was open when it was read from the standby is not skipped by the primary.
    service.configure("");
    service.restart().await;
    slow.batch_execute("commit").await.expect("committed");
    service.run().await.succeeds();
    assert_eq!(current(&service).await, [2, 3, 4]);
}

async fn current(service: &Service) -> Vec<i64> {
    let rows = service
        .query("select id from {marts.items} order by 1")
        .await;

    rows.iter().filter_map(|row| row[0].as_i64()).collect()
}

#[tokio::test]
async fn freshness_on_a_standby_is_what_it_has_replayed() {
    let standby = Standby::start();
    let settings = standby.settings();
    let service = Service::of(EVENTS)
        .on(standby.servers())
        .tables(LOG)
        .tables(ITEMS)
        .settings(&settings)
        .start()
        .await;
    standby.catch_up().await;
    standby.execute("select pg_wal_replay_pause()").await;
    write(&service.shop, 1).await;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    service.run().await.succeeds();
    let lag = service.freshness("items").await["lag_seconds"].as_f64();
    assert!(lag.is_some_and(|lag| lag > 3.0), "{lag:?}");
}

/// Reads that a standby's recovery cancels: 40 MB over a slow wire, and rows that are vacuumed on the primary meanwhile.
struct Conflict {
    standby: Standby,
    wire: Proxy,
    service: Service,
}

const EVENT_COUNT: i64 = 40_000;

impl Conflict {
    async fn start() -> Self {
        let standby = Standby::start();
        standby
            .execute("alter system set max_standby_streaming_delay = 0; select pg_reload_conf()")
            .await;
        let settings = standby.settings();
        let (_, address) = settings.split_once('@').expect("an address");
        let (server, _) = address.split_once('/').expect("an address");
        let wire = Proxy::start(server).await;
        let tables = format!(
            "{LOG}{ITEMS} create table busy (id bigint, at timestamptz); insert into busy values (1, now());
             insert into audit_log_dml (audit_operation, tbl_schema, tbl_name, raw_data)
             select 'I', 'public', 'items', jsonb_build_object('seed', 1, 'id', n, 'text', repeat('x', 1000)) from generate_series(1, {EVENT_COUNT}) as n"
        );
        let settings = settings.replace(server, &wire.address);
        let service = Service::of(EVENTS)
            .on(standby.servers())
            .tables(&tables)
            .settings(&settings)
            .start()
            .await;
        standby.catch_up().await;
        wire.set(Flow::Slow);

        Self {
            standby,
            wire,
            service,
        }
    }

    /// Leaves dead rows and vacuums them, until `is_enough` accepts the number of cancelled reads.
    async fn vacuum(&self, is_enough: impl Fn(i64) -> bool) {
        let replica = self.standby.connect("postgres").await;
        let cancelled = "select sum(confl_snapshot + confl_lock + confl_bufferpin)::bigint from pg_stat_database_conflicts";
        let begun = std::time::Instant::now();
        loop {
            assert!(begun.elapsed().as_secs() < 120, "no read is cancelled");
            let row = replica.query_one(cancelled, &[]).await.expect("a number");
            if is_enough(row.get(0)) {
                return;
            }
            for sql in ["update busy set at = now()", "vacuum busy"] {
                self.service.shop.batch_execute(sql).await.expect("done");
            }
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    }

    async fn assert_all_is_there_once(&self) {
        let counts = "select (select count(*) from {staging.items}), (select count(distinct _event_id) from {staging.items}), (select count(*) from {marts.items})";
        let counts = self.service.query(counts).await;
        assert_eq!(
            json!(counts),
            json!([[EVENT_COUNT, EVENT_COUNT, EVENT_COUNT]])
        );
        let landed =
            "select count(*), count(distinct audit_event_id) from {landing.PIPELINE_events}";
        let landed = self.service.query(landed).await;
        assert_eq!(json!(landed), json!([[EVENT_COUNT, EVENT_COUNT]]));
    }
}

#[tokio::test]
async fn a_read_that_recovery_cancels_begins_again_in_the_same_run() {
    let conflict = Conflict::start().await;
    let cancel = async {
        conflict.vacuum(|cancelled| cancelled >= 1).await;
        conflict.wire.set(Flow::Open);
    };
    let (run, ()) = tokio::join!(conflict.service.run(), cancel);
    run.succeeds().counts("events", EVENT_COUNT);
    conflict.assert_all_is_there_once().await;
}

#[tokio::test]
async fn at_night_a_read_that_recovery_cancels_again_and_again_fails_with_what_to_set() {
    let conflict = Conflict::start().await;
    let run = tokio::select! {
        run = conflict.service.run() => run,
        () = conflict.vacuum(|_| false) => unreachable!("it does not end"),
    }
    .fails_with("source-conflict")
    .may_be_retried();
    let detail = run.detail();
    for setting in ["hot_standby_feedback", "max_standby_streaming_delay"] {
        assert!(detail.contains(setting), "{detail}");
    }
    conflict.wire.set(Flow::Open);
    conflict.service.run().await.succeeds();
    conflict.assert_all_is_there_once().await;
}
