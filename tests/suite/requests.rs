//! The answer to a wrong request names the right one.

use insta::assert_json_snapshot;
use reqwest::Method;
use serde_json::json;

use crate::harness::{EVENTS, Service};

const ITEMS: &str = "create table items (seed integer, id bigint);";

#[tokio::test]
async fn what_is_asked_wrongly_is_answered_with_what_is_right() {
    let service = Service::of(EVENTS).audit_log().tables(ITEMS).start().await;
    let name = &service.name;

    let answer = service.get("/v1/pipelines/nothing").await;
    assert_json_snapshot!(answer.shown(), @r#"
    {
      "status": 404,
      "content_type": "application/problem+json",
      "body": {
        "type": "urn:icefront:problem:not-found",
        "title": "The name does not exist",
        "status": 404,
        "detail": "there is no pipeline `nothing`",
        "retryable": false
      }
    }
    "#);
    let answer = service.get(&format!("/v1/tables/{name}.item")).await;
    assert_json_snapshot!(answer.shown(), @r#"
    {
      "status": 404,
      "content_type": "application/problem+json",
      "body": {
        "type": "urn:icefront:problem:not-found",
        "title": "The name does not exist",
        "status": 404,
        "detail": "there is no table `test.item`; did you mean `test.items`?",
        "retryable": false
      }
    }
    "#);
    service
        .get("/v1/runs/01a1fc50-ddcb-729b-8a58-e556c971b8c1")
        .await
        .is_problem(404, "not-found");
    let answer = service
        .get("/v1/runs/01a1fc50-ddcb-729b-8a58-e556c971b8c1/outcome")
        .await;
    assert_json_snapshot!(answer.shown(), @r#"
    {
      "status": 410,
      "content_type": "application/problem+json",
      "body": {
        "type": "urn:icefront:problem:run-unknown",
        "title": "The run does not exist",
        "status": 410,
        "detail": "there is no run `<id>`",
        "retryable": false,
        "run_id": "<id>"
      }
    }
    "#);
    let answer = service.get("/v1/runs/seven").await;
    assert_json_snapshot!(answer.shown(), @r#"
    {
      "status": 400,
      "content_type": "application/problem+json",
      "body": {
        "type": "urn:icefront:problem:malformed-request",
        "title": "The request cannot be read",
        "status": 400,
        "detail": "the path cannot be read: Cannot parse `run_id` with value `seven`: UUID parsing failed: invalid character: found `s` at 0",
        "retryable": false
      }
    }
    "#);
    service.get("/nowhere").await.is_problem(404, "not-found");
    service
        .get("/docs/nowhere")
        .await
        .is_problem(404, "not-found");
    let answer = service.call(service.request(Method::PUT, "/v1/runs")).await;
    assert_json_snapshot!(answer.shown(), @r#"
    {
      "status": 405,
      "content_type": "application/problem+json",
      "body": {
        "type": "urn:icefront:problem:method-not-allowed",
        "title": "The path does not support the method",
        "status": 405,
        "detail": "this path does not support `PUT`; the `Allow` header lists the methods that it supports",
        "retryable": false
      }
    }
    "#);
    let answer = service
        .get(&format!("/v1/tables/{name}.items/history?key.id=1"))
        .await;
    assert_json_snapshot!(answer.shown(), @r#"
    {
      "status": 404,
      "content_type": "application/problem+json",
      "body": {
        "type": "urn:icefront:problem:not-found",
        "title": "The name does not exist",
        "status": 404,
        "detail": "there is no published history of table `test.items`",
        "retryable": false
      }
    }
    "#);
}

#[tokio::test]
async fn a_wait_that_is_no_duration_or_too_long_is_refused() {
    let service = Service::of(EVENTS).audit_log().tables(ITEMS).start().await;
    let runs = service.runs_path();

    for wait in ["", "1", "-1s", "%2B1s", "1.5s", "56s", "soon", "1h"] {
        service
            .post(&format!("{runs}?wait={wait}"), &json!({}))
            .await
            .is_problem(422, "invalid-request")
            .about("wait");
    }
}

#[tokio::test]
async fn a_member_that_is_wrong_is_named_with_the_right_one() {
    let service = Service::of(EVENTS).audit_log().tables(ITEMS).start().await;

    let answer = service.start(&json!({"stesp": []})).await;
    assert_json_snapshot!(answer.shown(), @r#"
    {
      "status": 422,
      "content_type": "application/problem+json",
      "body": {
        "type": "urn:icefront:problem:invalid-request",
        "title": "The request has a value that is not allowed",
        "status": 422,
        "detail": "`stesp`: unknown field `stesp`, expected one of `steps`, `select`, `exclude`, `full_refresh`, `timeout_seconds`, `step_timeout_seconds`, `if_running`, `on_failed`, `labels`, `openlineage` at line 1 column 8; did you mean `steps`?",
        "retryable": false,
        "field": "stesp"
      }
    }
    "#);
    let answer = service.start(&json!({"steps": ["extrakt"]})).await;
    assert_json_snapshot!(answer.shown(), @r#"
    {
      "status": 422,
      "content_type": "application/problem+json",
      "body": {
        "type": "urn:icefront:problem:invalid-request",
        "title": "The request has a value that is not allowed",
        "status": 422,
        "detail": "`steps[0]`: unknown variant `extrakt`, expected one of `extract`, `staging`, `marts`, `models` at line 1 column 19; did you mean `extract`?",
        "retryable": false,
        "field": "steps[0]"
      }
    }
    "#);
    let answer = service.start(&json!({"select": ["item"]})).await;
    assert_json_snapshot!(answer.shown(), @r#"
    {
      "status": 422,
      "content_type": "application/problem+json",
      "body": {
        "type": "urn:icefront:problem:unknown-name",
        "title": "A parameter or field names something that does not exist",
        "status": 422,
        "detail": "there is no table `item`; did you mean `items`?",
        "retryable": false,
        "field": "select[0]"
      }
    }
    "#);
    service
        .start(&json!({"timeout_seconds": 0}))
        .await
        .about("timeout_seconds");
}

#[tokio::test]
async fn a_body_that_is_not_read_is_answered_with_why() {
    let service = Service::of(EVENTS).audit_log().tables(ITEMS).start().await;
    let runs = service.runs_path();
    let broken = service
        .request(Method::POST, &runs)
        .header("content-type", "application/json")
        .body("{");
    let answer = service.call(broken).await;
    assert_json_snapshot!(answer.shown(), @r#"
    {
      "status": 400,
      "content_type": "application/problem+json",
      "body": {
        "type": "urn:icefront:problem:malformed-request",
        "title": "The request cannot be read",
        "status": 400,
        "detail": "the body is not JSON: EOF while parsing an object at line 1 column 1",
        "retryable": false
      }
    }
    "#);
    let form = service
        .request(Method::POST, &runs)
        .header("content-type", "text/plain")
        .body("{}");
    let answer = service.call(form).await;
    assert_json_snapshot!(answer.shown(), @r#"
    {
      "status": 415,
      "content_type": "application/problem+json",
      "body": {
        "type": "urn:icefront:problem:unsupported-media-type",
        "title": "The content type is not JSON",
        "status": 415,
        "detail": "the content type of the body is `text/plain`; send `application/json`",
        "retryable": false
      }
    }
    "#);
    let large = service
        .request(Method::POST, &runs)
        .header("content-type", "application/json")
        .body(" ".repeat(2 << 20));
    let answer = service.call(large).await;
    assert_json_snapshot!(answer.shown(), @r#"
    {
      "status": 413,
      "content_type": "application/problem+json",
      "body": {
        "type": "urn:icefront:problem:body-too-large",
        "title": "The body is too large",
        "status": 413,
        "detail": "the body is larger than `http.body_limit_bytes` allows; send a smaller one",
        "retryable": false
      }
    }
    "#);
}

#[tokio::test]
async fn the_bounds_of_the_document_are_kept() {
    let service = Service::of(EVENTS).audit_log().tables(ITEMS).start().await;
    let long = "ü".repeat(257);

    for (body, field) in [
        (json!({"steps": vec!["marts"; 5]}), "steps"),
        (json!({"labels": {"a": long.clone()}}), "labels"),
        (json!({"labels": {"a\0": ""}}), "labels"),
        (json!({"timeout_seconds": 604_801}), "timeout_seconds"),
        (json!({"timeout_seconds": 1.5}), "timeout_seconds"),
        (json!([]), "body"),
        (json!([["extract"]]), "body"),
    ] {
        service
            .start(&body)
            .await
            .is_problem(422, "invalid-request")
            .about(field);
    }
    for body in [
        json!(null),
        json!({"timeout_seconds": 60.0}),
        json!({"labels": {"": &long[2..]}}),
    ] {
        service.start(&body).await.has_status(202);
    }
}

#[tokio::test]
async fn times_are_rfc_3339_and_may_be_as_far_off_as_it_goes() {
    let service = Service::of(EVENTS).audit_log().tables(ITEMS).start().await;

    for times in [
        "since=0000-01-01T00:00:00Z&until=9999-12-31T23:59:59Z",
        "since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z",
        "until=0000-01-01T00:00:00%2B23:59",
    ] {
        let answer = service
            .get(&format!("/v1/changes?{times}"))
            .await
            .has_status(200);
        assert_eq!(answer.body["data"], json!([]));
    }
    for time in ["-009000-01-01T00:00:00Z", "9999-12-31", "now", ""] {
        service
            .get(&format!("/v1/changes?since={time}"))
            .await
            .is_problem(422, "invalid-request")
            .about("since");
    }
}

#[tokio::test]
async fn an_empty_body_without_content_type_runs_everything() {
    let service = Service::of(EVENTS).audit_log().tables(ITEMS).start().await;
    let path = format!("{}?sync=true", service.runs_path());

    let answer = service
        .call(service.request(Method::POST, &path))
        .await
        .has_status(200);
    assert_eq!(answer.body["succeeded"], true);
    let path = format!("/v1/runs/{}/steps", answer.run_id());
    let steps = service.get(&path).await;
    let mut names: Vec<&str> = steps.body["data"]
        .as_array()
        .expect("steps")
        .iter()
        .filter_map(|s| s["name"].as_str())
        .collect();
    // The two marts run side by side: either may begin first.
    names[2..].sort_unstable();
    assert_eq!(
        names,
        ["extract", "stage.items", "mart.items", "mart.items_history"]
    );
}
