//! Tables and columns may have any name that Postgres allows.

use insta::assert_json_snapshot;
use serde_json::json;

use crate::harness::{AuditRow, ITEMS, Service, insert, update};

const PIPELINE: &str = r#"
pipeline: PIPELINE
source: {kind: postgres_audit_log, connection: shop}
tables:
  things:
    from: public.Odd "Things"
    key: [Key, sub key]
    history: {tracked: [version]}
"#;

const TABLE: &str = r#"create table "Odd ""Things""" ("sub key" text, "Key" integer, "age" integer, version integer, reason text, fields text,
  raw_data text, arrival text, "order" text, "we""ird" text, "ümlaut'" text, operation text, tbl_name text, "a.b" text);"#;

#[tokio::test]
async fn columns_may_be_called_anything() {
    let service = Service::of(PIPELINE)
        .audit_log()
        .tables(TABLE)
        .start()
        .await;
    let row = |id: i64, operation: &str, version: i64, note: &str| {
        AuditRow {
        id: Some(id),
        operation: Some(operation.into()),
        occurred_at: Some(1_767_225_600_000_000 + id),
        table: "Odd \"Things\"".into(),
        data: Some(
            json!({"Key": 1, "sub key": "it's \"k\"", "age": 7, "version": version, "reason": note, "fields": "f", "raw_data": "r", "arrival": "a",
                "order": "o", "we\"ird": "w", "ümlaut'": "ü", "operation": "p", "tbl_name": "t", "a.b": "c"})
            .to_string(),
        ),
    }
    };
    // All at once, then one that comes late, then one that is newer.
    for batch in [
        &[row(10, "I", 1, "first"), row(12, "U", 2, "last")][..],
        &[row(11, "U", 1, "untracked")],
        &[row(13, "U", 2, "last")],
    ] {
        service.log(batch).await;
        service.run().await.succeeds();
    }

    let rows = service.query("select * from {marts.things}").await;
    assert_eq!(
        json!(rows[0][..14]),
        json!([
            "it's \"k\"",
            1,
            7,
            2,
            "last",
            "f",
            "r",
            "a",
            "o",
            "w",
            "ü",
            "p",
            "t",
            "c"
        ])
    );
    let path = format!("{}/history", service.table_path("things"));
    let history = service
        .get(&format!("{path}?key.key=1&key.sub%20key=it's+%22k%22"))
        .await;
    let notes: Vec<_> = history.body["data"]
        .as_array()
        .expect("versions")
        .iter()
        .map(|v| &v["reason"])
        .collect();
    assert_eq!(notes, ["untracked", "last"], "{history:?}");
    service.verifies("things").await;
    let path = format!("{}/history", service.table_path("things"));
    wrong_keys_are_answered_with_the_right_one(&service, &path).await;
}

