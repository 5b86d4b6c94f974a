//! Services share a state database, end in order, or lose their servers. A run is done once, by one service at a time.

use std::time::{Duration, Instant};

use icefront::config::Config;
use icefront::error::Error;
use icefront::state::{AttemptId, Store, Subscriptions};
use insta::assert_json_snapshot;
use reqwest::Method;
use serde_json::json;

use crate::harness::{Flow, ITEMS, Proxy, Servers, Service, held_back, hold, insert, link};

#[tokio::test]
async fn who_lost_a_lease_can_record_nothing() {
    let service = Service::items().start().await;
    let run = service.run().await.succeeds();
    let id = run["id"].as_str().expect("an id").parse().expect("an id");
    let settings = service.folder.path().join("icefront.toml");
    let config = Config::load(Some(&settings)).expect("settings");
    let store = Store::new(&config.state).expect("a store");
    let short = Duration::from_millis(200);
    let first = AttemptId { run: id, number: 1 };
    let nobody = Subscriptions::default();
    let frozen = store
        .try_lease("p", "one", short)
        .await
        .expect("asked")
        .expect("free");
    let held = store.with_lease(&frozen);
    held.begin_step(first, "a", &nobody).await.expect("held");
    assert!(
        store
            .try_lease("p", "two", short)
            .await
            .expect("asked")
            .is_none()
    );
    tokio::time::sleep(short * 2).await;
    held.begin_step(first, "b", &nobody)
        .await
        .expect("nobody else has it yet");

    let taken = store
        .try_lease("p", "two", short)
        .await
        .expect("asked")
        .expect("over");

    let refused = held.begin_step(first, "c", &nobody).await;
    assert!(matches!(refused, Err(Error::Interrupted)), "{refused:?}");
    let leased = store.with_lease(&taken);
    leased
        .begin_step(first, "d", &nobody)
        .await
        .expect("the new one records");
    drop(taken);
    // The connection of a service that was killed ends, and its lease with it.
    let begun = Instant::now();
    let long = Duration::from_mins(10);
    while store
        .try_lease("p", "three", long)
        .await
        .expect("asked")
        .is_none()
    {
        assert!(begun.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn at_its_end_a_service_answers_hands_its_run_back_and_says_so() {
    let mut service = Service::items().start().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    service.configure("runs.shutdown_grace = '2s'");
    service.restart_as_process(&[]).await;
    let blocker = hold(&service).await;
    let run = service.start(&json!({})).await.body;
    held_back(&blocker).await;
    let wait = format!("{}?wait=50s", link(&run, "self"));
    let begun = Instant::now();

    let (polled, ended) = tokio::join!(service.get(&wait), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        service.signal("TERM");
        let ready = service.stops().await;
        assert_json_snapshot!(ready.shown(), @r#"
        {
          "status": 503,
          "content_type": "application/problem+json",
          "body": {
            "type": "urn:icefront:problem:stopping",
            "title": "The service is shutting down",
            "status": 503,
            "detail": "the service is shutting down; ask again shortly, or ask another replica",
            "retryable": true
          }
        }
        "#);
        service.exit_code().await
    });

    assert_eq!(polled.body["state"], "running", "{polled:?}");
    assert_eq!(ended, Some(0), "{}", service.program_log());
    assert!(begun.elapsed() < Duration::from_secs(10));
    drop(blocker);
    service.restart().await;
    let run = service.ended(&run).await;
    assert_eq!(
        (&run["state"], &run["attempt"]),
        (&json!("succeeded"), &json!(2))
    );
    run.counts("inserted", 1);
}

#[tokio::test]
async fn a_run_that_nobody_can_read_any_more_is_cancelled_and_those_behind_it_wait() {
    let mut service = Service::items().start().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    let blocker = hold(&service).await;
    let run = service.start(&json!({})).await.body;
    service.begins(&run).await;
    let next = service.start(&json!({})).await.body;
    service.define(&ITEMS.replace("tables:", "tabels:"));
    service.restart().await;

    service.cancel(&run).await;

    service.ended(&run).await.was_cancelled();
    assert_eq!(service.state_of(&next).await, "queued");
    drop(blocker);
    service.define(ITEMS);
    service.restart().await;
    service.ended(&next).await.counts("inserted", 1);
}

#[tokio::test]
async fn a_second_signal_ends_a_service_at_once() {
    for (name, code) in [("TERM", 143), ("INT", 130)] {
        let mut service = Service::items()
            .settings("runs.shutdown_grace = '5m'")
            .start()
            .await;
        service.restart_as_process(&[]).await;
        let blocker = hold(&service).await;
        service.start(&json!({})).await;
        held_back(&blocker).await;

        service.signal(name);
        service.stops().await;
        service.signal(name);

        assert_eq!(service.exit_code().await, Some(code));
    }
}

#[test]
fn what_cannot_begin_ends_by_the_exit_code_that_tells_why() {
    let code = |arguments: &[&str]| {
        let program = std::process::Command::new(env!("CARGO_BIN_EXE_icefront"))
            .args(arguments)
            .output()
            .expect("the program starts");
        assert!(!program.stderr.is_empty(), "{arguments:?}");
        program.status.code()
    };
    assert_eq!(code(&["serve", "--config", "/nowhere.toml"]), Some(1));
    assert_eq!(code(&["server"]), Some(2));
}

#[tokio::test]
async fn a_state_database_that_goes_away_costs_time_and_no_run() {
    let servers = Servers::find();
    let host = servers.postgres.split('@').nth(1).expect("a host");
    let wire = Proxy::start(host.split('/').next().expect("a host")).await;
    let mut service = Service::items().start().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    let direct = servers.database(&format!("{}_state", service.name));
    let by_wire = direct.replace(host.split('/').next().expect("a host"), &wire.address);
    service.configure(&format!("state.url = '{by_wire}'"));
    service.restart().await;
    let path = service.runs_path();
    let key = |service: &Service| {
        service
            .request(Method::POST, &path)
            .header("Idempotency-Key", "a-key")
            .json(&json!({}))
    };
    let run = service.call(key(&service)).await.body;
    tokio::time::sleep(Duration::from_millis(700)).await;

    wire.set(Flow::Cut);
    let away = service.call(key(&service)).await;
    assert_json_snapshot!(away.shown(), @r#"
    {
      "status": 503,
      "content_type": "application/problem+json",
      "body": {
        "type": "urn:icefront:problem:state-unavailable",
        "title": "The state database does not answer",
        "status": 503,
        "detail": "the state database does not answer; accepted runs are not lost; ask again shortly",
        "retryable": true
      }
    }
    "#);
    assert!(away.headers.contains_key("retry-after"));
    service
        .get(&format!("/v1/runs/{}", run["id"].as_str().expect("an id")))
        .await
        .has_status(503);
    tokio::time::sleep(Duration::from_secs(2)).await;
    wire.set(Flow::Open);

    let again = service.call(key(&service)).await.body;
    assert_eq!(again["id"], run["id"]);
    service.ended(&again).await.succeeds();
    let counts =
        "select (select count(*) from {staging.items}), (select count(*) from {marts.items})";
    assert_eq!(service.rows(counts).await, json!([[1, 1]]));
}

#[tokio::test]
async fn a_run_waits_for_an_engine_that_comes_back() {
    let wire = Proxy::before_trino(&Servers::find()).await;
    let settings = format!(
        "trino.url = 'http://{}'\nruns.retry_for = '1m'",
        wire.address
    );
    let service = Service::items().settings(&settings).start().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    wire.set(Flow::Cut);
    let run = service.start(&json!({})).await.body;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert_eq!(service.state_of(&run).await, "running");

    wire.set(Flow::Open);

    let run = service.ended(&run).await.succeeds();
    assert!(run["attempt"].as_i64() > Some(1), "{run:#}");
    run.counts("inserted", 1);
}
