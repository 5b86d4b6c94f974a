//! Lists have one form: pages, cursors, filters.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Changes, MODELS, id, shop};
use crate::harness::{AuditRow, Service, delete, insert, link};

/// The rows of a page.
#[track_caller]
fn rows(page: &Value) -> Vec<Value> {
    let rows = page["data"].as_array();

    rows.unwrap_or_else(|| panic!("no page: {page:#}")).clone()
}

/// A path with one more parameter.
fn with(path: &str, name: &str, value: &str) -> String {
    let value: String = form_urlencoded::byte_serialize(value.as_bytes()).collect();
    let sign = if path.contains('?') { '&' } else { '?' };

    format!("{path}{sign}{name}={value}")
}

/// Reads a list in pages of one row.
async fn read_by_one(service: &Service, path: &str) -> Vec<Value> {
    let mut read = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = with(path, "limit", "1");
        let page = after.map_or_else(|| page.clone(), |after| with(&page, "after", &after));
        let page = service.get(&page).await.has_status(200).body;
        read.extend(rows(&page));
        after = page["next"].as_str().map(str::to_owned);
        if after.is_none() {
            assert_eq!(page["next"], Value::Null, "{path}");
            return read;
        }
    }
}

/// Without what grows between two calls.
fn steady(mut rows: Vec<Value>) -> Vec<Value> {
    for row in &mut rows {
        for field in [
            "lag_seconds",
            "mean_lag_seconds",
            "max_lag_seconds",
            "share_within_target",
        ] {
            if let Some(row) = row.as_object_mut() {
                row.remove(field);
            }
        }
    }

    rows
}

async fn a_shop_with_something_of_everything() -> (Service, Vec<String>) {
    let mut service = shop(&MODELS[..3]).await;
    service.write_file(
        "models/schema.yml",
        "models:
  - name: by_day
    data_tests:
      - dbt_utils.expression_is_true: {expression: orders < 1, config: {store_failures: true, severity: warn}}
    columns:
      - name: day
        data_tests: [not_null]",
    );
    service.restart().await;
    let mut changes = Changes::new(1);
    service.log(&changes.batch(50)).await;
    service.run().await.succeeds();
    let rejected = |id: i64| AuditRow {
        data: Some(json!({"id": id, "amount": "many"}).to_string()),
        table: "orders".into(),
        ..insert(10_000 + id, id, 1, "")
    };
    service.log(&[rejected(1), rejected(2)]).await;
    service.log(&changes.batch(50)).await;
    let run = service.run().await.succeeds();
    let name = &service.name;
    let run_id = id(&run);
    let lists = vec![
        "/v1/runs".to_owned(),
        format!("/v1/runs?pipeline={name}&state=succeeded,failed"),
        format!("/v1/runs/{run_id}/steps"),
        format!("/v1/runs/{run_id}/steps/model.by_day/sql"),
        format!("/v1/runs/{run_id}/tests"),
        format!("/v1/runs/{run_id}/tests/expression_is_true_by_day/failures"),
        format!("/v1/runs/{run_id}/changes"),
        "/v1/changes".to_owned(),
        "/v1/changes?by=day".to_owned(),
        "/v1/pipelines".to_owned(),
        "/v1/sources".to_owned(),
        format!("/v1/sources/{name}/files"),
        "/v1/tables".to_owned(),
        format!("/v1/tables/{name}.orders/rows"),
        "/v1/models".to_owned(),
        "/v1/freshness".to_owned(),
        format!("/v1/models/{name}.by_day/refreshes"),
        "/v1/rejects".to_owned(),
        format!("/v1/rejects?pipeline={name}&reason=bad_value&operation=insert"),
    ];

    (service, lists)
}

