//! The rights of a source's user: the check finds each missing right with its remedy, and no other right is needed.

use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::harness::{OwnPostgres, Service};

const PIPELINE: &str = "
pipeline: PIPELINE
source: {kind: postgres_audit_log, connection: own, table: logs.changes}
tables:
  items: {from: app.items, key: [id]}
";
const TABLES: &str = "
create role reader login;
revoke connect on database postgres from public;
create schema logs;
create schema app;
create table app.items (id bigint primary key, v text);
insert into app.items values (0, 'before');
create table logs.changes (
  audit_event_id bigint generated always as identity primary key,
  audit_operation text,
  audit_timestamp timestamptz,
  audit_transaction_id xid8 not null default pg_current_xact_id(),
  tbl_schema text,
  tbl_name text,
  raw_data jsonb
);
create index on logs.changes (audit_transaction_id);
insert into logs.changes (audit_operation, audit_timestamp, tbl_schema, tbl_name, raw_data)
values ('I', now(), 'app', 'items', '{\"id\": 1, \"v\": \"a\"}');
";

/// The findings of a check that did not pass, by name and verdict, and the remedies.
async fn lacks(service: &Service) -> (Vec<String>, String) {
    let checked = service.check().await.has_status(200);
    let findings = checked.body["findings"].as_array().expect("findings");
    let lacking = findings
        .iter()
        .filter(|finding| finding["status"] != "pass");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let names = lacking
        .clone()
        .map(|finding| format!("{} {}", text(&finding["check"]), text(&finding["status"])));
    let remedies: Vec<String> = lacking
        .clone()
        .map(|finding| text(&finding["remedy"]))
        .collect();

    (names.collect(), remedies.join("; "))
}

#[tokio::test]
async fn each_right_that_is_missing_is_found_with_its_remedy_and_no_more_are_needed() {
    let own = OwnPostgres::start();
    let admin = own.connect("postgres").await;
    admin.batch_execute(TABLES).await.expect("tables");
    let grant = async |rights: &str| admin.batch_execute(rights).await.expect("granted");
    let settings = format!("connections.own.url = '{}'", own.url("reader", "postgres"));
    let service = Service::of(PIPELINE).settings(&settings).start().await;
    let check = format!("/v1/sources/{}/check", service.name);

    let refused = service.post(&check, &json!({})).await;
    assert_json_snapshot!(refused.shown(), @r#"
    {
      "status": 424,
      "content_type": "application/problem+json",
      "body": {
        "type": "urn:icefront:problem:source-unreadable",
        "title": "The source cannot be read",
        "status": 424,
        "detail": "the user of `connections.own.url` may not connect to the database; grant `connect` on it to the user",
        "retryable": false
      }
    }
    "#);

    grant("grant connect on database postgres to reader").await;
    let (names, remedies) = lacks(&service).await;
    assert_eq!(
        names,
        ["schema error", "select error", "schema warn", "select warn"]
    );
    assert!(
        remedies.contains("grant usage on schema `logs`"),
        "{remedies}"
    );
    assert!(
        remedies.contains("grant select on `logs.changes`"),
        "{remedies}"
    );
    service
        .run()
        .await
        .fails()
        .saying("permission denied")
        .saying("/check` tells");

    grant("grant usage on schema logs to reader; grant select on logs.changes to reader").await;
    let (names, remedies) = lacks(&service).await;
    assert_eq!(
        names,
        [
            "schema warn",
            "select warn",
            "sees_transactions warn",
            "sequence warn",
            "first_trigger warn"
        ]
    );
    for remedy in [
        "grant usage on schema `app`",
        "grant select on `app.items`",
        "grant pg_read_all_stats",
        "grant select on the sequence",
    ] {
        assert!(remedies.contains(remedy), "{remedy}: {remedies}");
    }
    // What is left is not needed to read the log.
    service.run().await.succeeds().counts("inserted", 1);

    grant("grant usage on schema app to reader; grant select on app.items to reader; grant pg_read_all_stats to reader; grant select on all sequences in schema logs to reader").await;
    let run = service.run().await.succeeds();
    assert_eq!(
        run["counts"]["inserted"], 1,
        "rows older than the log are loaded once they may be read: {run:#}"
    );
    let (names, _) = lacks(&service).await;
    assert_eq!(names, ["first_trigger warn"]);

    grant("alter table logs.changes enable row level security").await;
    let (names, remedies) = lacks(&service).await;
    assert_eq!(names, ["row_security error"]);
    assert!(remedies.contains("bypassrls"), "{remedies}");
    let run = service.run().await;
    let detail = run.detail();
    assert!(
        detail.contains("row-level security"),
        "what is hidden is not taken for deleted: {detail}"
    );

    grant("alter table logs.changes rename to changed").await;
    let (names, remedies) = lacks(&service).await;
    assert_eq!(names, ["table error"]);
    assert!(remedies.contains("correct the name"), "{remedies}");
}
