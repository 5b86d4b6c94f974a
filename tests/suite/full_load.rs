//! Full loads: the first one, one after an interruption, and one on request.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{EVENTS, Servers, Service, depth, items_trigger};

const PIPELINE: &str = "
pipeline: PIPELINE
source: {kind: postgres_table, connection: shop}
tables:
  people: {from: public.customers, key: [region, id], cursor: updated_at, overlap: 0s}
";
const CUSTOMERS: &str = "
create table customers (region text, id bigint, name text, updated_at timestamptz not null default now(), primary key (id, region));
create function touch() returns trigger language plpgsql as 'begin new.updated_at := now(); return new; end';
create trigger touch before update on customers for each row execute function touch();
";

/// Rows of source and table: their number and a sum over all of their values.
async fn both(service: &Service) -> [Vec<String>; 2] {
    let row = service
        .shop
        .query_one(
            "select count(*)::text, sum(id)::text, sum(length(name))::text, count(distinct region || id)::text from customers",
            &[],
        )
        .await
        .expect("counted");
    let table = service
        .query("select cast(count(*) as varchar), cast(sum(id) as varchar), cast(sum(length(name)) as varchar), cast(count(distinct region || cast(id as varchar)) as varchar) from {marts.people}")
        .await;

    [
        (0..4).map(|at| row.get(at)).collect(),
        table[0]
            .iter()
            .map(|value| value.as_str().unwrap_or_default().to_owned())
            .collect(),
    ]
}

#[tokio::test]
async fn a_full_load_that_is_killed_goes_on_and_reads_nothing_twice() {
    killed_goes_on(Servers::find()).await;
}

#[tokio::test]
async fn at_night_a_full_load_into_s3_that_is_killed_goes_on_and_reads_nothing_twice() {
    killed_goes_on(Servers::find_s3()).await;
}

async fn killed_goes_on(servers: Servers) {
    let rows = 200_000 * depth::size();
    let settings = format!("connections.shop.range_rows = {}", rows / 10);
    let mut service = Service::of(PIPELINE)
        .on(servers)
        .tables(CUSTOMERS)
        .settings(&settings)
        .start()
        .await;
    let write = format!(
        "insert into customers select case when n % 2 = 0 then 'nord''' else 'süd' end, n, 'n' || n from generate_series(1, {rows}) as n"
    );
    service.write(&write).await;
    let source = format!("/v1/sources/{}", service.name);
    let started = service.start(&json!({})).await;
    let mut kills = 0;
    let mut last = serde_json::Value::Null;
    let begun = Instant::now();
    while kills < 3 {
        assert!(begun.elapsed() < Duration::from_secs(200), "{last:#}");
        tokio::time::sleep(Duration::from_millis(100)).await;
        let answer = service.get(&source).await;
        let cursor = &answer.body["cursor"];
        if cursor["tables"][0]["loading"] == true && cursor["moved_at"] != last {
            last = cursor["moved_at"].clone();
            kills += 1;
            let churn = format!(
                "update customers set name = 'changed {kills}' where id in ({kills}, {rows} - {kills}); insert into customers values ('west', {kills}, 'new')"
            );
            service.write(&churn).await;
            service.restart().await;
        }
    }
    let run = service.ended(&started.body).await;
    assert_eq!(run["succeeded"], true, "{run:#}");
    let landed = service
        .query(&format!(
            "select count(*) - count(distinct fields['region'] || fields['id']), count(distinct _batch_id) from {}",
            service.table(&format!("landing.{}_events", service.name))
        ))
        .await;
    let twice = landed[0][0].as_i64().expect("a number");
    assert!(twice <= 9, "only what changed is read again: {landed:?}");
    assert!(landed[0][1].as_i64() >= Some(11), "{landed:?}");

    let [source, table] = both(&service).await;
    assert_eq!(table, source);
}

#[tokio::test]
async fn a_resync_finds_what_a_table_did_not_tell() {
    let service = Service::of(PIPELINE).tables(CUSTOMERS).start().await;
    service.write("insert into customers select 'r', n, 'n' || n, now() - interval '1 hour' from generate_series(1, 9) as n").await;
    service.run().await.succeeds();
    service.write("alter table customers disable trigger touch; update customers set name = 'hidden' where id = 1; delete from customers where id = 2; update customers set id = 10 where id = 3; alter table customers enable trigger touch").await;
    service.run().await.succeeds().counts("deleted", 0);

    service
        .post_table("people", "resync", &json!({}))
        .await
        .counts("updated", 1)
        .counts("deleted", 2)
        .counts("duplicate", 6);
    let [source, table] = both(&service).await;
    assert_eq!(table, source);
    service.run().await.succeeds().counts("events", 0);
    assert_eq!(
        service.count("marts.people_history").await,
        10,
        "rows that are the same start no version"
    );
}

