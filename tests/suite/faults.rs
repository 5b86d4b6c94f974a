//! A fault is reported, and no event is lost or counted twice.

use insta::assert_json_snapshot;
use serde_json::json;

use crate::harness::{AuditRow, EVENTS, Service, depth};

pub(super) const ITEMS: &str = "create table items (seed integer, id bigint, name text);";

pub(super) fn rows(ids: std::ops::Range<i64>) -> Vec<AuditRow> {
    ids.map(|id| AuditRow {
        id: Some(id),
        operation: Some("I".into()),
        occurred_at: Some(1_767_225_600_000_000 + id),
        table: "items".into(),
        data: Some(json!({"seed": 1, "id": id, "name": format!("n{id}")}).to_string()),
    })
    .collect()
}

#[tokio::test]
async fn a_source_that_is_away_fails_the_run_and_the_next_one_succeeds() {
    let service = Service::of(EVENTS).audit_log().tables(ITEMS).start().await;
    service.log(&rows(1..4)).await;
    let (name, server) = (
        service.name.clone(),
        service.servers.connect("postgres").await,
    );
    let away = format!("alter database {name}_shop with allow_connections false");
    server.batch_execute(&away).await.expect("closed");

    service
        .run()
        .await
        .fails_at("extract")
        .with("source-unavailable");

    let back = format!("alter database {name}_shop with allow_connections true");
    server.batch_execute(&back).await.expect("open");
    service.run().await.succeeds().counts("inserted", 3);
}

