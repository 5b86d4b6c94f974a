//! What a refresh does, and what it tells.

use std::collections::BTreeSet;

use serde_json::json;

use super::{Changes, MODELS, id, names, shop};

#[tokio::test]
async fn a_run_that_changes_nothing_sends_no_statement_for_a_model() {
    let service = shop(&MODELS).await;
    service.log(&Changes::new(1).batch(50)).await;
    service.run().await.succeeds();

    let run = service.run().await.succeeds();

    for model in names().skip(1) {
        let refresh = service.last_refresh(model).await;
        assert_eq!(refresh["action"], "no_data", "{model}: {refresh:#}");
        let path = format!("/v1/runs/{}/steps/model.{model}/sql", id(&run));
        let statements = service.get(&path).await;
        assert_eq!(statements.body["data"], json!([]), "{statements:?}");
    }
}

#[tokio::test]
async fn a_model_tells_its_scope_and_why_it_was_refreshed_as_it_was() {
    let service = shop(&MODELS).await;
    let path = service.model_path("by_region");
    let before = service.get(&path).await.has_status(200);
    assert_eq!(before.body["refresh"]["mode"], "unknown", "{before:?}");
    service.log(&Changes::new(1).batch(50)).await;
    service.run().await.succeeds();

    let model = service.get(&path).await.has_status(200).body;
    assert_eq!(model["refresh"]["mode"], "incremental", "{model:#}");
    assert_eq!(
        model["refresh"]["scope_columns"],
        json!(["day"]),
        "{model:#}"
    );
    let inputs = model["refresh"]["inputs"].as_array().expect("a list");
    assert!(
        inputs
            .iter()
            .all(|input| input["full_refresh_detail"].is_null()),
        "{model:#}"
    );
    let refresh = service.last_refresh("by_region").await;
    assert_eq!(refresh["detail"], "it is built for the first time");
    let totals = service.get(&service.model_path("totals")).await.body;
    assert_eq!(totals["refresh"]["mode"], "full", "{totals:#}");
}

#[tokio::test]
async fn a_changed_query_is_planned_and_built_again_in_one_commit() {
    let mut service = shop(&MODELS[..2]).await;
    service.log(&Changes::new(1).batch(50)).await;
    service.run().await.succeeds();
    service.write_model(
        "by_day.sql",
        "{{ config(materialized='incremental', unique_key='day') }}
        select day, count(*) as orders, min(amount) as lowest from {{ ref('priced_orders') }} group by day",
    );
    service.restart().await;
    let plan = format!("/v1/pipelines/{}/plan", service.name);
    let plan = service.get(&plan).await.has_status(200);
    assert_eq!(
        plan.body["models"][1]["rebuild_detail"], "its SQL changed",
        "{plan:?}"
    );

    service.run().await.succeeds();

    assert_eq!(
        service.last_refresh("by_day").await["detail"],
        "its SQL changed"
    );
    service.is_exact("by_day").await;
}

#[tokio::test]
async fn a_key_that_is_not_unique_publishes_nothing() {
    let mut service = shop(&MODELS[..2]).await;
    service.log(&Changes::new(1).batch(50)).await;
    service.run().await.succeeds();
    let rows = service.current("by_day", "day, orders").await;
    service.write_model(
        "by_day.sql",
        "{{ config(materialized='incremental', unique_key='day') }}
        select day, 1 as orders, amount as revenue from {{ ref('orders') }}",
    );
    service.restart().await;

    service
        .run()
        .await
        .fails_at("model.by_day")
        .with("model-broken")
        .saying("is not unique");

    assert_eq!(service.current("by_day", "day, orders").await, rows);
}

#[tokio::test]
async fn a_failed_test_publishes_nothing_and_models_below_wait() {
    let service = shop(&MODELS[..3]).await;
    service.log(&Changes::new(1).batch(50)).await;
    service.run().await.succeeds();
    let rows = service.current("by_month", "month, revenue").await;
    let mut service = service;
    service.write_model(
        "schema.yml",
        "models:
  - name: by_day
    columns:
      - name: orders
        data_tests: [{dbt_utils.accepted_range: {max_value: 0}}]",
    );
    service.restart().await;
    service.log(&Changes::new(2).batch(20)).await;

    let run = service
        .run()
        .await
        .fails_at("model.by_day")
        .with("test-failed");

    assert!(
        run.detail().contains("accepted_range_by_day_orders"),
        "{run}"
    );
    assert_eq!(service.current("by_month", "month, revenue").await, rows);
    let refresh = service.last_refresh("by_month").await;
    assert_eq!(refresh["state"], "upstream_failed", "{refresh:#}");
    service.write_model("schema.yml", "models: []");
    service.restart().await;
    service.run().await.succeeds();
    service.is_exact("by_day").await;
    service.is_exact("by_month").await;
}

