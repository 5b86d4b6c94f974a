//! The event up to which the owner of an audit log may delete.

use serde_json::{Value, json};

use crate::harness::{EVENTS, Service};

/// An audit log without a transaction column. A row needs only the operation and the data; the rest has defaults.
const ITEMS_LOG: &str = "
create table audit_log_dml (
  audit_event_id bigserial primary key, audit_operation text, audit_timestamp timestamptz default clock_timestamp(),
  tbl_schema text default 'public', tbl_name text default 'items', raw_data jsonb
);
create table items (seed bigint, id bigint, v text);
";

async fn asked(service: &Service) -> Value {
    let path = format!("/v1/sources/{}/safe_to_purge", service.name);

    service.get(&path).await.body
}

async fn safe_to_purge(service: &Service) -> Value {
    asked(service).await["up_to_event_id"].clone()
}

#[tokio::test]
async fn a_poll_that_finds_nothing_moves_the_cursor_and_the_event_up_to_which_a_log_may_be_purged()
{
    let service = Service::of(&format!("{EVENTS}poll: 1s\n"))
        .tables(ITEMS_LOG)
        .start()
        .await;
    let write = "insert into audit_log_dml (audit_operation, raw_data) select 'I', jsonb_build_object('seed', 1, 'id', n) from generate_series(1, 5) as n";
    service.write(write).await;
    for _ in 0..120 {
        if safe_to_purge(&service).await == json!("5") {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
    }
    panic!("{}", safe_to_purge(&service).await);
}

#[tokio::test]
async fn nothing_new_appears_at_or_below_the_event_up_to_which_a_log_may_be_purged() {
    let service = Service::of(EVENTS).tables(ITEMS_LOG).start().await;
    let write = "insert into audit_log_dml (audit_operation, raw_data) select 'I', jsonb_build_object('seed', 1, 'id', n) from generate_series";
    let purge = async || safe_to_purge(&service).await;
    service.write(&format!("{write}(1, 5) as n")).await;
    service.run().await.succeeds();
    assert_eq!(purge().await, json!(null));
    let slow = service.connect_to_source().await;
    slow.batch_execute(&format!("begin; {write}(6, 6) as n"))
        .await
        .expect("open");
    service.write(&format!("{write}(7, 9) as n")).await;
    service.run().await.succeeds();
    assert_eq!(
        purge().await,
        json!("5"),
        "the first extraction's transactions have ended"
    );
    service.run().await.succeeds();
    service.run().await.succeeds();
    assert_eq!(purge().await, json!("5"), "event 6 is still open");
    slow.batch_execute("commit").await.expect("committed");
    service.run().await.succeeds();
    service.run().await.succeeds();
    assert_eq!(purge().await, json!("9"));
    service
        .write(&format!(
            "delete from audit_log_dml where audit_event_id <= 9; {write}(10, 12) as n"
        ))
        .await;
    let run = service.run().await.succeeds();
    run.counts("events", 3);
    assert_eq!(service.count("marts.items").await, 12);
    service
        .write(&format!(
            "truncate audit_log_dml restart identity; {write}(20, 21) as n"
        ))
        .await;
    let unseen = asked(&service).await;
    assert_eq!(
        unseen["up_to_event_id"],
        json!(null),
        "no run has seen it yet"
    );
    let reason = unseen["detail"].as_str().expect("a reason");
    assert!(reason.contains("set back"), "{reason}");
    service.run().await.succeeds();
    service.run().await.succeeds();
    assert_ne!(
        purge().await,
        json!("12"),
        "ids that are given anew are not hidden by the old floor"
    );
    let check = service.check().await;
    let verdict = |name: &str| {
        let findings = check.body["findings"].as_array().expect("findings");
        findings
            .iter()
            .find(|finding| finding["check"] == name)
            .unwrap_or_else(|| panic!("{name}: {check:?}"))["status"]
            .clone()
    };
    assert_eq!(verdict("sequence"), "pass");
    assert_eq!(verdict("transaction_column"), "warn");
    assert_eq!(verdict("first_trigger"), "warn");

    let anew = format!("drop table audit_log_dml, items; {ITEMS_LOG}");
    service.write(&anew).await;
    let another = asked(&service).await;
    assert_eq!(another["up_to_event_id"], json!(null));
    let reason = another["detail"].as_str().expect("a reason");
    assert!(reason.contains("another"), "{reason}");
    assert_eq!(verdict("select"), "pass");
}
