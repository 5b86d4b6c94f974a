//! A pipeline chooses which marts a table has: two tables, current rows as a view of the history, or no history.

use serde_json::{Value, json};

use crate::harness::{ITEMS, Service, delete, depth, insert, update};

/// The pipeline of items, with these options of its table.
fn items_with(options: &str) -> String {
    ITEMS.replace("key: [id]}", &format!("key: [id], {options}}}"))
}

/// The kinds of the tables in the pipeline's schema of marts, by name, without the views of monitoring and freshness.
async fn kinds(service: &Service) -> Value {
    let tables = "select table_name, table_type from lake.information_schema.tables
        where table_schema = 'PIPELINE_marts' and table_name not in ('PIPELINE_monitoring', 'PIPELINE_freshness')
        order by table_name";

    service.rows(tables).await
}

async fn redefine(service: &mut Service, options: &str) {
    service.define(&items_with(options));
    service.restart().await;
}

const ROWS: &str = "id, name, cast(amount as varchar)";

#[tokio::test]
async fn another_choice_of_marts_is_refused_until_a_rebuild_that_leaves_the_same_rows() {
    let mut service = Service::items().start().await;
    service
        .log(&[
            insert(1, 1, 1, "a"),
            insert(2, 2, 2, "b"),
            insert(3, 3, 3, "c"),
        ])
        .await;
    service.run().await.succeeds();
    service
        .log(&[update(4, 1, 10, "d"), delete(5, 2, 2, "b")])
        .await;
    service.run().await.succeeds();
    let tables = json!([["items", "BASE TABLE"], ["items_history", "BASE TABLE"]]);
    let view = json!([["items", "VIEW"], ["items_history", "BASE TABLE"]]);
    let no_history = json!([["items", "BASE TABLE"]]);
    assert_eq!(kinds(&service).await, tables);

    let choices = [
        ("current: view", &view),
        ("history: off", &no_history),
        ("current: table", &tables),
        ("history: off", &no_history),
        ("current: view", &view),
        ("current: table", &tables),
    ];
    let tried = if depth::is_deep() { choices.len() } else { 3 };
    for (event, (options, wanted)) in (6..).zip(choices).take(tried) {
        redefine(&mut service, options).await;
        let plan = format!("/v1/pipelines/{}/plan", service.name);
        let plan = service.get(&plan).await;
        let refusal = plan.body["tables"][0]["refusal_detail"].as_str();
        assert!(
            refusal.is_some_and(|text| text.contains("/rebuild")),
            "{plan:?}"
        );
        let name = format!("e{event}");
        service.log(&[update(event, 3, 3, &name)]).await;
        service.run().await.fails_with("contract-broken");

        service
            .post_table("items", "rebuild", &json!({}))
            .await
            .succeeds();
        assert_eq!(kinds(&service).await, *wanted, "{options}");
        service.run().await.succeeds().counts("updated", 1);
        assert_eq!(
            service.current("items", ROWS).await,
            json!([[1, "d", "10.00"], [3, name, "3.00"]]),
            "{options}"
        );
        service.verifies("items").await;
    }
}

#[tokio::test]
async fn a_view_of_current_rows_follows_new_columns_and_counts_what_its_rows_did() {
    let service = Service::items()
        .defined(&items_with("current: view"))
        .start()
        .await;
    service
        .log(&[
            insert(1, 1, 1, "a"),
            insert(2, 2, 2, "b"),
            insert(3, 3, 3, "c"),
        ])
        .await;
    service
        .run()
        .await
        .succeeds()
        .counts("inserted", 3)
        .counts("versions_opened", 3);
    service
        .write("alter table items add column city text")
        .await;
    service
        .log(&[
            update(4, 1, 10, "d"),
            delete(5, 2, 2, "b"),
            update(6, 3, 3, "c"),
            delete(7, 9, 9, "never there"),
            insert(8, 4, 4, "e"),
        ])
        .await;
    service
        .run()
        .await
        .succeeds()
        .counts("inserted", 1)
        .counts("updated", 1)
        .counts("deleted", 1)
        .counts("unchanged", 1)
        .counts("delete_without_row", 1);

    assert_eq!(
        service.current("items", "id, name, city").await,
        json!([[1, "d", null], [3, "c", null], [4, "e", null]])
    );
    service.verifies("items").await;
    let rows = service
        .get(&format!("{}/rows", service.table_path("items")))
        .await;
    assert_eq!(
        rows.body["data"].as_array().map(Vec::len),
        Some(3),
        "{rows:?}"
    );
}

