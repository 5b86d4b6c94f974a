//! Sources change: columns come, go, are renamed, widened and narrowed; contracts hold or stop the run.

use serde_json::{Value, json};

use crate::harness::{AuditRow, LOOSE_AUDIT_TABLE, Service, log};

const NOW: i64 = 1_767_225_600_000_000; // 2026-01-01
const ITEMS: &str = "create table items (id bigint, n integer, price numeric(10,2), name text);";
const PIPELINE: &str = "
pipeline: PIPELINE
source: {kind: postgres_audit_log, connection: shop}
max_rejects: {share: 1, at_least: 100}
tables:
  items:
    from: public.items
    key: [id]
";

async fn start(pipeline: &str) -> Service {
    Service::start(pipeline, &format!("{LOOSE_AUDIT_TABLE}{ITEMS}")).await
}

async fn write(service: &mut Service, id: i64, operation: &str, data: Value) {
    let row = AuditRow {
        id: Some(id),
        operation: Some(operation.into()),
        occurred_at: Some(NOW + id * 1_000_000),
        table: "items".into(),
        data: Some(data.to_string()),
    };
    log(&mut service.shop, &[row]).await;
}

async fn alter(service: &Service, sql: &str) {
    service.shop.batch_execute(sql).await.expect("altered");
}