#[tokio::test]
async fn servers_that_are_away_at_the_start_are_named_and_nothing_is_lost() {
    let settings = "trino.url = 'http://127.0.0.1:9'\nconnections.shop.url = 'postgres://nobody@127.0.0.1:9/nothing'";
    let service = Service::of(EVENTS)
        .audit_log()
        .tables(ITEMS)
        .settings(settings)
        .start()
        .await;

    let ready = service.ready().await;
    assert_eq!(
        (ready.status, &ready.body["status"]),
        (200, &json!("degraded")),
        "{ready:?}"
    );
    let engine = service.get("/v1/engine").await;
    assert_json_snapshot!(engine.shown(), @r#"
    {
      "status": 503,
      "content_type": "application/problem+json",
      "body": {
        "type": "urn:icefront:problem:trino-unavailable",
        "title": "Trino does not answer",
        "status": 503,
        "detail": "Trino does not answer at `trino.url`; check that it runs; the next run continues where this one ended",
        "retryable": true
      }
    }
    "#);
    service.run().await.fails_with("source-unavailable");
    let source = service.source().await;
    assert_eq!(
        source.body["error"]["type"], "urn:icefront:problem:source-unavailable",
        "{source:?}"
    );
}

#[tokio::test]
async fn trino_away_fails_the_run_with_its_own_problem() {
    let settings = "trino.url = 'http://127.0.0.1:9'";
    let service = Service::of(EVENTS)
        .audit_log()
        .tables(ITEMS)
        .settings(settings)
        .start()
        .await;

    let path = format!("{}?sync=true", service.runs_path());
    let answer = service.post(&path, &json!({})).await;

    assert_json_snapshot!(answer.shown(), @r#"
    {
      "status": 424,
      "content_type": "application/problem+json",
      "body": {
        "type": "urn:icefront:problem:trino-unavailable",
        "title": "Trino does not answer",
        "status": 424,
        "detail": "Trino does not answer at `trino.url`; check that it runs; the next run continues where this one ended",
        "retryable": true,
        "run_id": "<id>",
        "step": "extract"
      }
    }
    "#);
}

#[tokio::test]
async fn a_catalog_without_add_files_is_answered_with_the_setting() {
    let service = Service::of(EVENTS)
        .audit_log()
        .tables(ITEMS)
        .settings("trino.catalog = 'lake_closed'")
        .start()
        .await;
    service.log(&rows(1..2)).await;

    service
        .run()
        .await
        .fails_with("add-files-disabled")
        .saying("iceberg.add-files-procedure.enabled=true");
}

#[tokio::test]
async fn a_broken_pipeline_is_shown_with_its_place_and_the_others_run() {
    let mut service = Service::of(EVENTS).audit_log().tables(ITEMS).start().await;
    let folder = service.folder.path().join("pipelines/broken");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(
        folder.join("pipeline.yaml"),
        "pipeline: broken\nsource: {kind: postgres_audit_log, connection: shop}\ntables:\n  things:\n    from: public.things\n    kye: [id]\n",
    )
    .expect("a file");
    service.restart().await;

    let shown = service.get("/v1/pipelines/broken").await.has_status(200);
    assert_eq!(shown.body["usable"], false, "{shown:?}");
    assert_eq!(
        shown.body["error"]["type"],
        "urn:icefront:problem:pipeline-broken"
    );
    let answer = service.get("/v1/pipelines/broken/plan").await;
    assert_json_snapshot!(answer.shown(), @r#"
    {
      "status": 409,
      "content_type": "application/problem+json",
      "body": {
        "type": "urn:icefront:problem:pipeline-broken",
        "title": "The pipeline is broken",
        "status": 409,
        "detail": "pipeline `broken` is broken: broken/pipeline.yaml:6:5: unknown field `kye`, expected one of from, trino_name, key, freshness, columns, current, history, properties, cursor, overlap, deletes, where, description, new_columns, contract, tests; did you mean `key`?",
        "retryable": false
      }
    }
    "#);
    let list = service.get("/v1/pipelines").await;
    let usable: Vec<_> = list.body["data"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|p| p["usable"] == true)
        .collect();
    assert_eq!(usable, [false, true], "{list:?}");
    service.run().await.succeeds();
}

#[tokio::test]
async fn a_service_that_is_killed_at_any_moment_ends_in_the_same_tables() {
    let mut service = Service::of(EVENTS).audit_log().tables(ITEMS).start().await;
    let runs = service.runs_path();
    let mut changed = [0, 0];
    let rounds = depth::rounds(4);
    for round in 0..i64::try_from(rounds).expect("small") {
        // The same ten rows in every round.
        let events: Vec<AuditRow> = rows(round * 10..round * 10 + 10)
            .into_iter()
            .zip(0..)
            .map(|(event, key)| AuditRow {
                data: Some(json!({"seed": 1, "id": key, "name": round.to_string()}).to_string()),
                ..event
            })
            .collect();
        service.log(&events).await;
        let started = service.post(&runs, &json!({})).await;
        tokio::time::sleep(std::time::Duration::from_millis(
            150 + 2_000 * round.unsigned_abs() / rounds,
        ))
        .await;
        service.restart().await;
        let run = service.ended(&started.body).await;
        assert_eq!(run["state"], "succeeded", "round {round}: {run:#}");
        let path = format!("/v1/runs/{}/changes", run["id"].as_str().expect("an id"));
        let counts = service.get(&path).await.body["data"][0].clone();
        for (sum, name) in changed.iter_mut().zip(["inserted", "updated"]) {
            *sum += counts[name].as_u64().unwrap_or(0);
        }
    }

    let sql = "select (select count(*) from {staging.items}), (select count(*) from {marts.items}), (select count(*) from {marts.items_history}), (select count(distinct id) from {marts.items})";
    assert_eq!(
        service.rows(sql).await,
        json!([[rounds * 10, 10, rounds * 10, 10]])
    );
    let landed = "select count(*), count(distinct audit_event_id) from {landing.PIPELINE_events}";
    assert_eq!(
        service.rows(landed).await,
        json!([[rounds * 10, rounds * 10]])
    );
    assert_eq!(
        changed,
        [10, (rounds - 1) * 10],
        "every row came once, and changed in each later round"
    );
}

#[tokio::test]
async fn a_lost_state_database_costs_a_full_load_and_changes_no_table() {
    let mut service = Service::of(EVENTS).audit_log().tables(ITEMS).start().await;
    service.log(&rows(1..6)).await;
    service.run().await.succeeds();
    service.log(&rows(6..9)).await;
    let state = service.connect_to_state().await;
    state
        .batch_execute("drop schema icefront cascade")
        .await
        .expect("dropped");
    service.restart().await;

    service.run().await.succeeds().counts("duplicate", 5);
    assert_eq!(service.sizes("items").await, [8, 8, 8]);
    let batches = "select _batch_id, count(*) from {landing.PIPELINE_events} group by 1 order by 1";
    assert_eq!(
        service.rows(batches).await,
        json!([[1, 5], [2, 8]]),
        "batches are counted on from those that landed"
    );
}

#[tokio::test]
async fn a_definition_that_no_longer_fits_its_tables_is_refused() {
    let mut service = Service::of(EVENTS).audit_log().tables(ITEMS).start().await;
    service.run().await.succeeds();
    for (right, wrong) in [
        ("key: [seed, id]", "key: [id]"),
        ("public.items", "public.others"),
    ] {
        service.define(&EVENTS.replace(right, wrong));
        service.restart().await;
        service
            .run()
            .await
            .fails_with("contract-broken")
            .saying("put it back");
    }
}

#[tokio::test]
async fn changes_that_could_not_be_recorded_are_counted_by_the_next_run() {
    let service = Service::of(EVENTS).audit_log().tables(ITEMS).start().await;
    let state = service.connect_to_state().await;
    service.log(&rows(1..4)).await;
    let refuse = "alter table icefront.changes add constraint none check (published = 0) not valid";
    state.batch_execute(refuse).await.expect("altered");
    service.run().await.fails_at("mart.items");
    let rows = service.query("select count(*) from {marts.items}").await;
    assert_eq!(json!(rows), json!([[3]]), "published, but not recorded");
    let allow = "alter table icefront.changes drop constraint none";
    state.batch_execute(allow).await.expect("altered");
    let changed = AuditRow {
        id: Some(10),
        operation: Some("U".into()),
        ..self::rows(2..3).remove(0)
    };
    service.log(&[changed]).await;

    let run = service.run().await.succeeds();

    // A row that came and then changed has come, once.
    run.counts("inserted", 3)
        .counts("updated", 0)
        .counts("published", 4);
}
