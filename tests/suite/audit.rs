//! Declared tests run before anything is published; the ledger is checked before the cursor moves.

use serde_json::{Value, json};

use crate::harness::{AuditRow, Service, depth, link};

const NOW: i64 = 1_767_225_600_000_000; // 2026-01-01
const TABLES: &str = "create table items (id bigint, status text, amount integer, owner bigint);
create table owners (id bigint, name text);";
const PIPELINE: &str = "
pipeline: PIPELINE
source: {kind: postgres_audit_log, connection: shop}
tables:
  owners: {from: public.owners, key: [id]}
  items:
    from: public.items
    key: [id]
    columns:
      - {name: id, data_type: bigint, tests: [not_null, unique]}
      - {name: status, data_type: varchar, tests: [{accepted_values: [new, paid]}, {not_null: {severity: warn}}]}
      - {name: amount, data_type: integer, tests: [{unique: {severity: warn, threshold: 1}}]}
      - {name: owner, data_type: bigint, tests: [{relationships: {to: owners, field: id}}]}
    tests: [{expression: \"amount >= 0 -- never less\"}]
";

fn row(id: i64, table: &str, data: &Value) -> AuditRow {
    AuditRow {
        id: Some(id),
        operation: Some("I".into()),
        occurred_at: Some(NOW + id * 1_000_000),
        table: table.into(),
        data: Some(data.to_string()),
    }
}

async fn start(pipeline: &str) -> Service {
    Service::of(pipeline)
        .audit_log()
        .tables(TABLES)
        .start()
        .await
}

/// The results of a run's tests, as `name status failures`.
async fn results(service: &Service, run: &Value) -> Vec<String> {
    let path = link(run, "tests");
    let answer = service.get(path).await;
    answer.body["data"]
        .as_array()
        .unwrap_or_else(|| panic!("{answer:?}"))
        .iter()
        .map(|test| {
            format!(
                "{} {} {}",
                test["name"].as_str().expect("a name"),
                test["status"].as_str().expect("a status"),
                test["failures"]
            )
        })
        .collect()
}

#[tokio::test]
async fn a_failed_test_leaves_the_tables_and_the_next_run_takes_up_from_there() {
    let service = start(PIPELINE).await;
    service
        .log(&[
            row(1, "owners", &json!({"id": 7, "name": "Ann"})),
            row(
                2,
                "items",
                &json!({"id": 1, "status": "new", "amount": 1, "owner": 7}),
            ),
            row(
                3,
                "items",
                &json!({"id": 2, "status": null, "amount": 1, "owner": null}),
            ),
        ])
        .await;
    let run = service.run().await.succeeds();
    assert_eq!(
        results(&service, &run).await,
        [
            "accepted_values_status pass 0",
            "expression_7 pass 0",
            "not_null_id pass 0",
            "not_null_status warn 1",
            "relationships_owner pass 0",
            "unique_amount warn 2",
            "unique_id pass 0"
        ]
    );
    service
        .log(&[
            row(
                4,
                "items",
                &json!({"id": 3, "status": "lost", "amount": -1, "owner": 8}),
            ),
            row(
                5,
                "items",
                &json!({"id": 4, "status": "paid", "amount": 4, "owner": 7}),
            ),
        ])
        .await;

    let run = service
        .run()
        .await
        .fails_at("test.items")
        .with("test-failed");
    let failed: Vec<String> = results(&service, &run)
        .await
        .into_iter()
        .filter(|result| result.contains(" error "))
        .collect();
    assert_eq!(
        failed,
        [
            "accepted_values_status error 1",
            "expression_7 error 1",
            "relationships_owner error 1"
        ]
    );
    assert_eq!(service.sizes("items").await, [4, 2, 2]);

    service
        .log(&[
            row(6, "owners", &json!({"id": 8, "name": "Bob"})),
            row(
                7,
                "items",
                &json!({"id": 3, "status": "paid", "amount": 3, "owner": 8}),
            ),
        ])
        .await;
    service.run().await.succeeds().counts("inserted", 3);
    assert_eq!(
        service.current("items", "id, status").await,
        json!([[1, "new"], [2, null], [3, "paid"], [4, "paid"]])
    );
}

#[tokio::test]
async fn a_test_whose_sql_is_wrong_is_told_by_its_name_and_publishes_nothing() {
    let mut service = start(PIPELINE).await;
    service
        .log(&[row(1, "items", &json!({"id": 1, "amount": 1}))])
        .await;
    for (wrong, told) in [
        ("amuont >= 0", "amuont"),
        // It would be another question, and never fail.
        ("true) or (amount >= 0", "at least two arguments"),
    ] {
        service.define(&PIPELINE.replace("amount >= 0 -- never less", wrong));
        service.restart().await;

        service
            .run()
            .await
            .fails_with("test-broken")
            .saying("`expression_7`")
            .saying(told);
    }
    assert_eq!(service.count("marts.items").await, 0);
}

#[tokio::test]
async fn tests_that_cannot_be_are_refused_with_the_pipeline() {
    let mut service = start(PIPELINE).await;
    for (right, wrong, told) in [
        ("to: owners", "to: owner", "did you mean `owners`?"),
        (
            "not_null, unique",
            "not_nul, unique",
            "there is no test `not_nul`",
        ),
        (
            "severity: warn}}]}\n      - {name: amount",
            "severity: bad}}]}\n      - {name: amount",
            "`severity` is `error` or `warn`",
        ),
        ("threshold: 1", "treshold: 1", "does not read `treshold`"),
        (
            "[{expression: \"amount >= 0 -- never less\"}]",
            "[unique]",
            "is about a column",
        ),
    ] {
        assert!(PIPELINE.contains(right), "{right}");
        service.define(&PIPELINE.replace(right, wrong));
        service.restart().await;
        let pipeline = service
            .get(&format!("/v1/pipelines/{}", service.name))
            .await;
        let error = &pipeline.body["error"];
        assert!(error.to_string().contains(told), "{told}: {error:#}");
    }
}

#[tokio::test]
async fn a_row_that_something_else_wrote_unbalances_the_ledger_before_the_cursor_moves() {
    let simple = "pipeline: PIPELINE\nsource: {kind: postgres_audit_log, connection: shop}\ntables: {items: {from: public.items, key: [id]}}\n";
    let service = start(simple).await;
    service
        .log(&[row(1, "items", &json!({"id": 1, "status": "new"}))])
        .await;
    service.run().await.succeeds();
    // A row that claims to be of the batch that comes next.
    service
        .query("insert into {marts.items} (id, _event_id, _batch_id) values (99, 99, 2)")
        .await;
    service
        .log(&[row(2, "items", &json!({"id": 2, "status": "new"}))])
        .await;

    service.run().await.fails_with("unbalanced");
    let table = service.get(&service.table_path("items")).await;
    assert_eq!(table.body["current_batch_id"], "1", "{table:?}");
    service
        .post_table("items", "verify", &json!({}))
        .await
        .fails_with("verify-failed");

    service
        .post_table("items", "rebuild", &json!({}))
        .await
        .succeeds();
    service.run().await.succeeds();
    assert_eq!(service.current("items", "id").await, json!([[1], [2]]));
}

#[tokio::test]
async fn a_test_that_was_added_later_looks_at_all_rows_when_it_is_asked_to() {
    let all = ["", "    current: view\n", "    history: off\n"];
    let by_day = &all[..1];
    for marts in if depth::is_deep() { &all } else { by_day } {
        let without = format!(
            "\npipeline: PIPELINE\nsource: {{kind: postgres_audit_log, connection: shop}}\ntables:\n  owners: {{from: public.owners, key: [id]}}\n  items:\n    from: public.items\n    key: [id]\n{marts}"
        );
        let mut service = start(&without).await;
        service
            .log(&[
                row(
                    1,
                    "items",
                    &json!({"id": 1, "status": "lost", "amount": 1, "owner": 1}),
                ),
                row(
                    2,
                    "items",
                    &json!({"id": 2, "status": null, "amount": 1, "owner": 1}),
                ),
                row(
                    3,
                    "items",
                    &json!({"id": 1, "status": "new", "amount": 2, "owner": 1}),
                ),
            ])
            .await;
        service.run().await.succeeds();
        service.define(&format!(
            "{without}    columns:\n      - {{name: status, data_type: varchar, tests: [not_null, {{accepted_values: [new]}}]}}\n    tests: [{{expression: {{sql: amount > 1, severity: warn}}}}]\n"
        ));
        service.restart().await;
        let snapshots = service.get(&service.table_path("items")).await.body;

        let run = service
            .post_table("items", "test", &json!({}))
            .await
            .fails_with("test-failed");
        assert_eq!(run["kind"], "test");
        assert_eq!(
            results(&service, &run).await,
            [
                "accepted_values_status pass 0",
                "expression_3 warn 1",
                "not_null_status error 1"
            ],
            "{marts}"
        );
        let after = service.get(&service.table_path("items")).await.body;
        assert_eq!(snapshots["snapshot_id"], after["snapshot_id"]);
        // The build itself tests what it changes.
        service
            .log(&[row(
                4,
                "items",
                &json!({"id": 2, "status": "new", "amount": 2, "owner": 1}),
            )])
            .await;
        service.run().await.succeeds();
        service
            .post_table("items", "test", &json!({}))
            .await
            .succeeds();
    }
}
