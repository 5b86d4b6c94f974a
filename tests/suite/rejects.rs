//! An event that does not fit is kept with its reason, and the other events arrive.

use insta::assert_json_snapshot;
use serde_json::json;

use crate::harness::{AuditRow, EVENTS, Service};

const NOW: i64 = 1_767_225_600_000_000; // 2026-01-01
const ITEMS: &str = "create table items (seed integer, id bigint, amount numeric(10,2), weight double precision, born date, at timestamptz, name text);";

fn row(id: i64, operation: &str, data: &str) -> AuditRow {
    AuditRow {
        id: Some(id),
        operation: Some(operation.into()),
        occurred_at: Some(NOW + id),
        table: "items".into(),
        data: Some(data.into()),
    }
}

/// One event for each fault, among a few right events.
fn faulty_events() -> Vec<AuditRow> {
    let far = AuditRow {
        occurred_at: Some(4_102_444_800_000_000),
        ..row(9, "I", r#"{"seed": 1, "id": 9}"#)
    };
    vec![
        row(
            1,
            "I",
            r#"{"seed": 1, "id": 1, "amount": 12.50, "weight": 0.1, "born": "2025-01-01", "at": "2025-01-01T10:00:00.1234567+02:00", "name": "ok"}"#,
        ),
        row(2, "I", r#"{"seed": 1, "id": 2, "amount": "#),
        row(3, "I", r#"{"seed": 1, "id": null}"#),
        row(4, "X", r#"{"seed": 1, "id": 4}"#),
        row(5, "I", r#"{"seed": 1, "id": 5, "amount": 1.555}"#),
        row(6, "I", r#"{"seed": 1, "id": 6, "weight": 1e400}"#),
        row(7, "I", r#"{"seed": 1, "id": 7, "born": "2025-13-01"}"#),
        row(8, "I", r#"{"seed": 1, "id": "seven"}"#),
        far,
        row(10, "I", r#"{"seed": 1.5, "id": 10}"#),
        row(11, "I", r#"{"seed": 1, "id": 11, "amount": 123456789.00}"#),
        row(
            12,
            "D",
            r#"{"seed": 1, "id": 12, "amount": "not looked at in a delete"}"#,
        ),
        row(
            13,
            "I",
            r#"{"seed": 1, "id": 13, "amount": 7.000, "at": "2025-01-01 10:00:00", "unknown": 1}"#,
        ),
        row(14, "I", "[1]"),
        row(15, "I", r#"{"seed": 1, "id": " 15 "}"#),
        row(16, "I", r#"{"seed": 1, "id": 16, "amount": 1e1}"#),
        row(17, "I", r#"{"seed": 1, "id": 17, "weight": "1d"}"#),
        row(18, "I", r#"{"seed": 1, "id": 18, "born": "2025-1-1"}"#),
        row(
            19,
            "I",
            r#"{"seed": 1, "id": 19, "at": "2025-02-30T10:00:00Z"}"#,
        ),
        row(
            21,
            "I",
            r#"{"seed": 1, "id": 21, "at": "99999-12-31T23:59:59+00:00"}"#,
        ),
        row(22, "I", r#"{"seed": 1, "id": "٣"}"#),
        AuditRow {
            occurred_at: Some(3_093_527_980_799_000_000),
            ..row(23, "I", r#"{"seed": 1, "id": 23}"#)
        },
        row(
            20,
            "I",
            r#"{"seed": 1, "id": 20, "weight": "-Infinity", "at": "2025-01-01T10:00:00Z"}"#,
        ),
        row(
            1,
            "U",
            r#"{"seed": 1, "id": 1, "name": "another content under a staged id"}"#,
        ),
    ]
}

#[tokio::test]
async fn every_fault_is_a_reject_with_its_reason_and_the_rest_arrives() {
    let service = Service::of(EVENTS).audit_log().tables(ITEMS).start().await;
    service.log(&faulty_events()).await;

    service
        .run()
        .await
        .succeeds()
        .counts("read", 24)
        .counts("rejected", 20)
        .counts("staged", 4);
    let rejects = "select audit_event_id, reason, column_name, value from {staging.PIPELINE_rejects} order by 1, raw_data";
    assert_eq!(
        service.rows(rejects).await,
        json!([
            [1, "id_reuse", null, null],
            [2, "bad_json", "raw_data", null],
            [3, "null_key", "seed", null],
            [4, "bad_operation", "audit_operation", "X"],
            [5, "bad_value", "amount", "1.555"],
            [6, "bad_value", "weight", "1e400"],
            [7, "bad_value", "born", "2025-13-01"],
            [8, "bad_value", "id", "seven"],
            [
                9,
                "future_time",
                "audit_timestamp",
                "2100-01-01 00:00:00.000000 UTC"
            ],
            [10, "bad_value", "seed", "1.5"],
            [11, "bad_value", "amount", "123456789.00"],
            [14, "bad_json", "raw_data", null],
            [15, "bad_value", "id", " 15 "],
            [16, "bad_value", "amount", "1e1"],
            [17, "bad_value", "weight", "1d"],
            [18, "bad_value", "born", "2025-1-1"],
            [19, "bad_value", "at", "2025-02-30T10:00:00Z"],
            [21, "bad_value", "at", "99999-12-31T23:59:59+00:00"],
            [22, "bad_value", "id", "٣"],
            [23, "bad_value", "audit_timestamp", null],
        ])
    );
    assert_eq!(
        service
            .current("items", "id, amount, weight, born, at, name")
            .await,
        json!([
            [
                1,
                "12.50",
                0.1,
                "2025-01-01",
                "2025-01-01 08:00:00.123456 UTC",
                "ok"
            ],
            [
                13,
                "7.00",
                null,
                null,
                "2025-01-01 10:00:00.000000 UTC",
                null
            ],
            [
                20,
                null,
                "-Infinity",
                null,
                "2025-01-01 10:00:00.000000 UTC",
                null
            ],
        ])
    );
}

#[tokio::test]
async fn tables_that_are_staged_side_by_side_share_their_rejects() {
    let mut pipeline =
        "pipeline: PIPELINE\nsource: {kind: postgres_audit_log, connection: shop}\ntables:\n"
            .to_owned();
    let mut created = String::new();
    for n in 0..6 {
        let table = format!("  t{n}: {{from: public.t{n}, key: [id]}}\n");
        pipeline.push_str(&table);
        let create = format!("create table t{n} (id bigint);");
        created.push_str(&create);
    }
    let service = Service::of(&pipeline)
        .audit_log()
        .tables(&created)
        .start()
        .await;
    let events: Vec<AuditRow> = (0..60)
        .map(|id| AuditRow {
            table: format!("t{}", id % 6),
            ..row(
                id,
                "I",
                if id < 30 {
                    r#"{"id": 1.5}"#
                } else {
                    r#"{"id": 7}"#
                },
            )
        })
        .collect();
    service.log(&events).await;

    service
        .run()
        .await
        .succeeds()
        .counts("rejected", 30)
        .counts("inserted", 6);
}

#[tokio::test]
async fn rejects_that_can_be_taken_after_all_are_rejects_no_more() {
    let strict = EVENTS.replace(
        "tables:",
        "max_clock_skew: 1s\nmax_rejects: {share: 0, at_least: 0}\ntables:",
    );
    let mut service = Service::of(&strict).audit_log().tables(ITEMS).start().await;
    let soon = AuditRow {
        occurred_at: Some(jiff::Timestamp::now().as_microsecond() + 3_600_000_000),
        ..row(1, "I", r#"{"seed": 1, "id": 1}"#)
    };
    service.log(&[soon]).await;
    service.run().await.fails_with("too-many-rejects");

    service.define(EVENTS);
    service.restart().await;
    service
        .run()
        .await
        .succeeds()
        .counts("rejected", 0)
        .counts("inserted", 1);
}

#[tokio::test]
async fn more_rejects_than_allowed_stop_the_run_before_anything_is_published() {
    let pipeline = EVENTS.replace("tables:", "max_rejects: {share: 0.5, at_least: 1}\ntables:");
    let service = Service::of(&pipeline)
        .audit_log()
        .tables(ITEMS)
        .start()
        .await;
    service
        .log(&[
            row(1, "I", r#"{"seed": 1, "id": 1}"#),
            row(2, "I", r#"{"seed": 1, "id": "x"}"#),
            row(3, "I", r#"{"seed": 1, "id": "y"}"#),
        ])
        .await;

    let run = service.run().await;

    assert_json_snapshot!(run.problem(), @r#"
    {
      "step": "stage.items",
      "type": "urn:icefront:problem:too-many-rejects",
      "title": "Too many events were rejected",
      "detail": "2 of 3 events of table `test.items` were rejected, more than `max_rejects` allows (1); nothing was published. 2 `bad_value`: a value does not fit its column; correct the source, or declare a `data_type` that fits in `tables.items.columns` and call `POST /v1/tables/test.items/restage`. Table `lake.test_staging.test_rejects` has every reject. Change what the reasons name, or raise `max_rejects`, and start another run",
      "run_id": "<id>",
      "status": 424,
      "retryable": false
    }
    "#);
    assert!(
        service
            .query("select * from {marts.items}")
            .await
            .is_empty()
    );
}

#[tokio::test]
async fn too_many_rejects_name_the_reasons_and_their_settings() {
    let pipeline = EVENTS.replace(
        "tables:",
        "max_clock_skew: 2h\nmax_rejects: {share: 0, at_least: 0}\ntables:",
    );
    let service = Service::of(&pipeline)
        .audit_log()
        .tables(ITEMS)
        .start()
        .await;
    service.log(&faulty_events()).await;

    let run = service.run().await;

    // The most frequent reason stands first.
    assert_json_snapshot!(run.problem(), @r#"
    {
      "step": "stage.items",
      "type": "urn:icefront:problem:too-many-rejects",
      "title": "Too many events were rejected",
      "detail": "20 of 24 events of table `test.items` were rejected, more than `max_rejects` allows (0); nothing was published. 14 `bad_value`: a value does not fit its column; correct the source, or declare a `data_type` that fits in `tables.items.columns` and call `POST /v1/tables/test.items/restage`. 2 `bad_json`: the row is no JSON object; correct the trigger, or name the right column in `source.columns.data`. 1 `bad_operation`: the operation is none of `I`, `U`, `D`, `T`; correct the trigger, or name the right column in `source.columns.operation`. 1 `future_time`: the event's time is more than `max_clock_skew` (2h) after its arrival; raise `max_clock_skew`, or correct the source's clock. 1 `id_reuse`: two different events have the same id; correct the audit log, or name the column with a unique id in `source.columns.event_id`. 1 `null_key`: a column of the key (seed, id) is null; correct the source, or change `tables.items.key` and call `POST /v1/tables/test.items/restage`. Table `lake.test_staging.test_rejects` has every reject. Change what the reasons name, or raise `max_rejects`, and start another run",
      "run_id": "<id>",
      "status": 424,
      "retryable": false
    }
    "#);
}

#[tokio::test]
async fn where_pipelines_are_several_a_replay_says_what_to_give() {
    let mut service = Service::of(EVENTS).audit_log().tables(ITEMS).start().await;
    let other = service.folder.path().join("pipelines/other");
    std::fs::create_dir(&other).expect("a folder");
    let definition = EVENTS
        .replace("PIPELINE", "other")
        .replace("items:", "others:");
    std::fs::write(other.join("pipeline.yaml"), definition).expect("a pipeline");
    service.restart().await;

    service.get("/v1/rejects").await.has_status(200);
    let answer = service.post("/v1/rejects/replay", &json!({})).await;

    assert_json_snapshot!(answer.shown(), @r#"
    {
      "status": 422,
      "content_type": "application/problem+json",
      "body": {
        "type": "urn:icefront:problem:invalid-request",
        "title": "The request has a value that is not allowed",
        "status": 422,
        "detail": "give `pipeline`, one of `other`, `test`, or give `table`",
        "retryable": false,
        "field": "pipeline"
      }
    }
    "#);
}
