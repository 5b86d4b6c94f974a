//! Callers wait for runs and follow them. Waiting costs nothing while nothing happens.

use std::time::Duration;

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Service, hold, insert, link};

async fn follow(
    service: &Service,
    run: &Value,
    last: Option<&str>,
) -> Vec<(String, String, Value)> {
    let path = link(run, "events");
    let mut request = service.request(Method::GET, path);
    if let Some(last) = last {
        request = request.header("Last-Event-ID", last);
    }
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let text = answer.text().await.expect("the whole stream");

    text.split("\n\n")
        .filter(|event| event.contains("data:"))
        .map(|event| {
            let field = |name: &str| {
                let lines = event.lines();
                let mut found = lines.filter_map(|line| line.strip_prefix(name));
                found.next().unwrap_or_default().trim().to_owned()
            };
            let data = serde_json::from_str(&field("data:")).expect("JSON");
            (field("id:"), field("event:"), data)
        })
        .collect()
}

#[tokio::test]
async fn a_run_is_followed_to_its_end_and_from_where_a_client_was_cut_off() {
    let service = Service::items().start().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    let started = service.start(&json!({})).await;

    let live = follow(&service, &started.body, None).await;

    let numbered: Vec<_> = live
        .iter()
        .filter(|(_, name, _)| name != "progress")
        .collect();
    let ids: Vec<String> = numbered.iter().map(|(id, ..)| id.clone()).collect();
    let expected: Vec<String> = (1..=ids.len()).map(|id| id.to_string()).collect();
    assert_eq!(ids, expected, "numbers without a gap");
    let states: Vec<_> = numbered
        .iter()
        .filter(|(_, name, _)| name == "run")
        .map(|(_, _, data)| data["state"].as_str().expect("a state"))
        .collect();
    assert_eq!(states, ["queued", "running", "succeeded"]);
    let steps = numbered.iter().filter(|(_, name, _)| name == "step");
    assert_eq!(steps.count(), 8, "four steps begin and end: {live:#?}");
    let rest = follow(&service, &started.body, Some("3")).await;
    let rest_ids: Vec<_> = rest.iter().map(|(id, ..)| id.clone()).collect();
    assert_eq!(rest_ids, expected[3..]);
    let all = follow(
        &service,
        &started.body,
        Some(expected.last().expect("some")),
    )
    .await;
    assert_eq!(all, [], "nothing more");
    let wrong = service
        .request(Method::GET, link(&started.body, "events"))
        .header("Last-Event-ID", "last");
    assert_eq!(service.call(wrong).await.status, 422);
}

#[tokio::test]
async fn callers_that_wait_are_told_at_once_and_share_one_look_at_the_state() {
    let service = Service::items().start().await;
    let blocker = hold(&service).await;
    let started = service.start(&json!({})).await;
    let wait = format!("{}?wait=50s", link(&started.body, "self"));
    let state = service.servers.connect("postgres").await;
    let database = format!("{}_state", service.name);
    let transactions = async || {
        let count = "select xact_commit + xact_rollback from pg_stat_database where datname = $1";
        let row = state.query_one(count, &[&database]).await.expect("a row");
        row.get::<_, i64>(0)
    };

    let waiting = join_all((0..200).map(|_| service.get(&wait)));
    let free = async {
        tokio::time::sleep(Duration::from_secs(4)).await;
        let before = transactions().await;
        tokio::time::sleep(Duration::from_secs(6)).await;
        let asked = transactions().await - before;
        drop(blocker);
        asked
    };
    let (answers, asked) = tokio::join!(waiting, free);

    assert!(asked < 200, "{asked} transactions in 6 s of waiting");
    for answer in answers {
        assert_eq!(answer.body["state"], "succeeded", "{answer:?}");
    }
}
