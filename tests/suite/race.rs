//! The race: eight writers commit in any order, with pauses, savepoints, exceptions, roll-backs and prepared transactions, and one
//! commits the lowest id last, when a thousand others were extracted, while runs go on. At the end, the table of every
//! kind of source equals the source.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::join_all;
use serde_json::json;

use crate::harness::{Servers, Service, Standby, depth, items_trigger};
use crate::reference::Random;

/// The rows, and a trigger that writes the row that fired it, as in applications.
const TABLE: &str = "
create table items (id bigint primary key, name text, points integer not null default 0, updated_at timestamptz not null default now());
create function touch() returns trigger language plpgsql as 'begin new.updated_at := now(); return new; end';
create trigger touch before update on items for each row execute function touch();
create function again() returns trigger language plpgsql as 'begin if new.points % 5 = 1 then update items set points = points + 1 where id = new.id; end if; return null; end';
create trigger again after insert or update on items for each row execute function again();
";
/// An old audit log: it has no column with the writer's transaction.
const PLAIN_LOG: &str = "
create table audit_log_dml (
  audit_event_id bigserial primary key, audit_operation text not null, audit_timestamp timestamptz not null default clock_timestamp(),
  tbl_schema text, tbl_name text, raw_data jsonb
);
";
const LOG: &str = "
pipeline: PIPELINE
source: {kind: postgres_audit_log, connection: shop}
tables: {items: {from: public.items, key: [id]}}
";
const WATERMARK: &str = "
pipeline: PIPELINE
source: {kind: postgres_table, connection: shop}
tables: {items: {from: public.items, key: [id], cursor: updated_at, overlap: 0s, deletes: {compare_keys: each_run}}}
";
const WRITERS: u64 = 8;
/// The writes above the lowest id while its transaction is still open.
const THOUSAND: &str = "insert into items (id, name) select n, 'many' from generate_series(2000, 2999) as n on conflict (id) do update set points = items.points + 5";

#[tokio::test]
async fn a_log_that_tells_transactions_misses_no_commit() {
    race(LOG, &format!("{TABLE}{}", items_trigger())).await;
}

#[tokio::test]
async fn at_night_a_log_that_does_not_tell_transactions_misses_no_commit() {
    race(LOG, &format!("{TABLE}{PLAIN_LOG}{}", items_trigger())).await;
}

#[tokio::test]
async fn at_night_a_log_whose_ids_are_handed_out_by_the_fifty_is_in_the_order_of_its_clock() {
    let log = LOG.replace(
        "connection: shop",
        "connection: shop, order_by: occurred_at",
    );
    let cached = "alter sequence audit_log_dml_audit_event_id_seq cache 50;";
    race(&log, &format!("{TABLE}{}{cached}", items_trigger())).await;
}

#[tokio::test]
async fn at_night_a_log_that_tells_transactions_misses_no_commit_on_a_standby() {
    race_on_standby(&format!("{TABLE}{}", items_trigger())).await;
}

#[tokio::test]
async fn at_night_a_log_that_does_not_tell_transactions_misses_no_commit_on_a_standby() {
    race_on_standby(&format!("{TABLE}{PLAIN_LOG}{}", items_trigger())).await;
}

#[tokio::test]
async fn a_table_that_tells_its_changes_misses_no_commit() {
    race(WATERMARK, TABLE).await;
}

async fn race(pipeline: &str, tables: &str) {
    let service = Service::of(pipeline).tables(tables).start().await;

    race_of(&service, pipeline, async || {}).await;
}

async fn race_on_standby(tables: &str) {
    let standby = Standby::start();
    let service = Service::of(LOG)
        .on(standby.servers())
        .tables(tables)
        .settings(&standby.settings())
        .start()
        .await;
    standby.catch_up().await;

    race_of(&service, LOG, async || standby.catch_up().await).await;
}