/// What the table reports of its source, as `column change`.
async fn drift(service: &Service) -> Vec<String> {
    let table = service
        .get(&format!("/v1/tables/{}.items", service.name))
        .await;
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

/// Posts to the table and waits for the end of the run.
async fn post(service: &Service, what: &str, body: Value) -> Value {
    let path = format!("/v1/tables/{}.items/{what}", service.name);
    let started = service.post(&path, &body).await;
    assert_eq!(started.status, 202, "{started:?}");

    service.ended(&started.body).await
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
    service.run().await;
    alter(&service, "alter table items add column channel text").await;
    let plan = service
        .get(&format!("/v1/pipelines/{}/plan", service.name))
        .await;
    assert_eq!(
        plan.body["tables"][0]["changes"][0]["change"], "added",
        "{plan:?}"
    );
    write(
        &mut service,
        3,
        "U",
        json!({"id": 1, "n": 1, "price": 1.5, "name": "a", "channel": "web"}),
    )
    .await;

    let run = service.run().await;

    assert_eq!(run["drift"][0]["column"], "channel", "{run:#}");
    assert_eq!(drift(&service).await, ["channel added"]);
    let rows = service
        .query("select id, channel from {marts.items} order by id")
        .await;
    assert_eq!(json!(rows), json!([[1, "web"], [2, null]]));
    let versions = service
        .query("select id, channel, is_current from {marts.items_history} order by id, valid_from")
        .await;
    assert_eq!(
        json!(versions),
        json!([[1, null, false], [1, "web", true], [2, null, true]])
    );
    let logged = service
        .query("select _event_id, channel from {staging.items} order by 1")
        .await;
    assert_eq!(json!(logged), json!([[1, null], [2, null], [3, "web"]]));
}

#[tokio::test]
async fn a_column_that_is_dropped_stays_and_is_null_from_then_on() {
    let mut service = start(PIPELINE).await;
    write(
        &mut service,
        1,
        "I",
        json!({"id": 1, "n": 1, "price": 1.5, "name": "a"}),
    )
    .await;
    service.run().await;
    alter(&service, "alter table items drop column n").await;
    write(
        &mut service,
        2,
        "U",
        json!({"id": 1, "price": 1.5, "name": "a"}),
    )
    .await;

    service.run().await;

    assert_eq!(drift(&service).await, ["n gone"]);
    let versions = service
        .query("select n from {marts.items_history} order by valid_from")
        .await;
    assert_eq!(json!(versions), json!([[1], [null]]));
}

#[tokio::test]
async fn a_renamed_column_is_a_drop_and_an_addition_with_a_hint() {
    let mut service = start(PIPELINE).await;
    write(
        &mut service,
        1,
        "I",
        json!({"id": 1, "n": 1, "price": 1.5, "name": "a"}),
    )
    .await;
    service.run().await;
    alter(&service, "alter table items rename column name to title").await;
    write(
        &mut service,
        2,
        "I",
        json!({"id": 2, "n": 1, "price": 1.5, "title": "b"}),
    )
    .await;

    let run = service.run().await;

    assert_eq!(drift(&service).await, ["name gone", "title added"]);
    let hint = run["drift"].to_string();
    assert!(hint.contains("may have been renamed to `title`"), "{hint}");
    let rows = service
        .query("select name, title from {marts.items} order by id")
        .await;
    assert_eq!(json!(rows), json!([["a", null], [null, "b"]]));
}

#[tokio::test]
async fn a_widened_column_is_widened_in_place_and_a_narrowed_one_takes_what_fits() {
    let mut service = start(PIPELINE).await;
    write(
        &mut service,
        1,
        "I",
        json!({"id": 1, "n": 1, "price": 1.5, "name": "a"}),
    )
    .await;
    service.run().await;
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

    service.run().await;

    assert_eq!(drift(&service).await, ["n widened", "price widened"]);
    let rows = service
        .query("select n, price from {marts.items} order by id")
        .await;
    assert_eq!(
        json!(rows),
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
    let run = service.run().await;

    assert_eq!(run["counts"]["rejected"], 1, "{run:#}");
    assert_eq!(
        drift(&service).await,
        ["n retyped", "n widened", "price widened"]
    );
    let rows = service
        .query("select id, n from {marts.items} where id > 2")
        .await;
    assert_eq!(json!(rows), json!([[3, 7]]));
    let restaged = post(&service, "restage", json!({})).await;
    assert_eq!(restaged["state"], "succeeded", "{restaged:#}");
    let rows = service
        .query("select id, n, typeof(n) from {marts.items} order by id")
        .await;
    assert_eq!(
        json!(rows),
        json!([
            [1, "1", "varchar"],
            [2, "3000000000", "varchar"],
            [3, "7", "varchar"],
            [4, "seven", "varchar"]
        ])
    );
    assert_eq!(
        post(&service, "verify", json!({})).await["state"],
        "succeeded"
    );
}

#[tokio::test]
async fn an_enforced_contract_ignores_what_is_new_and_stops_for_what_is_missing() {
    let enforced = format!(
        "{PIPELINE}    contract: enforced\n    columns:\n      - {{name: price, data_type: \"decimal(10,2)\"}}\n"
    );
    let mut service = start(&enforced).await;
    write(
        &mut service,
        1,
        "I",
        json!({"id": 1, "n": 1, "price": 1.5, "name": "a"}),
    )
    .await;
    service.run().await;
    alter(&service, "alter table items add column channel text").await;
    write(
        &mut service,
        2,
        "I",
        json!({"id": 2, "n": 1, "price": 1.5, "name": "a", "channel": "web"}),
    )
    .await;
    service.run().await;
    assert_eq!(drift(&service).await, ["channel ignored"]);
    alter(&service, "alter table items alter column price type text").await;
    write(&mut service, 3, "I", json!({"id": 3, "price": "1.5"})).await;
    let run = service.run_once().await;
    assert_eq!(
        run["error"]["type"], "urn:icefront:problem:contract-broken",
        "{run:#}"
    );
    assert_eq!(run["error"]["step"], "stage.items", "{run:#}");
    let rows = service.query("select count(*) from {marts.items}").await;
    assert_eq!(json!(rows), json!([[2]]), "nothing was published");

    alter(
        &service,
        "alter table items alter column price type numeric(10,2) using price::numeric",
    )
    .await;
    let run = service.run().await;
    assert_eq!(run["counts"]["inserted"], 1, "{run:#}");
}

#[tokio::test]
async fn new_columns_may_be_ignored_or_stop_the_run() {
    let mut service = start(&format!("{PIPELINE}    new_columns: fail\n")).await;
    write(&mut service, 1, "I", json!({"id": 1})).await;
    service.run().await;
    alter(&service, "alter table items add column channel text").await;
    write(&mut service, 2, "I", json!({"id": 2, "channel": "web"})).await;
    let run = service.run_once().await;
    assert_eq!(
        run["error"]["type"], "urn:icefront:problem:contract-broken",
        "{run:#}"
    );

    service.define(&format!("{PIPELINE}    new_columns: ignore\n"));
    service.restart().await;
    let run = service.run().await;

    assert_eq!(run["counts"]["inserted"], 1, "{run:#}");
    assert_eq!(drift(&service).await, ["channel ignored"]);
}

#[tokio::test]
async fn a_key_that_vanished_from_the_source_stops_the_run_and_leaves_the_tables() {
    let mut service = start(PIPELINE).await;
    write(&mut service, 1, "I", json!({"id": 1, "name": "a"})).await;
    service.run().await;
    alter(&service, "alter table items drop column id").await;
    write(&mut service, 2, "I", json!({"name": "b"})).await;

    let run = service.run_once().await;

    assert_eq!(
        run["error"]["type"], "urn:icefront:problem:contract-broken",
        "{run:#}"
    );
    assert!(
        run["error"]["detail"]
            .as_str()
            .expect("a detail")
            .contains("`id`"),
        "{run:#}"
    );
    let rows = service.query("select id from {marts.items}").await;
    assert_eq!(json!(rows), json!([[1]]));
}

#[tokio::test]
async fn a_declared_column_may_come_from_inside_json_and_carries_its_description() {
    let declared = "
    description: What is sold
    columns:
      - {name: city, from: name.address.city, data_type: varchar, description: \"Where it's at\"}
      - {name: zip, from: name.zip, data_type: integer}
";
    let mut service = start(&format!("{PIPELINE}{}", &declared[1..])).await;
    let inside = json!({"address": {"city": "Łódź"}, "zip": 90001}).to_string();
    write(&mut service, 1, "I", json!({"id": 1, "name": inside})).await;
    write(
        &mut service,
        2,
        "I",
        json!({"id": 2, "name": "{\"zip\": {\"a\": 1}}"}),
    )
    .await;
    write(&mut service, 3, "I", json!({"id": 3, "name": "no JSON"})).await;

    let run = service.run().await;

    assert_eq!(run["counts"]["rejected"], 1, "{run:#}");
    let rows = service
        .query("select id, city, zip from {marts.items} order by id")
        .await;
    assert_eq!(json!(rows), json!([[1, "Łódź", 90001], [3, null, null]]));
    for table in ["marts.items", "marts.items_history", "staging.items"] {
        let columns = service
            .query(&format!("show columns from {{{table}}}"))
            .await;
        let city = columns
            .iter()
            .find(|column| column[0] == "city")
            .expect("a column");
        assert_eq!(city[3], "Where it's at", "{table}");
    }
}

#[tokio::test]
async fn a_changed_type_is_taken_up_by_restaging_and_refused_before() {
    let mut service = start(PIPELINE).await;
    write(&mut service, 1, "I", json!({"id": 1, "n": 1, "name": "12"})).await;
    write(
        &mut service,
        2,
        "I",
        json!({"id": 2, "n": 1, "name": "twelve"}),
    )
    .await;
    service.run().await;
    let typed = format!("{PIPELINE}    columns: [{{name: name, data_type: bigint}}]\n");
    service.define(&typed);
    service.restart().await;
    let plan = service
        .get(&format!("/v1/pipelines/{}/plan", service.name))
        .await;
    let refusal = plan.body["tables"][0]["refusal"]
        .as_str()
        .expect("a refusal");
    assert!(refusal.contains("restage"), "{refusal}");
    let run = service.run_once().await;
    assert_eq!(
        run["error"]["type"], "urn:icefront:problem:contract-broken",
        "{run:#}"
    );

    let run = service
        .post(
            &format!("/v1/pipelines/{}/runs", service.name),
            &json!({"full_refresh": true}),
        )
        .await;
    let run = service.ended(&run.body).await;

    assert_eq!(run["state"], "succeeded", "{run:#}");
    let rows = service
        .query("select id, name from {marts.items} order by id")
        .await;
    assert_eq!(json!(rows), json!([[1, 12]]));
    let rejects = service.get("/v1/rejects").await;
    assert_eq!(rejects.body["rejects"][0]["value"], "twelve", "{rejects:?}");
}
