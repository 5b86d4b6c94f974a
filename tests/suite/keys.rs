//! Keys of any type tell rows apart, and event ids may be any number.

use serde_json::json;

use crate::harness::{AuditRow, Service};

const PIPELINE: &str = "
pipeline: PIPELINE
source: {kind: postgres_audit_log, connection: shop}
tables:
  items: {from: public.items, key: [weight, at]}
";
const ITEMS: &str =
    "create table items (at timestamptz, weight double precision, code bytea, name text);";

fn row(id: i64, data: &serde_json::Value) -> AuditRow {
    AuditRow {
        id: Some(id),
        operation: Some("I".into()),
        occurred_at: Some(1_767_225_600_000_000 + id),
        table: "items".into(),
        data: Some(data.to_string()),
    }
}

#[tokio::test]
async fn odd_keys_and_ids_below_zero_are_like_any_other() {
    let service = Service::of(PIPELINE)
        .audit_log()
        .tables(ITEMS)
        .start()
        .await;
    let at = "2026-01-01T10:00:00.5+00:00";
    for (first, name) in [(-20, "a"), (-10, "b")] {
        service
            .log(&[
                row(first, &json!({"at": at, "weight": 1.5, "name": name})),
                row(first + 1, &json!({"at": at, "weight": 0.1, "name": name})),
                row(first + 2, &json!({"at": at, "weight": "NaN", "name": name})),
            ])
            .await;
        service.run().await.succeeds();
    }

    let rows = format!("{}/rows", service.table_path("items"));
    let first = service.get(&format!("{rows}?limit=1")).await;
    let next = first.body["next"].as_str().expect("another page");
    let after: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
    let second = service.get(&format!("{rows}?after={after}")).await;
    assert_eq!(
        second.body["data"].as_array().map(Vec::len),
        Some(1),
        "{second:?}"
    );
    assert_eq!(second.body["data"][0]["name"], "b", "{second:?}");
    let rejects = service.get("/v1/rejects").await;
    assert_eq!(rejects.body["data"][0]["reason"], "null_key", "{rejects:?}");
    assert_eq!(
        rejects.body["data"].as_array().map(Vec::len),
        Some(2),
        "{rejects:?}"
    );
    assert_eq!(service.count("marts.items_history").await, 4);
    let path = service.table_path("items");
    let keys = json!({"keys": [{"at": first.body["data"][0]["at"], "weight": first.body["data"][0]["weight"]}]});
    for (what, body) in [("rebuild", keys), ("verify", json!({"one_in": 2}))] {
        let started = service.post(&format!("{path}/{what}"), &body).await;
        service.ended(&started.body).await.succeeds();
    }
    service
        .post("/v1/rejects/dismiss", &json!({}))
        .await
        .has_status(422);
}
