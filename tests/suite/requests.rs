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

    let answer = service.get("/v1/pipelines/nothing").await;
    assert_eq!((answer.status, answer.problem()), (404, "not-found"));
    let answer = service.get(&format!("/v1/tables/{name}.item")).await;
    assert_eq!((answer.status, answer.problem()), (404, "not-found"));
    assert!(
        answer
            .detail()
            .contains(&format!("did you mean `{name}.items`?")),
        "{answer:?}"
    );
    let answer = service
        .get("/v1/runs/01a1fc50-ddcb-729b-8a58-e556c971b8c1")
        .await;
    assert_eq!((answer.status, answer.problem()), (404, "not-found"));
    let answer = service
        .get("/v1/runs/01a1fc50-ddcb-729b-8a58-e556c971b8c1/outcome")
        .await;
    assert_eq!((answer.status, answer.problem()), (410, "not-found"));
    let answer = service.get("/v1/runs/seven").await;
    assert_eq!(
        (answer.status, answer.problem()),
        (400, "malformed-request")
    );
    let answer = service.get("/nowhere").await;
    assert_eq!((answer.status, answer.problem()), (404, "not-found"));
    let answer = service.get("/docs/nowhere").await;
    assert_eq!((answer.status, answer.problem()), (404, "not-found"));
    let answer = service.call(service.request(Method::PUT, "/v1/runs")).await;
    assert_eq!(
        (answer.status, answer.problem()),
        (405, "method-not-allowed")
    );
    let answer = service.post(&runs, &json!({"stesp": []})).await;
    assert_eq!((answer.status, answer.problem()), (422, "invalid-request"));
    assert_eq!(answer.body["field"], "stesp");
    assert!(
        answer.detail().contains("did you mean `steps`?"),
        "{answer:?}"
    );
    let answer = service.post(&runs, &json!({"steps": ["extrakt"]})).await;
    assert_eq!(answer.body["field"], "steps[0]");
    assert!(
        answer.detail().contains("did you mean `extract`?"),
        "{answer:?}"
    );
    let answer = service.post(&runs, &json!({"select": ["item"]})).await;
    assert_eq!((answer.status, answer.problem()), (404, "not-found"));
    assert_eq!(answer.body["field"], "select[0]");
    assert!(
        answer.detail().contains("did you mean `items`?"),
        "{answer:?}"
    );
    let answer = service.post(&runs, &json!({"timeout_seconds": 0})).await;
    assert_eq!(answer.body["field"], "timeout_seconds");
    let broken = service
        .request(Method::POST, &runs)
        .header("content-type", "application/json")
        .body("{");
    let answer = service.call(broken).await;
    assert_eq!(
        (answer.status, answer.problem()),
        (400, "malformed-request")
    );
    let form = service
        .request(Method::POST, &runs)
        .header("content-type", "text/plain")
        .body("{}");
    let answer = service.call(form).await;
    assert_eq!(
        (answer.status, answer.problem()),
        (415, "unsupported-media-type")
    );
    let large = service
        .request(Method::POST, &runs)
        .header("content-type", "application/json")
        .body(" ".repeat(2 << 20));
    let answer = service.call(large).await;
    assert_eq!((answer.status, answer.problem()), (413, "body-too-large"));
    for wait in ["", "1", "-1s", "%2B1s", "1.5s", "56s", "soon", "1h"] {
        let answer = service
            .post(&format!("{runs}?wait={wait}"), &json!({}))
            .await;
        assert_eq!(
            (answer.status, answer.problem()),
            (422, "invalid-request"),
            "{wait}"
        );
        assert_eq!(answer.body["field"], "wait");
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
    let runs = format!("/v1/pipelines/{}/runs", service.name);
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
        let answer = service.post(&runs, &body).await;
        assert_eq!((answer.status, answer.problem()), (422, "invalid-request"));
        assert_eq!(answer.body["field"], field, "{answer:?}");
    }
    for body in [
        json!(null),
        json!({"timeout_seconds": 60.0}),
        json!({"labels": {"": &long[2..]}}),
    ] {
        let answer = service.post(&runs, &body).await;
        assert_eq!(answer.status, 202, "{answer:?}");
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
        let answer = service.get(&format!("/v1/changes?{times}")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.body["changes"], json!([]));
    }
    for time in ["-009000-01-01T00:00:00Z", "9999-12-31", "now", ""] {
        let answer = service.get(&format!("/v1/changes?since={time}")).await;
        assert_eq!((answer.status, answer.problem()), (422, "invalid-request"));
        assert_eq!(answer.body["field"], "since");
    }
}

#[tokio::test]
async fn an_empty_body_without_content_type_runs_everything() {
    let service = Service::of(EVENTS).audit_log().tables(ITEMS).start().await;
    let path = format!("/v1/pipelines/{}/runs?sync=true", service.name);

    let answer = service.call(service.request(Method::POST, &path)).await;

    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.body["succeeded"], true);
    let steps = service
        .get(&format!(
            "/v1/runs/{}/steps",
            answer.body["run_id"].as_str().expect("an id")
        ))
        .await;
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