/// One round by day, many at night. `settle` waits until the source shows every commit.
async fn race_of(service: &Service, pipeline: &str, settle: impl AsyncFn()) {
    let database = format!("{}_shop", service.name);
    for round in 0..depth::rounds(1) {
        let late = service.servers.connect(&database).await;
        late.batch_execute(&format!(
            "begin; insert into items (id, name) values ({}, 'late')",
            1_000 + round
        ))
        .await
        .expect("open");
        let many = service.shop.batch_execute(THOUSAND).await;
        many.expect("committed");
        let is_over = AtomicBool::new(false);
        let writers = async {
            let writers = (0..WRITERS)
                .map(|writer| write(&service.servers, &database, round * WRITERS + writer));
            join_all(writers).await;
            is_over.store(true, Ordering::Relaxed);
        };
        let runs = async {
            for run in 0.. {
                if run >= 2 && is_over.load(Ordering::Relaxed) {
                    break;
                }
                service.run().await.succeeds();
            }
        };
        tokio::join!(writers, runs);
        late.batch_execute("commit").await.expect("committed");
        settle().await;
        service.run().await.succeeds();

        compare(service, round, pipeline == LOG).await;
    }
    service.verifies("items").await;
}

/// Compares the current rows with the source. If there is an audit log, compares the staged events with it.
async fn compare(service: &Service, round: u64, has_log: bool) {
    let rows = service
        .shop
        .query("select id, name, points from items order by id", &[])
        .await
        .expect("rows");
    let source: Vec<_> = rows
        .iter()
        .map(|row| {
            json!([
                row.get::<_, i64>(0),
                row.get::<_, Option<String>>(1),
                row.get::<_, i32>(2)
            ])
        })
        .collect();
    assert_eq!(
        service.current("items", "id, name, points").await,
        json!(source),
        "round {round}"
    );
    let staged = service
        .query("select _event_id from {staging.items} order by 1")
        .await;
    let staged: Vec<i64> = staged.iter().filter_map(|row| row[0].as_i64()).collect();
    let is_once = staged.is_sorted_by(|a, b| a < b);
    assert!(is_once, "round {round}: an event is staged twice");
    if has_log {
        let ids = "select audit_event_id from audit_log_dml order by 1";
        let logged = service.shop.query(ids, &[]).await.expect("ids");
        let logged: Vec<i64> = logged.iter().map(|row| row.get(0)).collect();
        assert_eq!(staged, logged, "round {round}");
        return;
    }
    let sql = "select count(*) - count(distinct row(id, _operation, _occurred_at, name, points)) from {staging.items}";
    assert_eq!(
        service.rows(sql).await,
        json!([[0]]),
        "round {round}: a row is staged again"
    );
}

/// Some transactions of one writer. If one collides with another writer's, it is rolled back; this is part of the race.
async fn write(servers: &Servers, database: &str, seed: u64) {
    let client = servers.connect(database).await;
    let mut random = Random::new(seed);
    for number in 0..6 {
        let mut sql = String::from("begin;");
        for _ in 0..=random.below(3) {
            sql += &statement(&mut random, seed);
        }
        let done = client.batch_execute(&sql).await;
        let end = match random.below(10) {
            _ if done.is_err() => "rollback".to_owned(),
            0 => "rollback".to_owned(),
            1 | 2 => format!(
                "prepare transaction 'p{seed}_{number}'; select pg_sleep(0.2); commit prepared 'p{seed}_{number}'"
            ),
            _ => "commit".to_owned(),
        };
        for sql in end.split("; ") {
            if client.batch_execute(sql).await.is_err() {
                let _ = client.batch_execute("rollback").await;
            }
        }
    }
}

fn statement(random: &mut Random, seed: u64) -> String {
    let id = random.below(40);
    let pause = random.below(40);
    let upsert = format!(
        "insert into items (id, name) values ({id}, 'w{seed}') on conflict (id) do update set name = excluded.name, points = items.points + 1"
    );
    let pause = format!("select pg_sleep({pause} / 1000.0);");
    match random.below(6) {
        0 => format!("delete from items where id = {id};{pause}"),
        1 => format!("savepoint s; {upsert}; {pause} rollback to savepoint s;"),
        2 => format!("savepoint s; {upsert}; {pause} release s;"),
        3 => format!(
            "do $$ begin {upsert}; raise exception 'no'; exception when others then update items set points = points + 3 where id = {id}; end $$; {pause}"
        ),
        _ => format!("{upsert}; {pause}"),
    }
}
