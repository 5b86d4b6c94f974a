//! An answer is lost in transit. The request was executed or not; the tables are the same.

use serde_json::json;

use crate::harness::{EVENTS, Moment, Proxy, Service, Then, Trap};
use crate::suite::faults::{ITEMS, rows};

/// Loses one answer of Trino per run: the answer to the request after a given number of the same kind.
async fn lost_answers_lose_and_double_nothing(request: &'static str, passed: &[usize]) {
    let mut service = Service::of(EVENTS).audit_log().tables(ITEMS).start().await;
    let wire = Proxy::before_trino(&service.servers).await;
    service.configure(&format!("trino.url = 'http://{}'", wire.address));
    service.restart().await;
    service.run().await.succeeds();
    let mut events = 0;

    for pass in passed {
        service.log(&rows(events..events + 10)).await;
        events += 10;
        wire.arm(Trap {
            request,
            pass: *pass,
            later: 0,
            moment: Moment::Answered,
            spring: Box::new(|| Then::Cut),
        });
        let run = service.run_with(&json!({})).await;
        assert!(!wire.disarm(), "no answer was lost: {run:#}");
        let is_retryable = run["error"]["retryable"] == true;
        assert!(run["state"] == "succeeded" || is_retryable, "{run:#}");
        service.run().await.succeeds();
    }

    assert_eq!(service.sizes("items").await, [events, events, events]);
    let landed = "select count(*), count(distinct audit_event_id) from {landing.PIPELINE_events}";
    assert_eq!(service.rows(landed).await, json!([[events, events]]));
}

#[tokio::test]
async fn at_night_a_lost_answer_to_a_statement_that_was_sent_loses_and_doubles_nothing() {
    lost_answers_lose_and_double_nothing("POST /v1/statement", &[0, 1, 2, 3, 4]).await;
}

#[tokio::test]
async fn a_lost_answer_to_a_statement_under_way_loses_and_doubles_nothing() {
    lost_answers_lose_and_double_nothing("GET /v1/statement", &[0, 2, 4, 6, 8, 10]).await;
}
