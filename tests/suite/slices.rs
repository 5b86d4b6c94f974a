//! A table that is too large for one statement is built slice by slice, and replaces the old one by one commit.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{ITEMS, Service, insert, update};

/// One statement takes 41 events.
const SMALL: &str = "trino.statement_memory_bytes = 6000";

/// Logs one event each for the keys from `first` to `last`. Each name has a text of this length.
async fn log_keys(service: &Service, first: i64, last: i64, length: i64) {
    let sql = format!(
        "insert into audit_log_dml (audit_event_id, audit_operation, audit_timestamp, tbl_schema, tbl_name, raw_data)
         select n, 'I', timestamptz '2026-01-01' + n * interval '1 minute', 'public', 'items',
           jsonb_build_object('id', n, 'amount', n, 'name', left(repeat(md5(n::text), 1 + {length} / 32), {length}))
         from generate_series({first}, {last}) as n"
    );
    service.write(&sql).await;
}

/// The slices that the statements of a run's step worked on, as `[number, of]`.
async fn slices(service: &Service, run: &Value, step: &str) -> Vec<Value> {
    let steps = service.steps(run).await;
    let step = steps.iter().find(|found| found["name"] == step);
    let statements = step.expect("the step")["statements"].as_array();

    statements
        .expect("statements")
        .iter()
        .map(|statement| &statement["progress"]["slice"])
        .filter(|slice| !slice.is_null())
        .map(|slice| json!([slice["number"], slice["of"]]))
        .collect()
}

/// The tables of builds that are still there.
async fn leftovers(service: &Service) -> Value {
    let tables = "select table_name from lake.information_schema.tables
        where table_schema in ('PIPELINE_marts', 'PIPELINE_staging') and table_name like '%\\_\\_%' escape '\\'";

    service.rows(tables).await
}

#[tokio::test]
async fn a_large_table_is_built_slice_by_slice_and_leaves_no_other_table() {
    let service = Service::items().settings(SMALL).start().await;
    log_keys(&service, 1, 100, 10).await;

    let run = service.run().await.succeeds();
    // Current rows are taken from the history.
    for (step, expected) in [
        ("mart.items", json!([])),
        ("mart.items_history", json!([[1, 3], [2, 3], [3, 3]])),
    ] {
        assert_eq!(json!(slices(&service, &run, step).await), expected);
    }
    assert_eq!(service.sizes("items").await, [100, 100, 100]);
    service.verifies("items").await;

    log_keys(&service, 101, 110, 10).await;
    let run = service.run().await.succeeds();
    let step = "mart.items_history";
    assert_eq!(json!(slices(&service, &run, step).await), json!([]));

    for repair in ["rebuild", "restage"] {
        let run = service
            .post_table("items", repair, &json!({}))
            .await
            .succeeds();
        assert_eq!(slices(&service, &run, step).await.len(), 3);
        assert_eq!(service.sizes("items").await, [110, 110, 110]);
        service.verifies("items").await;
        assert_eq!(leftovers(&service).await, json!([]));
    }
}

#[tokio::test]
async fn at_night_a_large_table_without_a_history_is_built_slice_by_slice() {
    let service = Service::items()
        .defined(&ITEMS.replace("key: [id]}", "key: [id], history: off}"))
        .settings(SMALL)
        .start()
        .await;
    log_keys(&service, 1, 100, 10).await;

    let run = service.run().await.succeeds();
    assert_eq!(slices(&service, &run, "mart.items").await.len(), 3);
    assert_eq!(service.count("marts.items").await, 100);
    service.verifies("items").await;
    assert_eq!(leftovers(&service).await, json!([]));
}