#[tokio::test]
async fn a_view_shows_what_had_been_published_by_a_time() {
    let service = Service::items()
        .defined(&items_with("current: view"))
        .start()
        .await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    service.run().await.succeeds();
    let between = jiff::Timestamp::now();
    service.log(&[update(2, 1, 2, "b")]).await;
    service.run().await.succeeds();

    let path = service.table_path("items");
    let rows = service
        .get(&format!("{path}/rows?loaded_as_of={between}"))
        .await;
    assert_eq!(
        rows.body["data"],
        json!([{"id": "1", "amount": "1.00", "name": "a", "_event_id": "1"}]),
        "{rows:?}"
    );
}

#[tokio::test]
async fn a_table_without_a_history_says_so_where_one_is_asked_for() {
    let service = Service::items()
        .defined(&items_with("history: off"))
        .start()
        .await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    service.run().await.succeeds().counts("inserted", 1);

    let path = service.table_path("items");
    for (asked, status, problem) in [
        ("history?key.id=1", 404, "not-found"),
        ("rows?as_of=2026-01-01T00:00:00Z", 422, "unknown-name"),
    ] {
        service
            .get(&format!("{path}/{asked}"))
            .await
            .is_problem(status, problem);
    }
    assert!(service.freshness("items").await["lag_seconds"].is_number());
}

#[tokio::test]
async fn a_view_follows_a_column_that_is_gone_and_one_of_another_type() {
    let mut service = Service::items()
        .defined(&items_with("current: view"))
        .start()
        .await;
    service
        .log(&[insert(1, 1, 1, "1"), insert(2, 2, 2, "2")])
        .await;
    service.run().await.succeeds();
    redefine(
        &mut service,
        "current: view, new_columns: ignore, columns: [{name: name, data_type: bigint}]",
    )
    .await;
    service.write("alter table items drop column amount").await;
    service
        .post_table("items", "restage", &json!({}))
        .await
        .succeeds();

    assert_eq!(
        service.current("items", "id, name + 1").await,
        json!([[1, 2], [2, 3]])
    );
    service.verifies("items").await;
}

#[tokio::test]
async fn at_night_the_tests_of_a_view_see_all_rows_also_where_it_is_built_in_slices() {
    let service = Service::items()
        .defined(&items_with(
            "current: view, columns: [{name: name, data_type: varchar, tests: [unique]}]",
        ))
        .settings("trino.statement_memory_bytes = 600")
        .start()
        .await;
    let rows: Vec<_> = (1..=20)
        .map(|id| insert(id, id, id, &format!("n{}", id.min(19))))
        .collect();
    service.log(&rows).await;
    service
        .run()
        .await
        .fails_at("test.items")
        .with("test-failed");
    service.log(&[update(21, 20, 20, "n20")]).await;
    service.run().await.succeeds().counts("inserted", 20);
    service.log(&[update(22, 20, 20, "n19")]).await;
    service
        .run()
        .await
        .fails_at("test.items")
        .with("test-failed");

    assert_eq!(
        service
            .current("items", "count(*), count(distinct name)")
            .await,
        json!([[20, 20]])
    );
}

#[tokio::test]
async fn a_row_that_is_read_again_is_no_event_of_a_view_whose_versions_ignore_its_clock() {
    let service = Service::of(
        "
pipeline: PIPELINE
source: {kind: postgres_table, connection: shop}
tables:
  customers: {from: public.customers, key: [id], cursor: updated_at, current: view, history: {tracked: [name]}}
",
    )
    .tables("create table customers (id bigint primary key, name text, updated_at timestamptz);")
    .start()
    .await;
    service
        .write("insert into customers values (1, 'a', now() - interval '2 minutes')")
        .await;
    service.run().await.succeeds().counts("inserted", 1);
    service
        .write("update customers set updated_at = now() - interval '1 minute'")
        .await;
    service.run().await.succeeds().counts("updated", 1);

    // The overlap of ten minutes reads the row again and again.
    for _ in 0..2 {
        service.run().await.succeeds();
    }
    assert_eq!(service.sizes("customers").await, [2, 1, 1]);
    service.verifies("customers").await;
}
