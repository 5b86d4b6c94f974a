//! A plan says what the next run would send to Trino, and how much waits.

use std::collections::BTreeSet;

use futures::TryStreamExt;
use serde_json::{Value, json};

use crate::harness::{Answer, ITEMS, Service, insert, items_trigger, update};

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
    assert_eq!(answer.body["source_statements"], Value::Null);
    assert_eq!(answer.body["tables"][0]["statements"], Value::Null);
    service
        .get(&format!("{path}?sq=true"))
        .await
        .is_problem(422, "invalid-request");
}

/// What the statements for the source would read, read from there.
async fn read_as_planned(service: &Service, plan: &Answer) -> Vec<String> {
    let planned = plan.body["source_statements"].as_array();
    let mut read = Vec::new();
    for statement in planned.expect("statements") {
        assert_eq!(statement["step"], "extract", "{statement:#}");
        assert_eq!(statement["trino_table"], Value::Null, "{statement:#}");
        let sql = statement["sql"].as_str().expect("a text");
        let copied = service.shop.copy_out(sql).await.expect("a copy");
        let copied: Vec<_> = copied.try_collect().await.expect("rows");
        read.push(String::from_utf8_lossy(&copied.concat()).into_owned());
    }

    read
}

#[tokio::test]
async fn a_plan_tells_how_the_audit_log_and_older_rows_would_be_read() {
    let service = Service::of(ITEMS)
        .tables("create table items (id bigint primary key, amount numeric(10,2), name text); insert into items values (1, 1, 'older');")
        .tables(&items_trigger())
        .start()
        .await;
    service
        .write("insert into items values (2, 2, 'logged')")
        .await;
    let read = read_as_planned(&service, &plan(&service).await).await;
    assert_eq!(read.len(), 2, "{read:?}");
    assert!(
        read[0].contains("logged") && !read[0].contains("older"),
        "{read:?}"
    );
    assert!(
        read[1].contains("older") && !read[1].contains("logged"),
        "{read:?}"
    );
    service.run().await.succeeds().counts("inserted", 2);

    service
        .write("update items set name = 'newer' where id = 1")
        .await;
    let read = read_as_planned(&service, &plan(&service).await).await;
    assert_eq!(read.len(), 1, "{read:?}");
    assert!(
        read[0].contains("newer") && !read[0].contains("logged"),
        "{read:?}"
    );
}

#[tokio::test]
async fn a_plan_tells_how_a_polled_table_and_its_keys_would_be_read() {
    let people = "
pipeline: PIPELINE
source: {kind: postgres_table, connection: shop}
tables:
  people: {from: public.people, key: [id], cursor: changed_at, overlap: 0s, deletes: {compare_keys: each_run}}
";
    let table = "create table people (id bigint primary key, name text, changed_at timestamptz not null default now());";
    let service = Service::of(people).tables(table).start().await;
    service
        .write("insert into people values (1, 'first', '2020-01-01'), (2, 'second', '2020-01-02')")
        .await;
    let first = plan(&service).await;
    let read = read_as_planned(&service, &first).await;
    assert_eq!(read.len(), 1, "{read:?}");
    let detail = &first.body["source_statements"][0]["detail"];
    assert!(
        detail
            .as_str()
            .is_some_and(|detail| detail.contains("ranges of") && detail.contains("`id`")),
        "{detail}"
    );
    service.run().await.succeeds().counts("inserted", 2);

    service
        .write("insert into people values (3, 'newer')")
        .await;
    let next = plan(&service).await;
    let details: Vec<&Value> = next.body["source_statements"]
        .as_array()
        .expect("statements")
        .iter()
        .map(|statement| &statement["detail"])
        .collect();
    assert_eq!(details, [&Value::Null, &Value::Null]);
    let read = read_as_planned(&service, &next).await;
    assert!(
        read[0].contains("newer") && !read[0].contains("second"),
        "{read:?}"
    );
    assert_eq!(read[1].matches("\"id\"").count(), 3, "{read:?}");
}