#[tokio::test]
async fn a_resync_of_a_logged_table_reads_the_rows_that_the_log_does_not_know() {
    let tables = format!(
        "create table items (seed integer, id bigint, v text, primary key (seed, id)); insert into items select 1, n, 'before' from generate_series(1, 5) as n; {}",
        items_trigger()
    );
    let service = Service::of(EVENTS).tables(&tables).start().await;
    service
        .write("update items set v = 'logged' where id = 4")
        .await;
    service.run().await.succeeds();
    service.write("set session_replication_role = replica; update items set v = 'hidden' where id = 1; delete from items where id = 2; insert into items values (1, 6, 'hidden'); reset session_replication_role").await;
    service
        .write("update items set v = 'logged again' where id = 4; delete from items where id = 5")
        .await;

    let resync = service.post_table("items", "resync", &json!({})).await;

    assert_eq!(
        service.current("items", "id, v").await,
        json!([
            [1, "hidden"],
            [3, "before"],
            [4, "logged again"],
            [6, "hidden"]
        ]),
        "{resync:#}"
    );
    let sql = "select id, v, is_current, is_deleted from {marts.items_history} where id in (2, 4, 5) order by id, valid_from";
    assert_eq!(
        service.rows(sql).await,
        json!([
            [2, "before", false, true],
            [4, "logged", false, false],
            [4, "logged again", true, false],
            [5, "before", false, true]
        ]),
        "what the log tells is as it was"
    );
    service
        .write("update items set v = 'later' where id = 1")
        .await;
    service.run().await.succeeds();
    assert_eq!(
        service
            .rows(
                "select v, is_current from {marts.items_history} where id = 1 order by valid_from"
            )
            .await,
        json!([["before", false], ["hidden", false], ["later", true]])
    );
    service.verifies("items").await;
}

#[tokio::test]
async fn a_resync_does_not_touch_what_a_purged_log_had_told() {
    let tables = format!(
        "create table items (seed integer, id bigint, v text, primary key (seed, id)); {}",
        items_trigger()
    );
    let service = Service::of(EVENTS).tables(&tables).start().await;
    service
        .write("insert into items values (1, 1, 'a'), (1, 2, 'b')")
        .await;
    service
        .write("update items set v = 'a2' where id = 1; delete from items where id = 2")
        .await;
    service.run().await.succeeds();
    let versions =
        "select id, v, valid_from, valid_to from {marts.items_history} order by id, valid_from";
    let before = service.query(versions).await;
    assert_eq!(before.len(), 3, "{before:?}");
    service.write("delete from audit_log_dml").await;

    for _ in 0..2 {
        service
            .post_table("items", "resync", &json!({}))
            .await
            .succeeds();
        assert_eq!(service.query(versions).await, before);
    }
}

#[tokio::test]
async fn a_resync_of_files_is_refused_with_what_to_do() {
    let pipeline = "
pipeline: PIPELINE
source: {kind: files, path: 'file:///nowhere/*.csv'}
tables:
  items: {key: [id]}
";
    let service = Service::of(pipeline).tables("select 1").start().await;
    service
        .post(
            &format!("{}/resync", service.table_path("items")),
            &json!({}),
        )
        .await
        .has_status(422)
        .saying("restage");
}

#[tokio::test]
async fn at_night_tables_that_are_read_side_by_side_are_of_one_snapshot() {
    let names = ["one", "two", "three"];
    let mut pipeline = String::from(
        "pipeline: PIPELINE\nsource: {kind: postgres_table, connection: shop}\ntables:\n",
    );
    let mut tables = String::new();
    for name in names {
        let _ = writeln!(
            pipeline,
            "  {name}: {{from: public.{name}, key: [id], cursor: updated_at, overlap: 0s}}"
        );
        let _ = writeln!(
            tables,
            "create table {name} (id bigint primary key, amount bigint, updated_at timestamptz not null default now()); insert into {name} select n, 0 from generate_series(1, 30000) as n;"
        );
    }
    let service = Service::of(&pipeline).tables(&tables).start().await;
    let writer = service.connect_to_source().await;
    let moves = async {
        for number in 0..400 {
            let (from, to, id) = (names[number % 3], names[(number + 1) % 3], number % 50 + 1);
            let sql = format!(
                "begin; update {from} set amount = amount - 7, updated_at = clock_timestamp() where id = {id}; update {to} set amount = amount + 7, updated_at = clock_timestamp() where id = {id}; commit"
            );
            writer.batch_execute(&sql).await.expect("written");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let most = AtomicI64::new(0);
    let watch = async {
        loop {
            let sql = "select count(*) from pg_stat_activity where application_name = $1 and state <> 'idle'";
            let name = format!("icefront/{}", service.name);
            let row = service
                .shop
                .query_one(sql, &[&name])
                .await
                .expect("a number");
            most.fetch_max(row.get(0), Ordering::Relaxed);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let runs = async {
        for run in 0..3 {
            service.run().await.succeeds();
            let sql = "select sum(amount) from (select amount from {marts.one} union all select amount from {marts.two} union all select amount from {marts.three})";
            assert_eq!(service.rows(sql).await, json!([[0]]), "run {run}");
        }
    };
    tokio::select! {
        _ = async { tokio::join!(moves, runs) } => {}
        () = watch => {}
    }
    assert!(most.into_inner() > 1, "they are read side by side");
}
