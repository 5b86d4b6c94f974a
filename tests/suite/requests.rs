//! The answer to a wrong request names the right one.

use reqwest::Method;
use serde_json::json;

use crate::harness::{EVENTS, Service};

const ITEMS: &str = "create table items (seed integer, id bigint);";

#[tokio::test]
async fn what_is_asked_wrongly_is_answered_with_what_is_right() {
    let service = Service::of(EVENTS).audit_log().tables(ITEMS).start().await;
    let name = &service.name;
    let runs = format!("/v1/pipelines/{name}/runs");

    service
        .get("/v1/pipelines/nothing")
        .await
        .is_problem(404, "not-found");
    service
        .get(&format!("/v1/tables/{name}.item"))
        .await
        .is_problem(404, "not-found")
        .saying(&format!("did you mean `{name}.items`?"));
    service
        .get("/v1/runs/01a1fc50-ddcb-729b-8a58-e556c971b8c1")
        .await
        .is_problem(404, "not-found");
    service
        .get("/v1/runs/01a1fc50-ddcb-729b-8a58-e556c971b8c1/outcome")
        .await
        .is_problem(410, "not-found");
    service
        .get("/v1/runs/seven")
        .await
        .is_problem(400, "malformed-request");
    service.get("/nowhere").await.is_problem(404, "not-found");
    service
        .get("/docs/nowhere")
        .await
        .is_problem(404, "not-found");
    service
        .call(service.request(Method::PUT, "/v1/runs"))
        .await
        .is_problem(405, "method-not-allowed");
    service
        .post(&runs, &json!({"stesp": []}))
        .await
        .is_problem(422, "invalid-request")
        .about("stesp")
        .saying("did you mean `steps`?");
    service
        .post(&runs, &json!({"steps": ["extrakt"]}))
        .await
        .about("steps[0]")
        .saying("did you mean `extract`?");
    service
        .post(&runs, &json!({"select": ["item"]}))
        .await
        .is_problem(404, "not-found")
        .about("select[0]")
        .saying("did you mean `items`?");
    service
        .post(&runs, &json!({"timeout_seconds": 0}))
        .await
        .about("timeout_seconds");
    let broken = service
        .request(Method::POST, &runs)
        .header("content-type", "application/json")
        .body("{");
    service
        .call(broken)
        .await
        .is_problem(400, "malformed-request");
    let form = service
        .request(Method::POST, &runs)
        .header("content-type", "text/plain")
        .body("{}");
    service
        .call(form)
        .await
        .is_problem(415, "unsupported-media-type");
    let large = service
        .request(Method::POST, &runs)
        .header("content-type", "application/json")
        .body(" ".repeat(2 << 20));
    service.call(large).await.is_problem(413, "body-too-large");
    for wait in ["", "1", "-1s", "%2B1s", "1.5s", "56s", "soon", "1h"] {
        service
            .post(&format!("{runs}?wait={wait}"), &json!({}))
            .await
            .is_problem(422, "invalid-request")
            .about("wait");
    }
    let answer = service
        .get(&format!("/v1/tables/{name}.items/history?key.id=1"))
        .await;
    assert_eq!(
        (answer.status, answer.problem()),
        (404, "not-found"),
        "not published yet"
    );
}

#[tokio::test]
async fn the_bounds_of_the_document_are_kept() {
    let service = Service::of(EVENTS).audit_log().tables(ITEMS).start().await;
    let long = "ü".repeat(257);

    for (body, field) in [
        (json!({"steps": vec!["marts"; 4]}), "steps"),
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
        assert_eq!(answer.body["changes"], json!([]));
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
    let path = format!("/v1/pipelines/{}/runs?sync=true", service.name);

    let answer = service
        .call(service.request(Method::POST, &path))
        .await
        .has_status(200);
    assert_eq!(answer.body["succeeded"], true);
    let path = format!("/v1/runs/{}/steps", answer.run_id());
    let steps = service.get(&path).await;
    let mut names: Vec<&str> = steps.body["steps"]
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
