//! Runs of one pipeline take turns, can be cancelled and have time limits.

use std::time::{Duration, Instant};

use insta::assert_json_snapshot;
use serde_json::json;

use crate::harness::{ITEMS, Service, hold, insert, shown, write_pipeline};

#[tokio::test]
async fn while_a_run_is_active_another_queues_attaches_or_is_refused() {
    let service = Service::items().start().await;
    let held = hold(&service).await;
    let active = service.start(&json!({})).await;
    service.begins(&active.body).await;

    let attached = service
        .start(&json!({"if_running": "attach"}))
        .await
        .has_status(202);
    assert_eq!(attached.body["id"], active.body["id"]);
    let refused = service.start(&json!({"if_running": "reject"})).await;
    assert_json_snapshot!(refused.shown(), @r#"
    {
      "status": 409,
      "content_type": "application/problem+json",
      "body": {
        "type": "urn:icefront:problem:run-active",
        "title": "A run is active",
        "status": 409,
        "detail": "run `<id>` of pipeline `test` is active; wait for it or cancel it, or leave out `if_running` to queue behind it",
        "retryable": true,
        "run_id": "<id>"
      }
    }
    "#);
    assert_eq!(refused.body["run_id"], active.body["id"]);
    assert_eq!(
        refused.headers["location"], active.headers["location"],
        "{refused:?}"
    );
    let queued = service.start(&json!({})).await;
    assert_eq!(
        (queued.status, &queued.body["state"]),
        (202, &json!("queued"))
    );

    drop(held);
    for run in [&active, &queued] {
        service.ended(&run.body).await.succeeds();
    }
    service
        .start(&json!({"if_running": "reject"}))
        .await
        .has_status(202);
}

#[tokio::test]
async fn a_queue_has_an_end() {
    let service = Service::items()
        .settings("runs.queue_limit = 2")
        .start()
        .await;
    let _held = hold(&service).await;
    let active = service.start(&json!({})).await;
    service.begins(&active.body).await;
    for _ in 0..2 {
        assert_eq!(service.start(&json!({})).await.status, 202);
    }

    let refused = service.start(&json!({})).await;

    assert_json_snapshot!(refused.shown(), @r#"
    {
      "status": 429,
      "content_type": "application/problem+json",
      "body": {
        "type": "urn:icefront:problem:queue-full",
        "title": "Too many runs are queued",
        "status": 429,
        "detail": "2 runs of pipeline `test` are queued, and `runs.queue_limit` allows no more; ask again when some have ended, or send `if_running: attach`",
        "retryable": true
      }
    }
    "#);
    assert!(refused.headers.contains_key("retry-after"));
    let attached = service.start(&json!({"if_running": "attach"})).await;
    assert_eq!(attached.body["id"], active.body["id"]);
}

#[tokio::test]
async fn a_run_that_waits_and_one_that_is_executed_are_cancelled_and_go_on_by_retry() {
    let service = Service::items().start().await;
    let held = hold(&service).await;
    let active = service.start(&json!({})).await;
    service.begins(&active.body).await;
    let queued = service.start(&json!({})).await;

    let cancelled = service.cancel(&queued.body).await.has_status(200);
    assert_eq!(cancelled.body["state"], "cancelled");
    assert_json_snapshot!(shown(&cancelled.body["error"]), @r#"
    {
      "step": "run",
      "type": "urn:icefront:problem:cancelled",
      "title": "The run was cancelled",
      "detail": "a caller cancelled the run; it was not being executed",
      "run_id": "<id>",
      "status": 409,
      "retryable": true
    }
    "#);
    let begun = Instant::now();
    let asked = service.cancel(&active.body).await;
    assert!(matches!(asked.status, 200 | 202), "{asked:?}");
    let run = service.ended(&active.body).await;
    assert!(begun.elapsed() < Duration::from_secs(10));
    let run = run.was_cancelled().saying("no statement was under way");
    let sync = format!("/v1/runs/{}/outcome", run["id"].as_str().expect("an id"));
    assert_eq!(service.get(&sync).await.status, 200);
    assert_eq!(service.cancel(&run).await.status, 200, "over already");

    drop(held);
    let retried = service.retry(&run).await.has_status(202);
    let run = service.ended(&retried.body).await;
    assert_eq!(
        (&run["state"], &run["attempt"]),
        (&json!("succeeded"), &json!(2))
    );
}

#[tokio::test]
async fn a_cancelled_run_says_of_each_statement_whether_it_had_committed() {
    let service = Service::items().start().await;
    let rows: Vec<_> = (1..3000)
        .map(|id| insert(id, id % 50, 1, &"x".repeat(200)))
        .collect();
    let mut seen = 0;
    for round in 0..6_u64 {
        service.log(&rows).await;
        let started = service.start(&json!({})).await;
        tokio::time::sleep(Duration::from_millis(300 + 250 * round)).await;
        service.cancel(&started.body).await;
        let run = service.ended(&started.body).await;
        let detail = run.detail();
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

    service.run().await.succeeds();

    let counts = "select (select count(*) from {staging.items}), (select count(*) from {marts.items}), (select count(distinct audit_event_id) from {landing.PIPELINE_events})";
    assert_eq!(service.rows(counts).await, json!([[2999, 50, 2999]]));
    service.verifies("items").await;
}

#[tokio::test]
async fn a_statement_that_commits_after_it_was_given_up_is_told_as_committed() {
    let service = Service::items().start().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    service.run().await.succeeds();
    // Whoever commits to the current rows waits for their row in the catalog.
    let catalog = service.servers.connect("lake").await;
    let lock = format!(
        "begin; select from iceberg_tables where table_namespace = '{}_marts' and table_name = 'items' for update",
        service.name
    );
    catalog.batch_execute(&lock).await.expect("locked");
    service.log(&[insert(2, 2, 1, "b")]).await;
    let started = service.start(&json!({})).await;
    let waiting =
        "select count(*) from pg_stat_activity where datname = 'lake' and wait_event_type = 'Lock'";
    for _ in 0..400 {
        let row = service.shop.query_one(waiting, &[]).await.expect("asked");
        if row.get::<_, i64>(0) > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }

    service.cancel(&started.body).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    catalog.batch_execute("commit").await.expect("unlocked");

    let told = format!(
        "step `mart.items` on `{}` had committed",
        service.table("marts.items")
    );
    service
        .ended(&started.body)
        .await
        .was_cancelled()
        .saying(&told);
    assert_eq!(service.count("marts.items").await, 2);
    service.run().await.succeeds();
    service.verifies("items").await;
}

#[tokio::test]
async fn a_step_and_a_run_that_take_too_long_are_stopped_and_named() {
    let service = Service::items().start().await;
    let held = hold(&service).await;

    let late = service.start(&json!({"step_timeout_seconds": 1})).await;
    service
        .ended(&late.body)
        .await
        .fails_at("extract")
        .with("timed-out");
    let late = service.start(&json!({"timeout_seconds": 1})).await;
    service
        .ended(&late.body)
        .await
        .fails_at("run")
        .with("timed-out");

    drop(held);
    service.run().await.succeeds();
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
    assert_json_snapshot!(refused.shown(), @r#"
    {
      "status": 409,
      "content_type": "application/problem+json",
      "body": {
        "type": "urn:icefront:problem:pipeline-broken",
        "title": "The pipeline is broken",
        "status": 409,
        "detail": "pipeline `zz_other` is broken: zz_other/pipeline.yaml: it writes `lake.test_marts.items`, which pipeline `test` writes too; rename one of the tables, or give one pipeline its own `schemas`",
        "retryable": false
      }
    }
    "#);
    service.run().await.succeeds();
}
