//! Icefront reads times exactly, in every notation.

use serde_json::{Value, json};

use crate::harness::{AuditRow, EVENTS, Service};

const ITEMS: &str =
    "create table items (seed integer, id bigint, at timestamptz, plain timestamp);";

fn row(id: i64, operation: &str, data: &str) -> AuditRow {
    AuditRow {
        id: Some(id),
        operation: Some(operation.into()),
        occurred_at: Some(1_767_225_600_000_000 + id),
        table: "items".into(),
        data: Some(data.into()),
    }
}

#[tokio::test]
async fn a_time_is_the_same_moment_however_it_is_written_and_a_cut_one_keeps_its_digits() {
    let service = Service::of(EVENTS).audit_log().tables(ITEMS).start().await;
    let texts = [
        (
            "2025-11-10T00:54:54.123456+02:00",
            Some("2025-11-09 22:54:54.123456 UTC"),
        ),
        (
            "2025-11-10T00:54:54.123456+00:00",
            Some("2025-11-10 00:54:54.123456 UTC"),
        ),
        (
            "2025-11-10 00:54:54+00:00",
            Some("2025-11-10 00:54:54.000000 UTC"),
        ),
        (
            "2025-11-10T00:54:54-05:30",
            Some("2025-11-10 06:24:54.000000 UTC"),
        ),
        (
            "2025-11-10T00:54:54.1Z",
            Some("2025-11-10 00:54:54.100000 UTC"),
        ),
        (
            "2025-11-10T00:54:54.123456789+00:00",
            Some("2025-11-10 00:54:54.123456 UTC"),
        ),
        (
            "2025-11-10T00:54:54",
            Some("2025-11-10 00:54:54.000000 UTC"),
        ),
        ("2025-11-10T00:54:54+80:00", None),
        ("2025-02-30T00:54:54+00:00", None),
        ("2025-11-10T24:54:54+00:00", None),
        ("2025-11-10T00:54:54+00:00\n", None),
        ("0000-00-00T00:00:00+00:00", None),
    ];
    let events: Vec<AuditRow> = (1_i64..)
        .zip(texts)
        .map(|(id, (text, _))| {
            let data = json!({"seed": 1, "id": id, "at": text}).to_string();
            row(id, "I", &data)
        })
        .collect();
    service.log(&events).await;

    service.run().await.succeeds();

    let rows = service
        .query("select id, at from {marts.items} order by id")
        .await;
    let expected: Vec<Value> = (1_i64..)
        .zip(texts)
        .filter_map(|(id, (_, moment))| Some(json!([id, moment?])))
        .collect();
    assert_eq!(json!(rows), json!(expected));
}