/// From 16 slices on, they are read from a copy of the typed log.
#[tokio::test]
async fn a_killed_build_goes_on_at_the_slice_where_it_was() {
    let mut service = Service::items().settings(SMALL).start().await;
    log_keys(&service, 1, 700, 10).await;
    let started = service.post(&service.runs_path(), &json!({})).await;
    let state = service.connect_to_state().await;
    let built = "select count(*) from icefront.statements
        where sql like '%insert into%history\\_\\_build%' and state = 'succeeded'";
    for slices in [2, 4, 6] {
        for _ in 0..400 {
            let built: i64 = state.query_one(built, &[]).await.expect("a count").get(0);
            if built >= slices {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        service.restart().await;
    }
    let run = service.ended(&started.body).await.succeeds();

    assert!(run["attempt"].as_i64().expect("a number") > 1, "{run:#}");
    let rows: i64 = state
        .query_one(
            "select sum(update_count)::bigint from icefront.statements where sql like '%insert into%history\\_\\_build%' and state = 'succeeded'",
            &[],
        )
        .await
        .expect("a sum")
        .get(0);
    // A slice whose end was not seen has no count.
    assert!(rows <= 700, "slices were built twice: {rows}");
    let copies = "select count(*) from icefront.statements where sql like '%\\_\\_slices%partitioning%' and state = 'succeeded'";
    let copies: i64 = state.query_one(copies, &[]).await.expect("a count").get(0);
    assert_eq!(copies, 1, "the typed log was copied once");
    assert_eq!(service.sizes("items").await, [700, 700, 700]);
    service.verifies("items").await;
    assert_eq!(leftovers(&service).await, json!([]));
}

#[tokio::test]
async fn at_night_what_trino_refuses_for_its_memory_is_built_in_smaller_slices() {
    let service = Service::items()
        .settings("trino.session = { query_max_memory_per_node = '96MB' }")
        .start()
        .await;
    log_keys(&service, 1, 8_000, 20_000).await;

    let run = service.run().await.succeeds();
    assert!(
        !slices(&service, &run, "mart.items_history")
            .await
            .is_empty()
    );
    assert_eq!(service.sizes("items").await, [8_000, 8_000, 8_000]);
    service.verifies("items").await;

    // It remembers what fitted.
    let run = service
        .post_table("items", "rebuild", &json!({}))
        .await
        .succeeds();
    let statements = slices(&service, &run, "mart.items_history").await;
    assert_eq!(statements.first(), Some(&json!([1, statements.len()])));
}

#[tokio::test]
async fn a_key_with_more_events_than_a_statement_can_take_is_named() {
    let service = Service::items()
        .settings("trino.session = { query_max_memory_per_node = '96MB' }")
        .start()
        .await;
    service
        .write(
            "insert into audit_log_dml (audit_event_id, audit_operation, audit_timestamp, tbl_schema, tbl_name, raw_data)
             select n, case n when 1 then 'I' else 'U' end, timestamptz '2026-01-01' + n * interval '1 minute', 'public', 'items',
               jsonb_build_object('id', 7, 'amount', n, 'name', repeat(md5(n::text), 600))
             from generate_series(1, 8000) as n",
        )
        .await;

    let run = service
        .run()
        .await
        .fails_at("mart.items_history")
        .with("key-too-large");
    run.saying("key `7` of table").saying("8000 events");
}

#[tokio::test]
async fn a_test_over_all_rows_finds_equal_values_in_different_slices() {
    let tested = "
pipeline: PIPELINE
source: {kind: postgres_audit_log, connection: shop}
tables:
  items:
    from: public.items
    key: [id]
    columns:
      - {name: name, data_type: varchar, tests: [unique]}
      - {name: amount, data_type: \"decimal(10,2)\", tests: [not_null]}
";
    let service = Service::items()
        .defined(tested)
        .settings(SMALL)
        .start()
        .await;
    log_keys(&service, 1, 100, 10).await;
    service
        .log(&[insert(101, 101, 1, "twice"), insert(102, 102, 2, "twice")])
        .await;

    service
        .run()
        .await
        .fails_at("test.items")
        .saying("2 of 102 rows fail");
    assert_eq!(service.sizes("items").await, [102, 0, 0]);

    service.log(&[update(103, 102, 2, "once")]).await;
    service.run().await.succeeds();
    assert_eq!(service.sizes("items").await, [103, 102, 103]);
    service.verifies("items").await;
    assert_eq!(leftovers(&service).await, json!([]));
}

#[tokio::test]
async fn at_night_counts_of_a_window_that_is_compared_in_slices_are_those_of_its_commit() {
    let service = Service::items().settings(SMALL).start().await;
    log_keys(&service, 1000, 1200, 10).await;
    service.run().await.succeeds();
    log_keys(&service, 1300, 1400, 10).await;
    // Older than everything before.
    service
        .log(&[insert(500, 1000, 1, "late"), update(501, 1001, 1, "late")])
        .await;

    let run = service.run().await.succeeds();
    assert_eq!(json!(slices(&service, &run, "mart.items").await), json!([]));
    run.counts("versions_opened", 103);
    assert_eq!(service.sizes("items").await, [304, 302, 304]);
    service.verifies("items").await;
}
