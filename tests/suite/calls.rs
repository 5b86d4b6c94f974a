//! What every call has: a name, refused parameters, and pages of other origins that may or may not read its answer.

use reqwest::Method;

use crate::harness::{EVENTS, Service};

#[tokio::test]
async fn a_parameter_that_a_call_does_not_have_is_refused_with_those_that_it_has() {
    let service = Service::of(EVENTS).audit_log().start().await;
    service
        .get("/v1/runs?pipline=shop")
        .await
        .is_problem(422, "invalid-request")
        .about("pipline")
        .saying("did you mean `pipeline`?");
    service
        .get("/v1/version?x=1")
        .await
        .is_problem(422, "invalid-request")
        .about("x")
        .saying("this call has none");
    // A probe may add what it likes.
    service.get("/livez?x=1").await.has_status(200);
}

#[tokio::test]
async fn every_answer_has_the_id_of_its_request() {
    let service = Service::of(EVENTS).audit_log().start().await;
    let answer = service.get("/v1/version").await;
    assert_eq!(answer.headers["x-request-id"].len(), 36, "{answer:?}");

    let named = service
        .request(Method::GET, "/v1/nowhere")
        .header("x-request-id", "dag-17");
    let answer = service.call(named).await;
    assert_eq!(answer.headers["x-request-id"], "dag-17");

    let long = "x".repeat(129);
    let named = service
        .request(Method::GET, "/v1/version")
        .header("x-request-id", long);
    assert_eq!(service.call(named).await.headers["x-request-id"].len(), 36);
}

#[tokio::test]
async fn only_pages_of_allowed_origins_may_read_answers() {
    let service = Service::of(EVENTS)
        .audit_log()
        .settings("http.cors_origins = ['https://data.example']")
        .start()
        .await;
    for (origin, is_allowed) in [
        ("https://data.example", true),
        ("https://other.example", false),
    ] {
        let from_page = service
            .request(Method::GET, "/v1/version")
            .header("origin", origin);
        let answer = service.call(from_page).await;
        let allowed = answer.headers.get("access-control-allow-origin");
        assert_eq!(allowed.is_some(), is_allowed, "{origin}: {answer:?}");
    }
}