async fn wrong_keys_are_answered_with_the_right_one(service: &Service, path: &str) {
    let answer = service.get(path).await;
    assert_json_snapshot!(answer.shown(), @r#"
    {
      "status": 422,
      "content_type": "application/problem+json",
      "body": {
        "type": "urn:icefront:problem:invalid-request",
        "title": "The request has a value that is not allowed",
        "status": 422,
        "detail": "the key is missing; give every key column, such as `?key.order_id=42`",
        "retryable": false,
        "field": "key"
      }
    }
    "#);
    let answer = service.get(&format!("{path}?key.=1")).await;
    assert_json_snapshot!(answer.shown(), @r#"
    {
      "status": 422,
      "content_type": "application/problem+json",
      "body": {
        "type": "urn:icefront:problem:invalid-request",
        "title": "The request has a value that is not allowed",
        "status": 422,
        "detail": "`key.`: a name is missing behind `key.`",
        "retryable": false,
        "field": "key."
      }
    }
    "#);
    let answer = service.get(&format!("{path}?key.key=1&key.key=2")).await;
    assert_json_snapshot!(answer.shown(), @r#"
    {
      "status": 422,
      "content_type": "application/problem+json",
      "body": {
        "type": "urn:icefront:problem:invalid-request",
        "title": "The request has a value that is not allowed",
        "status": 422,
        "detail": "`key.key`: it is given twice; give it once",
        "retryable": false,
        "field": "key.key"
      }
    }
    "#);
    let answer = service.get(&format!("{path}?key.key=1")).await;
    assert_json_snapshot!(answer.shown(), @r#"
    {
      "status": 422,
      "content_type": "application/problem+json",
      "body": {
        "type": "urn:icefront:problem:unknown-name",
        "title": "A parameter or field names something that does not exist",
        "status": 422,
        "detail": "there is no key `key.key`; give the whole key: `?key.sub key=…&key.key=…`",
        "retryable": false,
        "field": "key"
      }
    }
    "#);
    let unreadable = format!("{path}?key.key=%00&key.sub%20key=it's+%22k%22");
    let answer = service.get(&unreadable).await;
    assert_json_snapshot!(answer.shown(), @r#"
    {
      "status": 422,
      "content_type": "application/problem+json",
      "body": {
        "type": "urn:icefront:problem:unknown-name",
        "title": "A parameter or field names something that does not exist",
        "status": 422,
        "detail": "there is no row `key.key=\u0000&key.sub key=it's \"k\"`; the key cannot be read: Cannot cast '\u0000' to INT",
        "retryable": false,
        "field": "key"
      }
    }
    "#);
}

#[tokio::test]
async fn a_column_that_the_tables_use_themselves_is_refused_with_its_name() {
    let table = "create table \"Odd \"\"Things\"\"\" (\"Key\" integer, \"sub key\" text, version integer, valid_from date);";
    let service = Service::of(PIPELINE)
        .audit_log()
        .tables(table)
        .start()
        .await;

    let run = service.run().await;

    assert_json_snapshot!(run.problem(), @r#"
    {
      "step": "extract",
      "type": "urn:icefront:problem:pipeline-broken",
      "title": "The pipeline is broken",
      "detail": "pipeline `test` is broken: column `valid_from` of `public.Odd \"Things\"` has the name of one of the tables' own columns; rename it with `columns: [{name: …, from: valid_from, data_type: …}]`",
      "run_id": "<id>",
      "status": 409,
      "retryable": false
    }
    "#);
}

/// The pipeline of items with other names in Trino.
fn renamed(trino_name: &str, options: &str) -> String {
    let named = format!("key: [id], trino_name: {trino_name}{options}}}");

    ITEMS
        .replace("key: [id]}", &named)
        .replace("tables:", "history_suffix: _versions\ntables:")
}

#[tokio::test]
async fn a_table_may_have_another_name_in_trino_and_keeps_its_own_everywhere_else() {
    for options in ["", ", current: view"] {
        let mut service = Service::items()
            .defined(&renamed("shop_items", options))
            .start()
            .await;
        service.write_model(
            "by_name.sql",
            "{{ config(materialized='incremental', unique_key='name') }} select name, count(*) as items from {{ ref('items') }} group by name",
        );
        service.write_model(
            "versions.sql",
            "select count(*) as versions from {{ ref('items_history') }}",
        );
        service.restart().await;
        service
            .log(&[insert(1, 1, 1, "a"), insert(2, 2, 2, "b")])
            .await;
        service.run().await.succeeds();
        service.log(&[update(3, 1, 1, "b")]).await;
        service.run().await.succeeds();

        assert_eq!(service.count("staging.shop_items").await, 3);
        assert_eq!(service.count("marts.shop_items").await, 2);
        assert_eq!(service.count("marts.shop_items_versions").await, 3);
        let of_models = "select (select max(items) from {marts.by_name}), (select max(versions) from {marts.versions})";
        assert_eq!(service.rows(of_models).await, json!([[2, 3]]));
        let rows = service
            .get(&format!("{}/rows", service.table_path("items")))
            .await
            .has_status(200);
        assert_eq!(
            rows.body["data"].as_array().map(Vec::len),
            Some(2),
            "{rows:?}"
        );
        service
            .post_table("items", "verify", &json!({}))
            .await
            .succeeds();
    }
}

#[tokio::test]
async fn another_name_begins_no_empty_table_and_a_renamed_table_goes_on() {
    let mut service = Service::items().start().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    service.run().await.succeeds();
    service.define(&renamed("things", ""));
    service.restart().await;
    service.log(&[insert(2, 2, 2, "b")]).await;

    service
        .run()
        .await
        .fails_with("contract-broken")
        .saying(".things` has rows, but is missing in Trino")
        .saying("rename the table there too");

    for (old, new) in [
        ("staging.items", "staging.things"),
        ("marts.items", "marts.things"),
        ("marts.items_history", "marts.things_versions"),
    ] {
        let rename = format!("alter table {{{old}}} rename to {{{new}}}");
        service.query(&rename).await;
    }
    service.run().await.succeeds();
    assert_eq!(service.count("marts.things").await, 2);
    assert_eq!(service.count("marts.things_versions").await, 2);
    service
        .post_table("items", "verify", &json!({}))
        .await
        .succeeds();

    // Another schema for landing would lose what landed.
    let moved = format!(
        "{}schemas: {{landing: PIPELINE_other, staging: PIPELINE_staging, marts: PIPELINE_marts}}\n",
        renamed("things", "")
    );
    service.define(&moved);
    service.restart().await;
    service
        .run()
        .await
        .fails_at("extract")
        .with("contract-broken");
}

#[tokio::test]
async fn names_that_meet_are_refused() {
    let service = Service::items().start().await;
    let two = renamed("things", "").replace(
        "trino_name: things}",
        "trino_name: things}\n  things: {from: public.things, key: [id]}",
    );
    for (text, told) in [
        (two, "two of its tables write `"),
        (
            renamed("Things", ""),
            "`tables.items.trino_name` is `Things`",
        ),
        (
            renamed("things", "").replace("_versions", "versions"),
            "`history_suffix` is `versions`",
        ),
        (
            renamed("things", "").replace("_versions", "__build"),
            "`history_suffix` is `__build`",
        ),
        (
            renamed("things", "") + "schemas: {landing: a, staging: '', marts: c}\n",
            "`schemas.staging` is empty",
        ),
    ] {
        let files = json!({"files": {"pipeline.yaml": text.replace("PIPELINE", &service.name)}});
        let answer = service.post("/v1/pipelines/validate", &files).await;
        assert!(answer.body.to_string().contains(told), "{told}: {answer:?}");
    }
}