#[tokio::test]
async fn at_night_every_list_is_read_page_by_page_as_it_is_read_whole() {
    let (service, lists) = a_shop_with_something_of_everything().await;
    let mut foreign: Option<String> = None;
    for path in &lists {
        let whole = service.get(path).await.has_status(200).body;
        let members: BTreeSet<&str> = whole
            .as_object()
            .expect("a page")
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(members, BTreeSet::from(["data", "next"]), "{path}");
        let by_one = read_by_one(&service, path).await;
        assert_eq!(steady(by_one), steady(rows(&whole)), "{path}");

        let first = service.get(&with(path, "limit", "1")).await.body;
        if let Some(foreign) = &foreign {
            service
                .get(&with(path, "after", foreign))
                .await
                .is_problem(422, "invalid-request")
                .about("after");
        }
        foreign = first["next"].as_str().map(str::to_owned).or(foreign);
        for (parameter, wrong) in [
            ("limit", "0"),
            ("limit", "1001"),
            ("after", "x"),
            ("before", "x"),
        ] {
            service
                .get(&with(path, parameter, wrong))
                .await
                .is_problem(422, "invalid-request")
                .about(parameter);
        }
    }
    assert!(foreign.is_some());
}

#[tokio::test]
async fn a_cursor_belongs_to_its_filters() {
    let service = Service::items().start().await;
    for key in 1..=2 {
        service.log(&[insert(key, key, 1, "a")]).await;
        service.run().await.succeeds();
    }
    let path = format!("/v1/runs?pipeline={}&state=succeeded", service.name);
    let next = service.get(&with(&path, "limit", "1")).await.body["next"].clone();
    let next = next.as_str().expect("another page");

    let second = service
        .get(&with(&path, "after", next))
        .await
        .has_status(200);
    assert_eq!(rows(&second.body).len(), 1);
    for other in [
        "/v1/runs",
        "/v1/runs?state=succeeded",
        "/v1/runs?state=failed",
    ] {
        service
            .get(&with(other, "after", next))
            .await
            .is_problem(422, "invalid-request")
            .about("after");
    }
}

#[tokio::test]
async fn rows_that_come_and_go_between_two_pages_leave_no_gap() {
    let service = Service::items().start().await;
    service
        .log(&[
            insert(1, 1, 1, "a"),
            insert(2, 3, 1, "c"),
            insert(3, 5, 1, "e"),
        ])
        .await;
    service.run().await.succeeds();
    let path = format!("{}/rows", service.table_path("items"));
    let first = service.get(&with(&path, "limit", "2")).await.body;
    let next = first["next"].as_str().expect("another page").to_owned();

    // The last row of the page goes, one comes before it, and one behind it.
    service
        .log(&[
            delete(4, 3, 1, "c"),
            insert(5, 2, 1, "b"),
            insert(6, 4, 1, "d"),
        ])
        .await;
    service.run().await.succeeds();

    let second = service.get(&with(&path, "after", &next)).await.body;
    let names: Vec<Value> = rows(&second)
        .iter()
        .map(|row| row["name"].clone())
        .collect();
    assert_eq!(names, ["d", "e"], "{second:#}");
    let versions = format!("{}/history?key.id=3", service.table_path("items"));
    let read = read_by_one(&service, &versions).await;
    assert_eq!(read, rows(&service.get(&versions).await.body));
}

