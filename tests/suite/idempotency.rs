//! A repeated call has its effect once.

use insta::assert_json_snapshot;
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, Service, insert};

async fn start(service: &Service, key: &str, body: &Value) -> Answer {
    let path = service.runs_path();
    let request = service
        .request(Method::POST, &path)
        .header("Idempotency-Key", key)
        .json(body);

    service.call(request).await
}

fn is_replay(answer: &Answer) -> bool {
    answer
        .headers
        .get("idempotency-replayed")
        .is_some_and(|value| value == "true")
}

#[tokio::test]
async fn twenty_calls_with_one_key_are_one_run() {
    let service = Service::items().start().await;
    let body = json!({"labels": {"dag": "shop"}});

    let calls = (0..20).map(|_| start(&service, "a-key", &body));
    let answers = futures::future::join_all(calls).await;

    let first = &answers[0].body["id"];
    assert!(answers.iter().all(|answer| answer.body["id"] == *first));
    let replays = answers.iter().filter(|answer| is_replay(answer)).count();
    assert_eq!(replays, 19);
    let run = service.ended(&answers[0].body).await;
    assert_eq!(run["attempt"], 1);
    let again = start(&service, "a-key", &body).await;
    assert_eq!((again.status, is_replay(&again)), (200, true), "{again:?}");
    assert_eq!(again.body["id"], *first);
    let runs = service.get("/v1/runs").await;
    assert_eq!(runs.body["data"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn another_body_under_a_known_key_is_refused_and_names_the_run() {
    let service = Service::items().start().await;
    let first = start(&service, "a-key", &json!({})).await;

    let other = start(&service, "a-key", &json!({"steps": ["extract"]})).await;

    assert_json_snapshot!(other.shown(), @r#"
    {
      "status": 422,
      "content_type": "application/problem+json",
      "body": {
        "type": "urn:icefront:problem:idempotency-key-reused",
        "title": "The key was used with another body",
        "status": 422,
        "detail": "the idempotency key `a-key` was used with another body before, for run `<id>`; send the same body, or choose another key",
        "retryable": false,
        "run_id": "<id>"
      }
    }
    "#);
    assert_eq!(other.body["run_id"], first.body["id"]);
    let another_key = start(&service, "b-key", &json!({"steps": ["extract"]})).await;
    assert_eq!((another_key.status, is_replay(&another_key)), (202, false));
}

#[tokio::test]
async fn a_failed_run_goes_on_under_its_key_from_the_first_step_that_is_not_done() {
    let service = Service::items().start().await;
    let state = service.connect_to_state().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    let refuse = "alter table icefront.changes add constraint none check (published = 0) not valid";
    state.batch_execute(refuse).await.expect("altered");
    let failed = start(&service, "a-key", &json!({})).await;
    let failed = service.ended(&failed.body).await.fails();
    assert_eq!(
        failed["counts"]["events"], 1,
        "what was done is told: {failed:#}"
    );
    state
        .batch_execute("alter table icefront.changes drop constraint none")
        .await
        .expect("altered");
    service.log(&[insert(2, 2, 1, "b")]).await;

    let returned = start(&service, "a-key", &json!({})).await;
    assert_eq!((returned.status, is_replay(&returned)), (200, true));
    assert_eq!(returned.body["state"], "failed");
    let rerun = json!({"on_failed": "rerun"});
    let failed_too = start(&service, "b-key", &rerun).await;
    service.ended(&failed_too.body).await.succeeds();
    let retried = service.retry(&failed).await.has_status(202);
    let run = service.ended(&retried.body).await;

    assert_eq!(
        (&run["id"], &run["state"], &run["attempt"]),
        (&failed["id"], &json!("succeeded"), &json!(2)),
        "{run:#}"
    );
    let steps = service.steps(&run).await;
    assert_eq!(
        (&steps[0]["name"], &steps[0]["attempt"]),
        (&json!("extract"), &json!(1)),
        "the source is not read again: {steps:#?}"
    );
    let over = service.retry(&run).await;
    assert_eq!((over.status, &over.body["attempt"]), (200, &json!(2)));
}

#[tokio::test]
async fn a_failed_run_is_rerun_by_the_call_that_is_sent_again() {
    let service = Service::items().start().await;
    let state = service.connect_to_state().await;
    let refuse = "alter table icefront.batches add constraint none check (id = 0) not valid";
    state.batch_execute(refuse).await.expect("altered");
    let body = json!({"on_failed": "rerun"});
    let failed = start(&service, "a-key", &body).await;
    service.ended(&failed.body).await.fails();
    let allow = "alter table icefront.batches drop constraint none";
    state.batch_execute(allow).await.expect("altered");

    let rerun = start(&service, "a-key", &body).await;

    assert_eq!((rerun.status, is_replay(&rerun)), (202, true), "{rerun:?}");
    let run = service.ended(&rerun.body).await;
    assert_eq!(run["id"], failed.body["id"]);
    assert_eq!(
        (&run["state"], &run["attempt"]),
        (&json!("succeeded"), &json!(2))
    );
}

#[tokio::test]
async fn what_to_do_about_a_run_may_be_said_anew_under_its_key() {
    let service = Service::items().start().await;
    let state = service.connect_to_state().await;
    let refuse = "alter table icefront.batches add constraint none check (id = 0) not valid";
    state.batch_execute(refuse).await.expect("altered");
    let started = start(&service, "a-key", &json!({"if_running": "reject"})).await;
    service.ended(&started.body).await.fails();

    let asked = start(&service, "a-key", &json!({"on_failed": "return"})).await;
    let rerun = start(&service, "a-key", &json!({"on_failed": "rerun"})).await;

    assert_eq!((asked.status, is_replay(&asked)), (200, true), "{asked:?}");
    assert_eq!((rerun.status, is_replay(&rerun)), (202, true), "{rerun:?}");
    assert_eq!(rerun.body["id"], started.body["id"]);
}

#[tokio::test]
async fn keys_are_bounded_and_forgotten_in_time() {
    let mut service = Service::items().start().await;
    let long = "k".repeat(1025);
    for key in ["", " ", "two words", "ü", long.as_str()] {
        start(&service, key, &json!({}))
            .await
            .is_problem(422, "invalid-request")
            .about("Idempotency-Key");
    }
    service.configure("runs.keep_keys = '1s'");
    service.restart().await;
    let first = start(&service, &long[..1024], &json!({})).await;
    service.ended(&first.body).await;
    tokio::time::sleep(std::time::Duration::from_millis(1100)).await;

    let later = start(&service, &long[..1024], &json!({})).await;

    assert_eq!((later.status, is_replay(&later)), (202, false), "{later:?}");
    assert_ne!(later.body["id"], first.body["id"]);
}

#[tokio::test]
async fn a_repair_that_is_sent_again_is_done_once() {
    let service = Service::items().start().await;
    service.run().await.succeeds();
    let path = format!("{}/rebuild", service.table_path("items"));
    let mut ids = Vec::new();
    for _ in 0..2 {
        let request = service
            .request(Method::POST, &path)
            .header("Idempotency-Key", "rebuild-1")
            .json(&json!({}));
        ids.push(service.call(request).await.body["id"].clone());
    }

    assert_eq!(ids[0], ids[1]);
}
