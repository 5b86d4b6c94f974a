//! Icefront never waits for ever for a source, never writes to it, and limits its connections.

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;

use crate::harness::{EVENTS, Service};

/// A table that takes a third of a second per row.
const SLOW: &str = "
pipeline: PIPELINE
source: {kind: postgres_table, connection: shop}
tables:
  items: {from: public.items, key: [id], cursor: id, where: \"pg_sleep(0.3) is not null\"}
";
const ITEMS: &str = "create table items (id bigint primary key, v text); insert into items select n, 'v' from generate_series(1, 6) as n;";

/// As the usual connection, with more settings.
fn limited(service: &Service, more: &str) {
    let path = service.folder.path().join("icefront.toml");
    let mut settings: toml::Table = std::fs::read_to_string(&path)
        .expect("settings")
        .parse()
        .expect("settings");
    let shop = settings["connections"]["shop"]
        .as_table_mut()
        .expect("a table");
    shop.extend(more.parse::<toml::Table>().expect("settings"));
    std::fs::write(&path, settings.to_string()).expect("settings");
}

#[tokio::test]
async fn a_question_that_takes_too_long_is_told_and_a_batch_takes_its_time() {
    let mut service = Service::of(SLOW).tables(ITEMS).start().await;
    limited(&service, "statement_timeout = '1s'");
    service.restart().await;

    let source = service.source().await;
    assert_eq!(source.body["now"]["backlog"], json!(null), "{source:?}");
    let reason = source.body["now"]["backlog_detail"]
        .as_str()
        .expect("a reason");
    assert!(reason.contains("could not count its events"), "{reason}");
    assert_eq!(source.body["now"]["cursor_safety"], "overlap", "{source:?}");

    service.run().await.succeeds().counts("inserted", 6);
}

#[tokio::test]
async fn a_table_that_somebody_alters_ends_the_run_with_who_it_is() {
    let mut service = Service::of(EVENTS)
        .audit_log()
        .tables("create table items (seed integer, id bigint, name text);")
        .start()
        .await;
    limited(&service, "lock_timeout = '1s'");
    service.restart().await;
    let other = service.connect_to_source().await;
    let alter =
        "set application_name = 'somebody'; begin; alter table audit_log_dml add column more text";
    other.batch_execute(alter).await.expect("locked");
    let pid: i32 = other
        .query_one("select pg_backend_pid()", &[])
        .await
        .expect("a pid")
        .get(0);

    let since = Instant::now();
    let run = service.run().await;
    assert!(
        since.elapsed() < Duration::from_secs(15),
        "{:?}",
        since.elapsed()
    );
    let who =
        format!("process {pid} (user `postgres`, application `somebody`, in a transaction since ");
    run.fails_with("timed-out")
        .may_be_retried()
        .saying(&who)
        .saying("has locked `public.audit_log_dml`");
    let source = service.source().await.has_status(200);
    assert_eq!(
        source.body["error"]["type"], "urn:icefront:problem:timed-out",
        "{source:?}"
    );

    other.batch_execute("rollback").await.expect("unlocked");
    service.run().await.succeeds();
}

#[tokio::test]
async fn no_session_can_write_whatever_the_source_makes_of_a_question() {
    let service = Service::of(EVENTS)
        .audit_log()
        .tables("create table items (seed integer, id bigint, name text);")
        .start()
        .await;
    // A function that stands before the server's own, so that the first question would write.
    let trap = format!(
        "create schema trap; create table trap.calls (at timestamptz default now());
         create function trap.pg_is_in_recovery() returns boolean language plpgsql as $$ begin insert into trap.calls default values; return false; end $$;
         alter database {}_shop set search_path = trap, pg_catalog, public",
        service.name
    );
    service.write(&trap).await;

    service
        .run()
        .await
        .fails_with("source-unreadable")
        .saying("read-only transaction");
    let disarm = "create or replace function trap.pg_is_in_recovery() returns boolean language sql as 'select false'";
    service.write(disarm).await;
    service.log(&[]).await;
    service.run().await.succeeds();
    let calls = service
        .shop
        .query_one("select count(*) from trap.calls", &[])
        .await
        .expect("a count");
    assert_eq!(calls.get::<_, i64>(0), 0);
}

#[tokio::test]
async fn calls_take_turns_where_the_connection_has_no_more_connections() {
    three_calls_take_one_connection("connections = 1").await;
}

#[tokio::test]
async fn calls_leave_half_of_the_connections_to_runs() {
    three_calls_take_one_connection("connections = 3").await;
}

async fn three_calls_take_one_connection(settings: &str) {
    let mut service = Service::of(SLOW).tables(ITEMS).start().await;
    limited(&service, settings);
    service.restart().await;
    let calls = join_all((0..3).map(|_| service.source()));
    let watched = async {
        let mut most = 0;
        for _ in 0..30 {
            let active = service
                .shop
                .query_one(
                    "select count(*) from pg_stat_activity where application_name = 'icefront/' || $1::text and datname = current_database() and state = 'active'",
                    &[&service.name],
                )
                .await
                .expect("a count");
            most = most.max(active.get::<_, i64>(0));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        most
    };

    let (answers, most) = tokio::join!(calls, watched);

    for answer in answers {
        assert_eq!(answer.body["now"]["backlog"], 6, "{answer:?}");
    }
    assert_eq!(most, 1, "one at a time, and by its name");
}