#[tokio::test]
async fn a_run_takes_the_models_that_words_of_dbt_select() {
    let service = shop(&MODELS).await;
    service.log(&Changes::new(1).batch(50)).await;
    service.run().await.succeeds();

    let run = service
        .run_with(&json!({"steps": ["models"], "select": ["+by_month"], "exclude": ["by_day"]}))
        .await
        .succeeds();
    let path = format!("/v1/runs/{}/steps", id(&run));
    let steps = service.get(&path).await.body;
    let steps = steps["data"].as_array().expect("steps");
    let names: BTreeSet<&str> = steps
        .iter()
        .filter_map(|step| step["name"].as_str())
        .collect();
    assert_eq!(
        names,
        BTreeSet::from(["model.priced_orders", "model.by_month"])
    );

    let path = service.runs_path();
    let wrong = service.post(&path, &json!({"select": ["by_mont"]})).await;
    assert_eq!(wrong.status, 422, "{wrong:?}");
    assert!(
        wrong.body["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("did you mean `by_month`?")),
        "{wrong:?}"
    );
}

#[tokio::test]
async fn trino_names_the_line_of_a_model_that_it_does_not_take() {
    let mut service = shop(&MODELS[..1]).await;
    service.log(&Changes::new(1).batch(5)).await;
    service.run().await.succeeds();
    service.write_model(
        "broken.sql",
        "{{ config(materialized='table') }}\nselect\n  id,\n  amont\nfrom {{ ref('orders') }}",
    );
    service.restart().await;

    let path = format!("/v1/pipelines/{}/validate", service.name);
    let answer = service.post(&path, &json!({})).await.has_status(200);

    assert_eq!(answer.body["valid"], false, "{answer:?}");
    let broken = answer.body["models"]
        .as_array()
        .expect("models")
        .iter()
        .find(|model| model["valid"] == false)
        .expect("a broken one");
    assert_eq!(
        (&broken["file"], &broken["line"], &broken["line_column"]),
        (&json!("models/broken.sql"), &json!(4), &json!(3)),
        "{broken:#}"
    );
}

#[tokio::test]
async fn a_unique_key_that_the_query_does_not_give_is_found_before_a_run() {
    let mut service = shop(&MODELS[..1]).await;
    service.log(&Changes::new(1).batch(5)).await;
    service.run().await.succeeds();
    service.write_model(
        "misspelt.sql",
        "{{ config(materialized='incremental', unique_key='idd') }}\nselect id, amount from {{ ref('orders') }}",
    );
    service.restart().await;

    let path = format!("/v1/pipelines/{}/validate", service.name);
    let answer = service.post(&path, &json!({})).await.has_status(200);

    let models = answer.body["models"].as_array().expect("models");
    let wrong = models.iter().find(|model| model["valid"] == false);
    let detail = wrong.and_then(|model| model["detail"].as_str());
    assert!(
        detail.is_some_and(|detail| detail.contains("`unique_key`") && detail.contains("idd")),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_unit_test_computes_a_model_over_given_rows_and_shows_what_differs() {
    let mut service = shop(&MODELS[..2]).await;
    service.write_model(
        "unit_tests.yml",
        "unit_tests:
  - name: unpriced_orders_do_not_count
    model: by_day
    given:
      - input: ref('priced_orders')
        format: csv
        rows: |
          id,day,amount
          1,2026-01-01,2.50
          2,2026-01-01,1.00
    expect:
      rows: [{day: 2026-01-01, orders: 2, revenue: 3.5}]
  - name: days_are_apart
    model: by_day
    given:
      - input: ref('priced_orders')
        rows: [{id: 1, day: 2026-01-01, amount: 1}, {id: 2, day: 2026-01-02, amount: 1}]
    expect:
      rows: [{day: 2026-01-01, orders: 2}]",
    );
    service.restart().await;
    service.log(&Changes::new(1).batch(20)).await;
    service.run().await.succeeds();

    let path = format!("/v1/pipelines/{}/unit_tests", service.name);
    let answer = service.post(&path, &json!({})).await.has_status(200);

    assert_eq!(answer.body["passed"], 1, "{answer:?}");
    assert_eq!(
        answer.body["tests"][1]["differences"],
        json!([
            {"difference": "missing", "row": {"day": "2026-01-01", "orders": 2}},
            {"difference": "unexpected", "row": {"day": "2026-01-01", "orders": 1}},
            {"difference": "unexpected", "row": {"day": "2026-01-02", "orders": 1}},
        ]),
        "{answer:?}"
    );
}

#[tokio::test]
async fn a_table_that_is_named_without_ref_is_refused() {
    let mut service = shop(&[]).await;
    service.log(&Changes::new(1).batch(20)).await;
    service.run().await.succeeds();
    let sql = format!("select id from {}", service.table("marts.orders"));
    service.write_model(
        "hidden.sql",
        &format!("{{{{ config(materialized='table') }}}} {sql}"),
    );
    service.restart().await;

    service
        .run()
        .await
        .fails_at("model.hidden")
        .with("model-broken")
        .saying("by its name");
}

#[tokio::test]
async fn at_night_a_reader_that_missed_refreshes_takes_all_of_their_changes() {
    let service = shop(&MODELS[..3]).await;
    let mut changes = Changes::new(5);
    service.log(&changes.batch(60)).await;
    service.run().await.succeeds();
    let suspend = format!("{}/suspend", service.model_path("by_month"));
    service.post(&suspend, &json!({})).await.has_status(200);
    for _ in 0..3 {
        service.log(&changes.batch(6)).await;
        service.run().await.succeeds();
    }
    let resume = format!("{}/resume", service.model_path("by_month"));
    service.post(&resume, &json!({})).await.has_status(200);

    service.run().await.succeeds();

    service.is_exact("by_month").await;
    let refresh = service.last_refresh("by_month").await;
    assert_eq!(refresh["action"], "incremental", "{refresh:#}");
}
