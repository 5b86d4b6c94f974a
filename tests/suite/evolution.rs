//! Sources change: columns come, go, are renamed, widened and narrowed.

use serde_json::{Value, json};

use crate::harness::{AuditRow, Service};

const NOW: i64 = 1_767_225_600_000_000; // 2026-01-01
const ITEMS: &str = "create table items (id bigint, n integer, price numeric(10,2), name text);";
pub(super) const PIPELINE: &str = "
pipeline: PIPELINE
source: {kind: postgres_audit_log, connection: shop}
max_rejects: {share: 1, at_least: 100}
tables:
  items:
    from: public.items
    key: [id]
";

pub(super) async fn start(pipeline: &str) -> Service {
    Service::of(pipeline)
        .audit_log()
        .tables(ITEMS)
        .start()
        .await
}

pub(super) async fn write(service: &mut Service, id: i64, operation: &str, data: Value) {
    let row = AuditRow {
        id: Some(id),
        operation: Some(operation.into()),
        occurred_at: Some(NOW + id * 1_000_000),
        table: "items".into(),
        data: Some(data.to_string()),
    };
    service.log(&[row]).await;
}

pub(super) async fn alter(service: &Service, sql: &str) {
    service.write(sql).await;
}

/// As [`start`], with row 1 published.
pub(super) async fn start_with_a_row(pipeline: &str) -> Service {
    let mut service = start(pipeline).await;
    write(
        &mut service,
        1,
        "I",
        json!({"id": 1, "n": 1, "price": 1.5, "name": "a"}),
    )
    .await;
    service.run().await.succeeds();

    service
}

/// The drift of the table, as `column change`.
pub(super) async fn drift(service: &Service) -> Vec<String> {
    let table = service.get(&service.table_path("items")).await;
    let mut drift: Vec<String> = table.body["drift"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|drift| {
            format!(
                "{} {}",
                drift["column"].as_str().expect("a name"),
                drift["change"].as_str().expect("a change")
            )
        })
        .collect();
    drift.sort_unstable();
    drift
}

#[tokio::test]
async fn a_column_that_is_added_in_mid_stream_is_null_before_and_starts_no_version_by_itself() {
    let mut service = start(PIPELINE).await;
    write(
        &mut service,
        1,
        "I",
        json!({"id": 1, "n": 1, "price": 1.5, "name": "a"}),
    )
    .await;
    write(
        &mut service,
        2,
        "I",
        json!({"id": 2, "n": 2, "price": 2.5, "name": "b"}),
    )
    .await;
    service.run().await.succeeds();
    alter(&service, "alter table items add column channel text").await;
    let plan = service
        .get(&format!("/v1/pipelines/{}/plan", service.name))
        .await;
    assert_eq!(
        plan.body["tables"][0]["drift"][0]["change"], "added",
        "{plan:?}"
    );
    write(
        &mut service,
        3,
        "U",
        json!({"id": 1, "n": 1, "price": 1.5, "name": "a", "channel": "web"}),
    )
    .await;

    let run = service.run().await.succeeds();

    assert_eq!(run["drift"][0]["column"], "channel", "{run:#}");
    assert_eq!(drift(&service).await, ["channel added"]);
    assert_eq!(
        service.current("items", "id, channel").await,
        json!([[1, "web"], [2, null]])
    );
    assert_eq!(
        service
            .rows(
                "select id, channel, is_current from {marts.items_history} order by id, valid_from"
            )
            .await,
        json!([[1, null, false], [1, "web", true], [2, null, true]])
    );
    assert_eq!(
        service
            .rows("select _event_id, channel from {staging.items} order by 1")
            .await,
        json!([[1, null], [2, null], [3, "web"]])
    );
}

#[tokio::test]
async fn a_column_that_is_dropped_stays_and_is_null_from_then_on() {
    let mut service = start_with_a_row(PIPELINE).await;
    alter(&service, "alter table items drop column n").await;
    write(
        &mut service,
        2,
        "U",
        json!({"id": 1, "price": 1.5, "name": "a"}),
    )
    .await;

    service.run().await.succeeds();

    assert_eq!(drift(&service).await, ["n gone"]);
    assert_eq!(
        service
            .rows("select n from {marts.items_history} order by valid_from")
            .await,
        json!([[1], [null]])
    );
}

#[tokio::test]
async fn a_renamed_column_is_a_drop_and_an_addition_with_a_hint() {
    let mut service = start_with_a_row(PIPELINE).await;
    alter(&service, "alter table items rename column name to title").await;
    write(
        &mut service,
        2,
        "I",
        json!({"id": 2, "n": 1, "price": 1.5, "title": "b"}),
    )
    .await;

    let run = service.run().await.succeeds();

    assert_eq!(drift(&service).await, ["name gone", "title added"]);
    let hint = run["drift"].to_string();
    assert!(hint.contains("may have been renamed to `title`"), "{hint}");
    assert_eq!(
        service
            .rows("select name, title from {marts.items} order by id")
            .await,
        json!([["a", null], [null, "b"]])
    );
}

#[tokio::test]
async fn a_widened_column_is_widened_in_place_and_a_narrowed_one_takes_what_fits() {
    let mut service = start_with_a_row(PIPELINE).await;
    alter(
        &service,
        "alter table items alter column n type bigint, alter column price type numeric(20,2)",
    )
    .await;
    write(
        &mut service,
        2,
        "I",
        json!({"id": 2, "n": 3_000_000_000_i64, "price": 123_456_789_012.5, "name": "b"}),
    )
    .await;

    service.run().await.succeeds();

    assert_eq!(drift(&service).await, ["n widened", "price widened"]);
    assert_eq!(
        service
            .rows("select n, price from {marts.items} order by id")
            .await,
        json!([[1, "1.50"], [3_000_000_000_i64, "123456789012.50"]])
    );

    alter(
        &service,
        "alter table items alter column n type text, alter column id type integer",
    )
    .await;
    write(
        &mut service,
        3,
        "I",
        json!({"id": 3, "n": "7", "name": "c"}),
    )
    .await;
    write(
        &mut service,
        4,
        "I",
        json!({"id": 4, "n": "seven", "name": "d"}),
    )
    .await;
    service.run().await.succeeds().counts("rejected", 1);
    assert_eq!(
        drift(&service).await,
        ["n retyped", "n widened", "price widened"]
    );
    assert_eq!(
        service
            .rows("select id, n from {marts.items} where id > 2")
            .await,
        json!([[3, 7]])
    );
    service
        .post_table("items", "restage", &json!({}))
        .await
        .succeeds()
        .counts("staged", 4);
    assert_eq!(
        service.current("items", "id, n, typeof(n)").await,
        json!([
            [1, "1", "varchar"],
            [2, "3000000000", "varchar"],
            [3, "7", "varchar"],
            [4, "seven", "varchar"]
        ])
    );
    service.verifies("items").await;
}
