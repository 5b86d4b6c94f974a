//! Traces by OpenTelemetry, as a collector receives them.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::harness::{Receiver, Service, insert};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A span as the collector has it.
#[derive(Debug, Clone)]
struct Span {
    name: String,
    id: String,
    trace: String,
    parent: String,
    attributes: BTreeMap<String, String>,
}

/// All spans that have arrived.
fn spans(collector: &Receiver) -> Vec<Span> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let bodies = collector.received().into_iter().map(|sent| sent.body());
    let resources = bodies.flat_map(|body| list(&body["resourceSpans"]));
    let scopes = resources.flat_map(|resource| list(&resource["scopeSpans"]));

    scopes
        .flat_map(|scope| list(&scope["spans"]))
        .map(|span| Span {
            name: text(&span["name"]),
            id: text(&span["spanId"]),
            trace: text(&span["traceId"]),
            parent: text(&span["parentSpanId"]),
            attributes: list(&span["attributes"])
                .iter()
                .map(|one| (text(&one["key"]), one["value"]["stringValue"].to_string()))
                .collect(),
        })
        .collect()
}

async fn traced(service: &mut Service, collector: &Receiver) {
    let endpoint = format!("http://{}", collector.address);
    service
        .restart_as_process(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
            ("OTEL_BSP_SCHEDULE_DELAY", "200"),
        ])
        .await;
}

#[tokio::test]
async fn a_run_its_steps_and_statements_continue_the_trace_of_the_call() {
    let collector = Receiver::start().await;
    let mut service = Service::items().start().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    traced(&mut service, &collector).await;

    let path = format!("/v1/pipelines/{}/runs?sync=true&wait=55s", service.name);
    let called = service
        .request(reqwest::Method::POST, &path)
        .header("traceparent", format!("00-{TRACE}-00f067aa0ba902b7-01"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(called.status(), 200);
    service.signal("TERM");
    assert_eq!(service.exit_code().await, Some(0));

    let spans = spans(&collector);
    let named = |name: &str| {
        let found = spans
            .iter()
            .find(|span| span.name == name && span.trace == TRACE);
        found
            .unwrap_or_else(|| panic!("no span {name}: {spans:#?}"))
            .clone()
    };
    let (request, run, step, statement) = (
        named("request"),
        named("run"),
        named("step"),
        named("statement"),
    );
    assert_eq!(request.parent, "00f067aa0ba902b7");
    assert_eq!(run.parent, request.id);
    assert!(
        spans
            .iter()
            .any(|span| span.name == "step" && span.parent == run.id),
        "{step:?}"
    );
    assert!(
        statement.attributes.contains_key("query_id"),
        "{statement:?}"
    );
    assert!(run.attributes.contains_key("run_id"), "{run:?}");
}

#[tokio::test]
async fn no_collector_is_called_while_no_variable_names_one() {
    let collector = Receiver::start().await;
    let mut service = Service::items().start().await;
    service
        .restart_as_process(&[("OTEL_BSP_SCHEDULE_DELAY", "100")])
        .await;

    service.run().await.succeeds();

    assert!(collector.received().is_empty());
}

#[tokio::test]
async fn a_collector_that_is_away_fails_nothing() {
    let mut service = Service::items().start().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    service
        .restart_as_process(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")])
        .await;

    service.run().await.succeeds();
    service.signal("TERM");

    assert_eq!(service.exit_code().await, Some(0));
}
