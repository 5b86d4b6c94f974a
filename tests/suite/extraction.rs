//! No committed event is skipped, in any order of commits, and repeats do no harm.

use serde_json::json;
use tokio_postgres::Client;

use crate::harness::{EVENTS, Service, items_trigger};

const ITEMS: &str = "create table items (seed integer, id bigint);";

/// A common audit log: it has no column with the writer's transaction.
const PLAIN_AUDIT_TABLE: &str = "
create table audit_log_dml (
  audit_event_id bigserial primary key,
  audit_operation text,
  audit_timestamp timestamptz not null default clock_timestamp(),
  tbl_schema text,
  tbl_name text,
  raw_data jsonb
);";

const WITH_TRANSACTION: &str = "
alter table audit_log_dml add audit_transaction_id xid8 not null default pg_current_xact_id();
create index on audit_log_dml (audit_transaction_id);";

async fn write(client: &Client, id: i64) {
    client
        .execute(
            "insert into audit_log_dml (audit_operation, tbl_schema, tbl_name, raw_data) values ('I', 'public', 'items', jsonb_build_object('seed', 1, 'id', $1::bigint))",
            &[&id],
        )
        .await
        .expect("a row");
}

async fn staged(service: &Service) -> Vec<i64> {
    let rows = service
        .query("select id from {staging.items} order by 1")
        .await;
    rows.iter().filter_map(|row| row[0].as_i64()).collect()
}

/// A transaction takes its id first and commits last; a savepoint of another one does the same.
async fn late_commits_are_not_skipped(audit_table: &str) {
    let service = Service::of(EVENTS)
        .tables(audit_table)
        .tables(ITEMS)
        .start()
        .await;
    let database = format!("{}_shop", service.name);
    let slow = service.servers.connect(&database).await;
    let nested = service.servers.connect(&database).await;
    slow.batch_execute("begin").await.expect("begun");
    write(&slow, 1).await;
    nested
        .batch_execute("begin; savepoint inner_one")
        .await
        .expect("begun");
    write(&nested, 2).await;
    nested
        .batch_execute("release savepoint inner_one; savepoint lost")
        .await
        .expect("a savepoint");
    write(&nested, 3).await;
    nested
        .batch_execute("rollback to savepoint lost")
        .await
        .expect("rolled back");
    write(&service.shop, 4).await;

    service.run().await.succeeds();
    assert_eq!(staged(&service).await, [4]);
    let freshness = service
        .get(&format!("/v1/tables/{}.items/freshness", service.name))
        .await;
    let lag = freshness.body["lag_seconds"].as_f64().expect("a lag");
    assert!(lag > 0.0, "{freshness:?}");

    write(&service.shop, 5).await;
    nested.batch_execute("commit").await.expect("committed");
    service.run().await.succeeds();
    assert_eq!(staged(&service).await, [2, 4, 5]);

    slow.batch_execute("commit").await.expect("committed");
    service.run().await.succeeds();
    assert_eq!(staged(&service).await, [1, 2, 4, 5]);

    let before = service.run().await.succeeds();
    assert_eq!(before["counts"]["staged"], 0, "nothing is new: {before:#}");
}

#[tokio::test]
async fn who_holds_a_source_back_is_told_by_process_or_by_the_name_of_what_was_prepared() {
    let audit = format!("{PLAIN_AUDIT_TABLE}{WITH_TRANSACTION}{ITEMS}");
    let service = Service::of(EVENTS).tables(&audit).start().await;
    write(&service.shop, 1).await;
    service.run().await.succeeds();
    let database = format!("{}_shop", service.name);
    let slow = service.servers.connect(&database).await;
    slow.batch_execute("begin").await.expect("begun");
    write(&slow, 2).await;
    let pid = slow.query_one("select pg_backend_pid()", &[]).await;
    let pid: i32 = pid.expect("a process").get(0);
    let path = format!("/v1/sources/{}", service.name);
    let source = service.get(&path).await.body;
    let now = &source["now"]["blocked_by_transaction"];
    assert_eq!(now["pid"], pid, "{source:#}");
    assert!(now["age_seconds"].as_f64() >= Some(0.0), "{source:#}");
    service.run().await.succeeds();
    let source = service.get(&path).await.body;
    let then = &source["cursor"]["blocked_by_transaction"];
    assert_eq!(then["pid"], pid, "{source:#}");

    let name = &service.name;
    let prepare = format!("prepare transaction '{name}'");
    slow.batch_execute(&prepare).await.expect("prepared");
    service.run().await.succeeds();
    let source = service.get(&path).await.body;
    let end = format!("commit prepared '{name}'");
    slow.batch_execute(&end).await.expect("committed");
    for at in ["now", "cursor"] {
        let blocked = &source[at]["blocked_by_transaction"];
        assert_eq!(blocked["gid"], name.as_str(), "{source:#}");
        assert_eq!(blocked["pid"], json!(null), "{source:#}");
    }
    service.run().await.succeeds();
    assert_eq!(staged(&service).await, [1, 2]);
}

#[tokio::test]
async fn late_commits_are_not_skipped_by_the_transaction_column() {
    late_commits_are_not_skipped(&format!("{PLAIN_AUDIT_TABLE}{WITH_TRANSACTION}")).await;
}

#[tokio::test]
async fn late_commits_are_not_skipped_by_xmin() {
    late_commits_are_not_skipped(PLAIN_AUDIT_TABLE).await;
}

