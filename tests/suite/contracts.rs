//! Contracts and declared columns hold, or stop the run with a remedy.

use insta::assert_json_snapshot;
use serde_json::json;

use super::evolution::{PIPELINE, alter, drift, start, start_with_a_row, write};

#[tokio::test]
async fn an_enforced_contract_ignores_what_is_new_and_stops_for_what_is_missing() {
    let enforced = format!(
        "{PIPELINE}    contract: enforced\n    columns:\n      - {{name: price, data_type: \"decimal(10,2)\"}}\n"
    );
    let mut service = start_with_a_row(&enforced).await;
    alter(&service, "alter table items add column channel text").await;
    write(
        &mut service,
        2,
        "I",
        json!({"id": 2, "n": 1, "price": 1.5, "name": "a", "channel": "web"}),
    )
    .await;
    service.run().await.succeeds();
    assert_eq!(drift(&service).await, ["channel ignored"]);
    alter(&service, "alter table items alter column price type text").await;
    write(&mut service, 3, "I", json!({"id": 3, "price": "1.5"})).await;
    service
        .run()
        .await
        .fails_at("stage.items")
        .with("contract-broken");
    assert_eq!(
        service.count("marts.items").await,
        2,
        "nothing was published"
    );

    alter(
        &service,
        "alter table items alter column price type numeric(10,2) using price::numeric",
    )
    .await;
    service.run().await.succeeds().counts("inserted", 1);
}

#[tokio::test]
async fn new_columns_may_be_ignored_or_stop_the_run() {
    let mut service = start(&format!("{PIPELINE}    new_columns: fail\n")).await;
    write(&mut service, 1, "I", json!({"id": 1})).await;
    service.run().await.succeeds();
    alter(&service, "alter table items add column channel text").await;
    write(&mut service, 2, "I", json!({"id": 2, "channel": "web"})).await;
    service.run().await.fails_with("contract-broken");

    service.define(&format!("{PIPELINE}    new_columns: ignore\n"));
    service.restart().await;
    service.run().await.succeeds().counts("inserted", 1);
    assert_eq!(drift(&service).await, ["channel ignored"]);
}

#[tokio::test]
async fn a_key_that_vanished_from_the_source_stops_the_run_and_leaves_the_tables() {
    let mut service = start(PIPELINE).await;
    write(&mut service, 1, "I", json!({"id": 1, "name": "a"})).await;
    service.run().await.succeeds();
    alter(&service, "alter table items drop column id").await;
    write(&mut service, 2, "I", json!({"name": "b"})).await;

    let run = service.run().await;

    assert_json_snapshot!(run.problem(), @r#"
    {
      "step": "stage.items",
      "type": "urn:icefront:problem:contract-broken",
      "title": "The source differs from the contract",
      "detail": "table `test.items` cannot be staged: column `id` of the key of `items` is gone from `public.items`; bring it back, or set `tables.items.key` to the columns that identify a row now, and call `POST /v1/tables/test.items/restage`",
      "run_id": "<id>",
      "status": 424,
      "retryable": false
    }
    "#);
    assert_eq!(service.current("items", "id").await, json!([[1]]));
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

    service.run().await.succeeds().counts("rejected", 1);
    assert_eq!(
        service.current("items", "id, city, zip").await,
        json!([[1, "Łódź", 90001], [3, null, null]])
    );
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
async fn a_path_into_json_of_any_depth_finds_its_scalar_or_is_a_reject() {
    let declared = "    columns: [{name: zip, from: name.zip, data_type: varchar}]\n";
    let mut service = start(&format!("{PIPELINE}{declared}")).await;
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let wide = format!("[{}1]", "[2],".repeat(5000));
    for (id, name) in [
        (1, format!(r#"{{"zip": {deep}}}"#)),
        (2, format!(r#"{{"zip": {wide}}}"#)),
        (3, format!(r#"{{"deep": {deep}, "zip": 3}}"#)),
        (4, format!(r#"{{"deep": {deep}, "zip": null}}"#)),
        (5, format!(r#"{{"deep": {deep}, "zip": []}}"#)),
        (6, deep),
        (7, "[".repeat(5000)),
    ] {
        write(&mut service, id, "I", json!({"id": id, "name": name})).await;
    }

    service.run().await.succeeds().counts("rejected", 3);
    assert_eq!(
        service.current("items", "id, zip").await,
        json!([[3, "3"], [4, null], [6, null], [7, null]])
    );
    let rejects = service.get("/v1/rejects").await;
    let rejects = rejects.body["data"].as_array().expect("rejects").clone();
    for reject in &rejects {
        assert_eq!(reject["reason"], "bad_value", "{reject}");
        assert_eq!(reject["column"], "zip", "{reject}");
    }
    assert!(rejects.iter().any(|reject| reject["value"] == "[]"));
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
    service.run().await.succeeds();
    let typed = format!("{PIPELINE}    columns: [{{name: name, data_type: bigint}}]\n");
    service.define(&typed);
    service.restart().await;
    let plan = service
        .get(&format!("/v1/pipelines/{}/plan", service.name))
        .await;
    let refusal = plan.body["tables"][0]["refusal_detail"]
        .as_str()
        .expect("a refusal");
    assert!(refusal.contains("restage"), "{refusal}");
    service.run().await.fails_with("contract-broken");

    service
        .run_with(&json!({"full_refresh": true}))
        .await
        .succeeds();
    assert_eq!(service.current("items", "id, name").await, json!([[1, 12]]));
    let rejects = service.get("/v1/rejects").await;
    assert_eq!(rejects.body["data"][0]["value"], "twelve", "{rejects:?}");
}