#[tokio::test]
async fn lists_are_filtered_by_what_their_rows_have() {
    let (service, _) = a_shop_with_something_of_everything().await;
    let name = &service.name;
    let run = service.get("/v1/runs?limit=1").await.body["data"][0].clone();
    let tests = link(&run, "tests");
    let steps = link(&run, "steps");
    for (path, count) in [
        ("/v1/runs?state=failed".to_owned(), 0),
        ("/v1/runs?trigger=api,poll".to_owned(), 2),
        (format!("{steps}?name=extract"), 1),
        (format!("{steps}?state=failed,skipped"), 0),
        (format!("{tests}?status=warn"), 1),
        (format!("{tests}?model={name}.by_day"), 2),
        (format!("{tests}?table={name}.by_day"), 0),
        ("/v1/pipelines?usable=true&paused=false".to_owned(), 1),
        ("/v1/pipelines?usable=false".to_owned(), 0),
        (
            "/v1/pipelines?source_kind=files,postgres_table".to_owned(),
            0,
        ),
        ("/v1/sources?kind=postgres_audit_log".to_owned(), 1),
        (format!("/v1/tables?pipeline={name}"), 2),
        ("/v1/models?materialized=incremental".to_owned(), 2),
        ("/v1/models?tag=nightly".to_owned(), 0),
        (format!("/v1/freshness?table={name}.orders&status=pass"), 1),
        ("/v1/freshness?lag_reason=rejected".to_owned(), 1),
        ("/v1/freshness?status=error,unknown".to_owned(), 0),
        ("/v1/models?suspended=true".to_owned(), 0),
        (format!("/v1/models/{name}.by_day/refreshes?action=full"), 1),
        (
            format!("/v1/models/{name}.by_day/refreshes?until=2026-01-01T00:00:00Z"),
            0,
        ),
        ("/v1/rejects?reason=bad_value,bad_json".to_owned(), 2),
        ("/v1/rejects?column=amount&operation=insert".to_owned(), 2),
        ("/v1/rejects?operation=delete".to_owned(), 0),
        ("/v1/rejects?batch_id=2".to_owned(), 2),
        ("/v1/rejects?batch_id=none".to_owned(), 0),
        (format!("/v1/changes?by=day&model={name}.by_day"), 1),
        (
            format!("/v1/changes?by=day&pipeline={name}&table={name}.orders"),
            1,
        ),
    ] {
        let answer = service.get(&path).await.has_status(200).body;
        assert_eq!(rows(&answer).len(), count, "{path}: {answer:#}");
    }
    for (path, field) in [
        ("/v1/runs?state=broken", "state"),
        ("/v1/runs?state=", "state"),
        ("/v1/rejects?reason=unknown", "reason"),
        ("/v1/pipelines?paused=maybe", "paused"),
    ] {
        let answer = service.get(path).await;
        answer.is_problem(422, "invalid-request").about(field);
    }
}

#[tokio::test]
async fn what_never_ran_is_unknown_and_what_has_no_limit_says_so() {
    let service = shop(&MODELS[..2]).await;
    let all = service.get("/v1/freshness").await.has_status(200).body;
    for one in rows(&all) {
        let said = [&one["status"], &one["lag_reason"], &one["lag_seconds"]];
        assert_eq!(
            said,
            [&json!("unknown"), &json!("never_run"), &Value::Null],
            "{one:#}"
        );
    }

    service.log(&Changes::new(1).batch(50)).await;
    service.run().await.succeeds();

    let all = service.get("/v1/freshness").await.has_status(200).body;
    assert_eq!(rows(&all).len(), 4, "{all:#}");
    for one in rows(&all) {
        let said = [&one["status"], &one["lag_reason"]];
        assert_eq!(said, ["pass", "no_limit"], "{one:#}");
    }
}

#[tokio::test]
async fn what_a_failed_first_run_should_have_made_is_an_error() {
    let service = Service::items().start().await;
    service.log(&[insert(1, 1, "x", "a")]).await;
    service.write("drop table audit_log_dml").await;

    service.run().await.fails();

    let one = service.freshness("items").await;
    let said = [&one["status"], &one["lag_reason"]];
    assert_eq!(said, ["error", "failed"], "{one:#}");
}

#[tokio::test]
async fn a_pipeline_shows_its_definition_and_its_last_run() {
    let service = Service::items().start().await;
    let path = format!("/v1/pipelines/{}", service.name);
    let before = service.get(&path).await.has_status(200).body;
    let text = before["definition"].as_str().expect("a text");
    assert!(text.contains("from: public.items"), "{text}");
    assert_eq!(before["last_run"], Value::Null, "{before:#}");

    let run = service.run().await.succeeds();

    let after = service.get(&path).await.has_status(200).body;
    assert_eq!(after["last_run"]["id"], run["id"], "{after:#}");
    assert_eq!(after["last_run"]["state"], "succeeded", "{after:#}");
    assert_eq!(after["active_run"], Value::Null, "{after:#}");
}