#[tokio::test]
async fn a_transaction_column_may_come_later() {
    let service = Service::of(EVENTS)
        .tables(PLAIN_AUDIT_TABLE)
        .tables(ITEMS)
        .start()
        .await;
    write(&service.shop, 1).await;
    service.run().await.succeeds();
    write(&service.shop, 2).await;
    service.write(WITH_TRANSACTION).await;
    write(&service.shop, 3).await;
    service.run().await.succeeds();
    write(&service.shop, 4).await;
    service.run().await.succeeds();

    assert_eq!(staged(&service).await, [1, 2, 3, 4]);
    let source = service.source().await;
    assert_eq!(
        source.body["cursor"]["position"]["rule"], "transaction",
        "{source:?}"
    );
    assert_eq!(source.body["now"]["backlog"], 0, "{source:?}");
    assert_eq!(source.body["now"]["cursor_safety"], "proven", "{source:?}");
}

#[tokio::test]
async fn another_table_under_the_same_name_is_a_problem_and_not_a_batch() {
    let service = Service::of(EVENTS)
        .tables(PLAIN_AUDIT_TABLE)
        .tables(ITEMS)
        .start()
        .await;
    write(&service.shop, 1).await;
    service.run().await.succeeds();
    let again = format!("drop table audit_log_dml; {PLAIN_AUDIT_TABLE}");
    service.write(&again).await;
    write(&service.shop, 2).await;

    service.run().await.fails_with("source-replaced");
    assert_eq!(staged(&service).await, [1]);
}

#[tokio::test]
async fn numbers_land_digit_for_digit_and_untracked_tables_are_ignored() {
    let tables = format!(
        "{PLAIN_AUDIT_TABLE} create table items (seed integer, id bigint, exact numeric(38,10), free numeric, deep jsonb, tags text[]);"
    );
    let service = Service::of(EVENTS).tables(&tables).start().await;
    service.write(r#"insert into audit_log_dml (audit_operation, tbl_schema, tbl_name, raw_data) values
               ('I', 'public', 'items', '{"seed": 1, "id": 9007199254740993, "exact": 1234567890123456789012345678.0123456789,
                 "free": 3.14159265358979323846264338327950288419716939937510, "deep": {"n": 1.10, "big": 12345678901234567890}, "tags": ["a", null]}'),
               ('I', 'public', 'others', '{"id": 1}')"#).await;

    service.run().await.succeeds().counts("ignored", 1);
    assert_eq!(
        service
            .current("items", "id, exact, free, deep, tags")
            .await,
        json!([[
            9_007_199_254_740_993_i64,
            "1234567890123456789012345678.0123456789",
            "3.14159265358979323846264338327950288419716939937510",
            "{\"n\": 1.10, \"big\": 12345678901234567890}",
            "[\"a\", null]"
        ]])
    );
}

#[tokio::test]
async fn rows_from_before_the_log_are_loaded_once_in_the_snapshot_of_the_log() {
    let tables = "
create table items (seed integer, id bigint, v text, primary key (seed, id));
insert into items select 1, n, 'before' from generate_series(1, 5) as n;
";
    let tables = format!("{tables}{}", items_trigger());
    let mut service = Service::of(EVENTS).tables(&tables).start().await;
    service.write("update items set v = 'changed' where id = 2; delete from items where id = 3; insert into items values (1, 6, 'new')").await;
    let slow = service.connect_to_source().await;
    slow.batch_execute("begin; update items set v = 'late' where id = 4")
        .await
        .expect("open");
    service
        .write("update items set v = 'changed' where id = 5")
        .await;
    service.run().await.succeeds().counts("inserted", 5);
    slow.batch_execute("commit").await.expect("committed");
    service.run().await.succeeds().counts("events", 1);
    assert_eq!(
        service.current("items", "id, v").await,
        json!([
            [1, "before"],
            [2, "changed"],
            [4, "late"],
            [5, "changed"],
            [6, "new"]
        ])
    );
    let sql = "select id, v, is_current from {marts.items_history} where id in (1, 2, 4) order by id, valid_from";
    assert_eq!(
        service.rows(sql).await,
        json!([
            [1, "before", true],
            [2, "changed", true],
            [4, "before", false],
            [4, "late", true]
        ])
    );

    // A table that is added later is loaded likewise.
    service.write("create table more (id bigint primary key, v text); insert into more values (1, 'a'), (2, 'b')").await;
    service.define(&format!(
        "{EVENTS}\n  more: {{from: public.more, key: [id]}}\n"
    ));
    service.restart().await;
    service.run().await.succeeds().counts("inserted", 2);
    service.run().await.succeeds().counts("events", 0);
}

#[tokio::test]
async fn a_log_is_not_read_by_ids_that_any_sequence_hands_out_by_the_fifty() {
    let tables = "
create sequence ids cache 50;
create table audit_log_dml (
  audit_event_id bigint primary key default nextval('ids'), audit_operation text, audit_timestamp timestamptz default clock_timestamp(),
  tbl_schema text, tbl_name text, raw_data jsonb
);
create table items (seed integer, id bigint, v text, primary key (seed, id));
";
    let service = Service::of(EVENTS).tables(tables).start().await;
    service
        .run()
        .await
        .fails_with("source-unreadable")
        .saying("order_by: occurred_at");
}
