//! A table that the pipeline did not make is never replaced, dropped or written to.

use std::path::Path;

use serde_json::json;

use crate::harness::{ITEMS, Service, insert};

const FOREIGN: &str = "select 7 as id, 'theirs' as owner";

async fn with_events() -> Service {
    let service = Service::items().start().await;
    service
        .log(&[insert(1, 1, 10, "a"), insert(2, 2, 20, "b")])
        .await;

    service
}

/// Makes the schemas of the pipeline, and a table of somebody else in one of them.
async fn somebody_makes(service: &Service, table: &str) {
    for layer in ["landing", "staging", "marts"] {
        service
            .query(&format!(
                "create schema if not exists {}.PIPELINE_{layer}",
                service.servers.catalog
            ))
            .await;
    }
    service
        .query(&format!("create table {{{table}}} as {FOREIGN}"))
        .await;
}

/// The rows and the snapshots of a table.
async fn content(service: &Service, table: &str) -> String {
    let (layer, name) = table.split_once('.').expect("a layer");
    let rows = service.rows(&format!("select * from {{{table}}}")).await;
    let snapshots = format!(
        "select snapshot_id from {}.PIPELINE_{layer}.\"{name}$snapshots\"",
        service.servers.catalog
    );

    format!("{rows} {}", service.rows(&snapshots).await)
}

/// Runs fail and leave the table as it is. After it is dropped, a run succeeds.
async fn is_left_alone(service: &Service, table: &str) {
    let before = content(service, table).await;
    for _ in 0..2 {
        service
            .run()
            .await
            .fails()
            .saying("exists already")
            .saying("rename or drop it");
        assert_eq!(content(service, table).await, before, "{table}");
    }
    service.query(&format!("drop table {{{table}}}")).await;
    service.run().await.succeeds();
}

#[tokio::test]
async fn a_table_of_somebody_else_in_the_place_of_a_table_is_left_alone() {
    for table in [
        "marts.items",
        "marts.items_history",
        "staging.items",
        "staging.PIPELINE_rejects",
        "landing.PIPELINE_events",
    ] {
        let service = with_events().await;
        let table = table.replace("PIPELINE", &service.name);
        somebody_makes(&service, &table).await;
        is_left_alone(&service, &table).await;
        assert_eq!(service.sizes("items").await, [2, 2, 2], "{table}");
    }
}

#[tokio::test]
async fn a_view_of_somebody_else_in_the_place_of_current_rows_is_left_alone() {
    let viewed = ITEMS.replace("key: [id]}", "key: [id], current: view}");
    for definition in [ITEMS, &viewed] {
        let service = Service::items().defined(definition).start().await;
        service.log(&[insert(1, 1, 10, "a")]).await;
        somebody_makes(&service, "marts.others").await;
        service
            .query("create view {marts.items} as select * from {marts.others}")
            .await;
        service.run().await.fails().saying("exists already");
        assert_eq!(
            service.rows("select * from {marts.items}").await,
            json!([[7, "theirs"]])
        );
        service.query("drop view {marts.items}").await;
        service.run().await.succeeds();
        assert_eq!(service.count("marts.items").await, 1);
    }
}

#[tokio::test]
async fn a_table_of_somebody_else_in_the_place_of_a_build_is_left_alone() {
    let service = Service::items()
        .settings("trino.statement_memory_bytes = 6000")
        .start()
        .await;
    let rows: Vec<_> = (1..=100).map(|key| insert(key, key, key, "a")).collect();
    service.log(&rows).await;
    somebody_makes(&service, "marts.items_history__build").await;
    is_left_alone(&service, "marts.items_history__build").await;
    assert_eq!(service.sizes("items").await, [100, 100, 100]);
}

fn write_model(service: &Service, text: &str) {
    let folder = service.folder.path().join("pipelines").join(&service.name);
    let models: &Path = &folder.join("models");
    std::fs::create_dir_all(models).expect("a folder");
    std::fs::write(models.join("amounts.sql"), text).expect("a model");
}

#[tokio::test]
async fn a_table_of_somebody_else_in_the_place_of_a_model_is_left_alone() {
    let mut service = with_events().await;
    for kept in ["view", "table"] {
        let text = format!(
            "{{{{ config(materialized='{kept}', alias='of_{kept}') }}}} select id, amount from {{{{ ref('items') }}}}"
        );
        write_model(&service, &text);
        service.restart().await;
        let table = format!("marts.of_{kept}");
        somebody_makes(&service, &table).await;
        is_left_alone(&service, &table).await;
        assert_eq!(service.count(&table).await, 2, "{kept}");
    }
    // The model used the name of its build before, and gave it back.
    write_model(
        &service,
        "{{ config(materialized='table', alias='of_table') }} select id from {{ ref('items') }}",
    );
    service.restart().await;
    let build = "marts.of_table__build";
    somebody_makes(&service, build).await;
    is_left_alone(&service, build).await;
    assert_eq!(service.count("marts.of_table").await, 2);
}

#[tokio::test]
async fn a_table_that_somebody_made_anew_is_told_until_it_is_rebuilt() {
    let service = with_events().await;
    service.run().await.succeeds();
    for statement in [
        "create table {marts.kept} as select * from {marts.items} where false",
        "drop table {marts.items}",
        "create table {marts.items} as select * from {marts.kept}",
    ] {
        service.query(statement).await;
    }
    service.log(&[insert(3, 3, 30, "c")]).await;
    service.run().await.fails().saying("made another table");
    service.run().await.fails();
    service
        .post_table("items", "rebuild", &json!({}))
        .await
        .succeeds();
    assert_eq!(service.sizes("items").await, [3, 3, 3]);
    service.log(&[insert(4, 4, 40, "d")]).await;
    service.run().await.succeeds();
    assert_eq!(service.sizes("items").await, [4, 4, 4]);
}

#[tokio::test]
async fn tables_with_another_state_database_are_recognised_by_their_columns() {
    let mut service = with_events().await;
    service.run().await.succeeds();
    let state = service.connect_to_state().await;
    state
        .batch_execute("drop schema icefront cascade")
        .await
        .expect("dropped");
    service.restart().await;
    service.log(&[insert(3, 3, 30, "c")]).await;
    service.run().await.succeeds();
    assert_eq!(service.sizes("items").await, [3, 3, 3]);
    service
        .post_table("items", "restage", &json!({}))
        .await
        .succeeds();
    assert_eq!(service.sizes("items").await, [3, 3, 3]);
}
