//! Runs of one pipeline take turns, can be cancelled and have time limits.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{Answer, ITEMS, LOOSE_AUDIT_TABLE, Service, hold, item, log, write_pipeline};

async fn start(service: &Service, body: &Value) -> Answer {
    let path = format!("/v1/pipelines/{}/runs", service.name);

    service.post(&path, body).await
}

async fn running(service: &Service, run: &Answer) {
    let path = run.body["links"]["self"].as_str().expect("a link");
    for _ in 0..200 {
        if service.get(path).await.body["state"] == "running" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the run does not begin");
}

async fn cancel(service: &Service, run: &Value) -> Answer {
    let path = run["links"]["cancel"].as_str().expect("a link");

    service.post(path, &json!({})).await
}

#[tokio::test]
async fn while_a_run_is_active_another_queues_attaches_or_is_refused() {
    let service = Service::items().start().await;
    let held = hold(&service).await;
    let active = start(&service, &json!({})).await;
    running(&service, &active).await;

    let attached = start(&service, &json!({"if_running": "attach"})).await;
    assert_eq!(attached.status, 202);
    assert_eq!(attached.body["run_id"], active.body["run_id"]);
    let refused = start(&service, &json!({"if_running": "reject"})).await;
    assert_eq!((refused.status, refused.problem()), (409, "run-active"));
    assert_eq!(refused.body["run_id"], active.body["run_id"]);
    assert_eq!(
        refused.headers["location"], active.headers["location"],
        "{refused:?}"
    );
    let queued = start(&service, &json!({})).await;
    assert_eq!(
        (queued.status, &queued.body["state"]),
        (202, &json!("queued"))
    );

    drop(held);
    for run in [&active, &queued] {
        assert_eq!(service.ended(&run.body).await["state"], "succeeded");
    }
    let free = start(&service, &json!({"if_running": "reject"})).await;
    assert_eq!(free.status, 202, "{free:?}");
}

#[tokio::test]
async fn a_queue_has_an_end() {
    let tables = format!("{LOOSE_AUDIT_TABLE}create table items (id bigint);");
    let service = Service::of(ITEMS)
        .tables(&tables)
        .settings("runs.queue_limit = 2")
        .start()
        .await;
    let _held = hold(&service).await;
    let active = start(&service, &json!({})).await;
    running(&service, &active).await;
    for _ in 0..2 {
        assert_eq!(start(&service, &json!({})).await.status, 202);
    }

    let refused = start(&service, &json!({})).await;

    assert_eq!((refused.status, refused.problem()), (429, "queue-full"));
    assert!(refused.headers.contains_key("retry-after"));
    let attached = start(&service, &json!({"if_running": "attach"})).await;
    assert_eq!(attached.body["run_id"], active.body["run_id"]);
}

#[tokio::test]
async fn a_run_that_waits_and_one_that_is_executed_are_cancelled_and_go_on_by_retry() {
    let service = Service::items().start().await;
    let held = hold(&service).await;
    let active = start(&service, &json!({})).await;
    running(&service, &active).await;
    let queued = start(&service, &json!({})).await;

    let cancelled = cancel(&service, &queued.body).await;
    assert_eq!(cancelled.status, 200, "{cancelled:?}");
    assert_eq!(cancelled.body["state"], "cancelled");
    assert_eq!(
        cancelled.body["error"]["type"],
        "urn:icefront:problem:cancelled"
    );
    let begun = Instant::now();
    let asked = cancel(&service, &active.body).await;
    assert!(matches!(asked.status, 200 | 202), "{asked:?}");
    let run = service.ended(&active.body).await;
    assert!(begun.elapsed() < Duration::from_secs(10));
    assert_eq!(run["state"], "cancelled", "{run:#}");
    let detail = run["error"]["detail"].as_str().expect("a detail");
    assert!(detail.contains("no statement was under way"), "{detail}");
    let sync = format!(
        "/v1/runs/{}/outcome",
        run["run_id"].as_str().expect("an id")
    );
    assert_eq!(service.get(&sync).await.status, 200);
    assert_eq!(cancel(&service, &run).await.status, 200, "over already");

    drop(held);
    let path = run["links"]["retry"].as_str().expect("a link");
    let retried = service.post(path, &json!({})).await;
    assert_eq!(retried.status, 202);
    let run = service.ended(&retried.body).await;
    assert_eq!(
        (&run["state"], &run["attempt"]),
        (&json!("succeeded"), &json!(2))
    );
}

#[tokio::test]
async fn a_cancelled_run_says_of_each_statement_whether_it_had_committed() {
    let mut service = Service::items().start().await;
    let rows: Vec<_> = (1..3000)
        .map(|id| item(id, id % 50, "I", &json!(1), &"x".repeat(200)))
        .collect();
    let mut seen = 0;
    for round in 0..6_u64 {
        log(&mut service.shop, &rows).await;
        let started = start(&service, &json!({})).await;
        tokio::time::sleep(Duration::from_millis(300 + 250 * round)).await;
        cancel(&service, &started.body).await;
        let run = service.ended(&started.body).await;
        let detail = run["error"]["detail"].as_str().unwrap_or_default();
        assert!(
            ["cancelled", "succeeded"].contains(&run["state"].as_str().unwrap_or_default()),
            "{run:#}"
        );
        seen += i32::from(run["state"] == "cancelled");
        if run["state"] == "cancelled" {
            assert!(
                detail.contains("no statement was under way")
                    || detail.contains("had committed")
                    || detail.contains("had not committed"),
                "{run:#}"
            );
        }
    }
    assert!(seen > 0, "none was cancelled in time");

    service.run().await;

    let counts = "select (select count(*) from {staging.items}), (select count(*) from {marts.items}), (select count(distinct audit_event_id) from {landing.PIPELINE_events})";
    let counts = counts.replace("PIPELINE", &service.name);
    assert_eq!(
        json!(service.query(&counts).await),
        json!([[2999, 50, 2999]])
    );
    let verified = service.post_items("verify", &json!({})).await;
    assert_eq!(verified["state"], "succeeded", "{verified:#}");
}

#[tokio::test]
async fn a_statement_that_commits_after_it_was_given_up_is_told_as_committed() {
    let mut service = Service::items().start().await;
    let one = json!(1);
    log(&mut service.shop, &[item(1, 1, "I", &one, "a")]).await;
    service.run().await;
    // Whoever commits to the current rows waits for their row in the catalog.
    let catalog = service.servers.connect("lake").await;
    let lock = format!(
        "begin; select from iceberg_tables where table_namespace = '{}_marts' and table_name = 'items' for update",
        service.name
    );
    catalog.batch_execute(&lock).await.expect("locked");
    log(&mut service.shop, &[item(2, 2, "I", &one, "b")]).await;
    let started = start(&service, &json!({})).await;
    let waiting =
        "select count(*) from pg_stat_activity where datname = 'lake' and wait_event_type = 'Lock'";
    for _ in 0..400 {
        let row = service.shop.query_one(waiting, &[]).await.expect("asked");
        if row.get::<_, i64>(0) > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    cancel(&service, &started.body).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    catalog.batch_execute("commit").await.expect("unlocked");

    let run = service.ended(&started.body).await;
    assert_eq!(run["state"], "cancelled", "{run:#}");
    let detail = run["error"]["detail"].as_str().expect("a detail");
    let told = format!(
        "step `mart.items` on `{}` had committed",
        service.table("marts.items")
    );
    assert!(detail.contains(&told), "{detail}");
    let rows = service.query("select count(*) from {marts.items}").await;
    assert_eq!(json!(rows), json!([[2]]));
    service.run().await;
    let verified = service.post_items("verify", &json!({})).await;
    assert_eq!(verified["state"], "succeeded", "{verified:#}");
}

#[tokio::test]
async fn a_step_and_a_run_that_take_too_long_are_stopped_and_named() {
    let service = Service::items().start().await;
    let held = hold(&service).await;

    let late = start(&service, &json!({"step_timeout_seconds": 1})).await;
    let late = service.ended(&late.body).await;
    assert_eq!(late["state"], "failed");
    assert_eq!(late["error"]["type"], "urn:icefront:problem:timed-out");
    assert_eq!(late["error"]["step"], "extract", "{late:#}");
    let late = start(&service, &json!({"timeout_seconds": 1})).await;
    let late = service.ended(&late.body).await;
    assert_eq!(late["error"]["type"], "urn:icefront:problem:timed-out");
    assert_eq!(late["error"]["step"], "run", "{late:#}");

    drop(held);
    service.run().await;
}

#[tokio::test]
async fn two_pipelines_that_write_one_table_in_whatever_letters_are_refused() {
    let mut service = Service::items().start().await;
    let layer = |layer: &str| format!("{}_{layer}", service.name).to_uppercase();
    let other = format!(
        "{ITEMS}schemas: {{landing: {}, staging: {}, marts: {}}}\n",
        layer("landing"),
        layer("staging"),
        layer("marts")
    );
    write_pipeline(service.folder.path(), "zz_other", &other);
    service.restart().await;
    let refused = service
        .post("/v1/pipelines/zz_other/runs", &json!({}))
        .await;
    assert_eq!(
        (refused.status, refused.problem()),
        (409, "pipeline-broken")
    );
    assert!(
        refused.detail().contains("writes too"),
        "{}",
        refused.detail()
    );
    let run = service.run().await;
    assert_eq!(run["state"], "succeeded", "{run:#}");
}
