//! Tests of models: singular ones, kept failures, and selection by what the last refreshes left.

use serde_json::{Value, json};

use super::{Changes, MODELS, NEW_YEAR, id, shop};
use crate::harness::{AuditRow, Run, Service, link};

impl Service {
    /// The rows that failed a test of a run.
    async fn failures(&self, run: &Run, test: &str) -> Value {
        let path = format!("/v1/runs/{}/tests/{test}/failures", id(run));

        self.get(&path).await.has_status(200).body
    }
}

#[tokio::test]
async fn a_singular_test_sees_the_rows_before_anybody_else_does() {
    let mut service = shop(&MODELS[..3]).await;
    // It reads the model under its own name and under an alias, and another one.
    service.write_file(
        "tests/no_negative_day.sql",
        "select by_day.day, d.orders from {{ ref('by_day') }}
        join {{ ref('by_day') }} as d on d.day = by_day.day
        left join {{ ref('customers') }} as c on c.id = by_day.orders
        where by_day.revenue < 0 -- none",
    );
    service.restart().await;
    service.log(&Changes::new(1).batch(50)).await;
    service.run().await.succeeds();
    let before = service.current("by_day", "day, orders, revenue").await;
    let negative = json!({"id": 1000, "customer_id": 1, "day": "2026-01-05", "amount": "-500.00"});
    let events = [AuditRow {
        id: Some(1000),
        operation: Some("I".into()),
        occurred_at: Some(NEW_YEAR),
        table: "orders".into(),
        data: Some(negative.to_string()),
    }];
    service.log(&events).await;

    let run = service
        .run()
        .await
        .fails_at("model.by_day")
        .with("test-failed");

    assert!(run.detail().contains("no_negative_day"), "{run}");
    assert_eq!(
        service.current("by_day", "day, orders, revenue").await,
        before
    );
    service.write_file(
        "tests/no_negative_day.sql",
        "{{ config(severity='warn') }} select * from {{ ref('by_day') }} where revenue < 0",
    );
    service.restart().await;
    let run = service.run().await.succeeds();
    let tests = service.get(&format!("/v1/runs/{}/tests", id(&run))).await;
    let status: Vec<&Value> = tests.body["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|test| &test["status"])
        .collect();
    assert_eq!(status, ["warn"], "{:#}", tests.body);
    service.is_exact("by_day").await;
}

#[tokio::test]
async fn rows_that_fail_a_test_are_kept_and_answered_although_nothing_was_published() {
    let mut service = shop(&MODELS[..2]).await;
    service.write_model(
        "schema.yml",
        "models:
  - name: by_day
    data_tests:
      - dbt_utils.expression_is_true: {expression: orders < 1, config: {store_failures: true}}
    columns:
      - name: day
        data_tests: [{not_null: {config: {store_failures: true}}}]",
    );
    service.restart().await;
    service.log(&Changes::new(1).batch(50)).await;

    let run = service.run().await.fails_with("test-failed");

    let failures = service.failures(&run, "expression_is_true_by_day").await;
    let path = format!(
        "{}?model={}.by_day&status=error",
        link(&run, "tests"),
        service.name
    );
    let tests = service.get(&path).await.has_status(200);
    let test = tests.body["data"].as_array().expect("a list");
    let test = test
        .iter()
        .find(|test| test["name"] == "expression_is_true_by_day")
        .expect("the test");
    let rows = failures["data"].as_array().expect("a list");
    assert_eq!(json!(rows.len()), test["failures"], "{failures:#}");
    assert!(
        rows.iter().all(|row| row["orders"].as_str() > Some("0")),
        "{failures:#}"
    );
    let table = test["trino_failures_table"].as_str().expect("a table");
    let counted = service
        .servers
        .query(&format!("select count(*) from {table}"))
        .await;
    assert_eq!(json!(counted[0][0]), test["failures"]);
    let path = format!("/v1/runs/{}/tests/not_null_by_day_day/failures", id(&run));
    service.get(&path).await.is_problem(404, "not-found");
    let path = format!("/v1/runs/{}/tests/not_null_by_dayday/failures", id(&run));
    service
        .get(&path)
        .await
        .is_problem(404, "not-found")
        .saying("not_null_by_day_day");
}

#[tokio::test]
async fn a_run_can_be_of_what_changed_or_failed_since_the_last_one() {
    let mut service = shop(&MODELS[..4]).await;
    let run_of = async |service: &Service, select: &str| -> Vec<String> {
        let run = service
            .run_with(&json!({"steps": ["models"], "select": [select]}))
            .await;
        let steps = service.steps(&run).await;
        steps
            .iter()
            .map(|step| step["name"].as_str().expect("a name").to_owned())
            .collect()
    };
    service.log(&Changes::new(1).batch(50)).await;
    service
        .run_with(&json!({"exclude": ["by_region"]}))
        .await
        .succeeds();
    assert_eq!(run_of(&service, "result:error").await, Vec::<String>::new());
    assert_eq!(run_of(&service, "state:new").await, ["model.by_region"]);
    assert_eq!(
        run_of(&service, "state:modified").await,
        Vec::<String>::new()
    );
    service.write_model(
        "by_month.sql",
        "{{ config(materialized='incremental', unique_key='month') }}
        select month, 1 / 0 as revenue from (select date_trunc('month', day) as month from {{ ref('by_day') }}) group by 1",
    );
    service.restart().await;

    let modified = run_of(&service, "state:modified").await;
    let failed = run_of(&service, "result:error+").await;

    assert_eq!(modified, ["model.by_month"]);
    assert_eq!(failed, ["model.by_month"]);
    let wrong = service.start(&json!({"select": ["result:eror"]})).await;
    wrong
        .is_problem(422, "invalid-request")
        .saying("success, error, skipped");
}

#[tokio::test]
async fn tests_of_dbt_utils_that_are_queries_read_the_new_rows_and_their_where() {
    let mut service = shop(&MODELS[..2]).await;
    service.write_model(
        "schema.yml",
        "models:
  - name: by_day
    data_tests:
      - dbt_utils.fewer_rows_than: {compare_model: ref('orders')}
    columns:
      - name: orders
        data_tests:
          - dbt_utils.at_least_one
          - dbt_utils.not_accepted_values: {values: [1], config: {severity: warn, where: orders < 2}}",
    );
    service.restart().await;
    service.log(&Changes::new(1).batch(80)).await;

    let run = service.run().await.succeeds();

    let tests = service.get(&format!("/v1/runs/{}/tests", id(&run))).await;
    let status = |name: &str| -> Value {
        let tests = tests.body["data"].as_array().expect("a list");
        let test = tests.iter().find(|test| test["name"] == name);
        test.unwrap_or_else(|| panic!("{name}: {:#}", tests[0]))["status"].clone()
    };
    assert_eq!(status("fewer_rows_than_by_day"), "pass");
    assert_eq!(status("at_least_one_by_day_orders"), "pass");
    assert_eq!(status("not_accepted_values_by_day_orders"), "warn");
}
