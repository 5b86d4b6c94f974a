//! A plan says what the next run would send to Trino, and how much waits.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::harness::{Answer, ITEMS, Service, insert, update};

async fn plan(service: &Service) -> Answer {
    let path = format!("/v1/pipelines/{}/plan?sql=true", service.name);

    service.get(&path).await.has_status(200)
}

/// The steps of the statements for the first table, each with the first word of its SQL.
fn told(plan: &Answer) -> Vec<String> {
    let statements = plan.body["tables"][0]["statements"].as_array();
    let told = |statement: &Value| {
        let sql = statement["sql"].as_str().expect("a text");
        let sql = sql.lines().filter(|line| !line.starts_with("--"));
        let verb = sql.flat_map(str::split_whitespace).next();
        format!(
            "{}: {}",
            statement["step"].as_str().expect("a step"),
            verb.expect("a word")
        )
    };

    statements.expect("statements").iter().map(told).collect()
}

#[tokio::test]
async fn a_plan_tells_the_statements_that_the_run_then_sends() {
    let tested = ITEMS.replace(
        "key: [id]}",
        "key: [id], tests: [{expression: 'amount >= 0'}]}",
    );
    let service = Service::items().defined(&tested).start().await;
    service
        .log(&[insert(1, 1, 1, "a"), insert(2, 2, 2, "b")])
        .await;
    let first = plan(&service).await;
    assert_eq!(first.body["backlog"], 2);
    assert_eq!(
        told(&first),
        [
            "stage.items: create",
            "stage.items: create",
            "stage.items: create",
            "stage.items: create",
            "stage.items: create",
            "test.items: with",
            "mart.items: create",
            "mart.items_history: create",
        ]
    );
    service.run().await.succeeds();
    let nothing = plan(&service).await;
    assert_eq!(nothing.body["backlog"], 0);
    assert_eq!(told(&nothing), [""; 0]);

    for batch in 0..2 {
        service.log(&[update(3 + batch, 1, 3, "c")]).await;
        service
            .run_with(&json!({"steps": ["extract"]}))
            .await
            .succeeds();
        let planned = plan(&service).await;
        let table = &planned.body["tables"][0];
        assert_eq!(table["waiting_batches"], 1);
        assert_eq!(table["waiting_events"], 1);
        let run = service
            .run_with(&json!({"steps": ["staging", "marts"]}))
            .await
            .succeeds();
        let statements = table["statements"].as_array().expect("statements");
        let steps: BTreeSet<&str> = statements
            .iter()
            .map(|statement| statement["step"].as_str().expect("a step"))
            .collect();
        assert_eq!(
            steps.into_iter().collect::<Vec<_>>(),
            [
                "mart.items",
                "mart.items_history",
                "stage.items",
                "test.items"
            ]
        );
        for statement in statements
            .iter()
            .filter(|statement| !statement["trino_table"].is_null())
        {
            let step = statement["step"].as_str().expect("a step");
            let path = format!(
                "/v1/runs/{}/steps/{step}/sql",
                run["id"].as_str().expect("an id")
            );
            let sent = service.get(&path).await.has_status(200);
            let is_sent = sent.body["data"]
                .as_array()
                .expect("statements")
                .iter()
                .any(|sent| sent["sql"] == statement["sql"]);
            assert!(is_sent, "{statement:#}\n{:#}", sent.body);
        }
    }
}

#[tokio::test]
async fn a_plan_without_sql_asks_for_no_statements() {
    let service = Service::items().start().await;
    let path = format!("/v1/pipelines/{}/plan", service.name);
    let answer = service.get(&path).await.has_status(200);
    assert_eq!(answer.body["backlog"], Value::Null);
    assert_eq!(answer.body["tables"][0]["statements"], Value::Null);
    service
        .get(&format!("{path}?sq=true"))
        .await
        .is_problem(422, "invalid-request");
}
