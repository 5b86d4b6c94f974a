//! A pipeline chooses Trino's properties of current rows and history: they are there however the tables were made.

use serde_json::{Value, json};

use crate::harness::{ITEMS, Service, delete, insert, update};

/// One statement takes 41 events.
const SMALL: &str = "trino.statement_memory_bytes = 6000";
const ORC: &str = "format: ORC, partitioning: ['bucket(id, 3)'], sorted_by: [amount DESC, id], compression_codec: ZSTD";
const OF_ORC: [&str; 5] = [
    "format = 'ORC'",
    "partitioning = ARRAY['bucket(id, 3)']",
    "ARRAY['is_current','bucket(id, 3)']",
    "sorted_by = ARRAY['amount DESC NULLS LAST','id ASC NULLS FIRST']",
    "compression_codec = 'ZSTD'",
];

/// The pipeline of items, with these options of its table.
fn items_with(options: &str) -> String {
    ITEMS.replace("key: [id]}", &format!("key: [id], {options}}}"))
}

fn properties(properties: &str) -> String {
    items_with(&format!("properties: {{{properties}}}"))
}

/// The statement by which Trino would create a table again.
async fn made(service: &Service, table: &str) -> String {
    let rows = service
        .query(&format!("show create table {{{table}}}"))
        .await;

    rows[0][0].as_str().expect("a text").to_owned()
}

/// Both marts have the properties of [`ORC`], and the other tables do not.
async fn are_as_defined(service: &Service, context: &str) {
    let [format, partitioning, of_history, sorted_by, codec] = OF_ORC;
    let current = made(service, "marts.items").await;
    let history = made(service, "marts.items_history").await;
    for (table, partitioning) in [(&current, partitioning), (&history, of_history)] {
        for part in [format, partitioning, sorted_by, codec] {
            assert!(table.contains(part), "{context}: {part} in {table}");
        }
    }
    for other in [
        "staging.items",
        "staging.PIPELINE_rejects",
        "landing.PIPELINE_events",
    ] {
        let other = made(service, &other.replace("PIPELINE", &service.name)).await;
        assert!(other.contains("format = 'PARQUET'"), "{context}: {other}");
        assert!(!other.contains("partitioning"), "{context}: {other}");
    }
}

/// Logs an insert for each of the keys.
async fn log_keys(service: &Service, keys: std::ops::RangeInclusive<i64>) {
    let rows: Vec<_> = keys.map(|key| insert(key, key, key, "a")).collect();
    service.log(&rows).await;
}

async fn redefine(service: &mut Service, pipeline: &str) {
    service.define(pipeline);
    service.restart().await;
}

#[tokio::test]
async fn at_night_the_marts_have_their_properties_after_the_first_build_a_rebuild_a_restage_and_a_reset()
 {
    let service = Service::items().defined(&properties(ORC)).start().await;
    log_keys(&service, 1..=9).await;
    service.run().await.succeeds();
    are_as_defined(&service, "first build").await;
    service
        .log(&[update(10, 1, 10, "b"), delete(11, 2, 2, "a")])
        .await;
    service.run().await.succeeds().counts("updated", 1);
    are_as_defined(&service, "merge").await;
    for repair in ["rebuild", "restage"] {
        service
            .post_table("items", repair, &json!({}))
            .await
            .succeeds();
        are_as_defined(&service, repair).await;
        assert_eq!(service.sizes("items").await, [11, 8, 10], "{repair}");
        service.verifies("items").await;
    }
    let confirmation = json!({"confirm": format!("{}.items", service.name)});
    service
        .post_table("items", "reset", &confirmation)
        .await
        .succeeds();
    service.run().await.succeeds();
    log_keys(&service, 12..=14).await;
    service.run().await.succeeds();
    are_as_defined(&service, "reset").await;
    service.verifies("items").await;
}

#[tokio::test]
async fn at_night_the_marts_have_their_properties_when_they_are_built_in_slices() {
    let service = Service::items()
        .defined(&properties(ORC))
        .settings(SMALL)
        .start()
        .await;
    log_keys(&service, 1..=100).await;
    service.run().await.succeeds();
    are_as_defined(&service, "first build").await;
    service
        .post_table("items", "rebuild", &json!({}))
        .await
        .succeeds();
    are_as_defined(&service, "rebuild").await;
    assert_eq!(service.sizes("items").await, [100, 100, 100]);
    service.verifies("items").await;
}

#[tokio::test]
async fn another_choice_of_marts_keeps_the_properties() {
    let options = |marts: &str| items_with(&format!("{marts}, properties: {{{ORC}}}"));
    let mut service = Service::items()
        .defined(&options("current: view"))
        .start()
        .await;
    log_keys(&service, 1..=9).await;
    service.run().await.succeeds();
    for marts in ["current: table", "history: off", "current: table"] {
        redefine(&mut service, &options(marts)).await;
        service
            .post_table("items", "rebuild", &json!({}))
            .await
            .succeeds();
        let current = made(&service, "marts.items").await;
        assert!(current.contains("bucket(id, 3)"), "{marts}: {current}");
        service.verifies("items").await;
    }
    are_as_defined(&service, "both tables").await;
}

#[tokio::test]
async fn a_change_of_properties_holds_from_the_next_run_on() {
    let mut service = Service::items().start().await;
    log_keys(&service, 1..=9).await;
    service.run().await.succeeds();
    let before = made(&service, "marts.items").await;
    assert!(before.contains("format = 'PARQUET'"), "{before}");

    redefine(&mut service, &properties(ORC)).await;
    service.run().await.succeeds();
    are_as_defined(&service, "without rows").await;
    service.log(&[update(10, 1, 10, "b")]).await;
    service.run().await.succeeds().counts("updated", 1);
    are_as_defined(&service, "change").await;
    service.verifies("items").await;

    // What is no longer written stays, so that a table never loses a property unnoticed.
    redefine(&mut service, ITEMS).await;
    service.log(&[update(11, 2, 10, "b")]).await;
    service.run().await.succeeds().counts("updated", 1);
    are_as_defined(&service, "nothing written").await;
    redefine(
        &mut service,
        &properties("format: PARQUET, partitioning: [], sorted_by: []"),
    )
    .await;
    service.log(&[update(12, 3, 10, "b")]).await;
    service.run().await.succeeds().counts("updated", 1);
    let after = made(&service, "marts.items").await;
    let history = made(&service, "marts.items_history").await;
    for table in [&after, &history] {
        assert!(table.contains("format = 'PARQUET'"), "{table}");
        assert!(!table.contains("bucket"), "{table}");
        assert!(!table.contains("sorted_by"), "{table}");
    }
    assert!(history.contains("ARRAY['is_current']"), "{history}");
    service.verifies("items").await;
}

#[tokio::test]
async fn a_property_that_trino_refuses_fails_the_run_says_why_and_loses_nothing() {
    let wrong = "partitioning: ['month(name)']";
    let mut service = Service::items().defined(&properties(wrong)).start().await;
    log_keys(&service, 1..=9).await;
    refuses(&service).await;
    redefine(&mut service, &properties(ORC)).await;
    service.run().await.succeeds().counts("inserted", 9);
    are_as_defined(&service, "corrected").await;

    redefine(&mut service, &properties(wrong)).await;
    service.log(&[update(10, 1, 10, "b")]).await;
    refuses(&service).await;
    are_as_defined(&service, "still").await;
    assert_eq!(service.sizes("items").await, [9, 9, 9]);
    redefine(&mut service, &properties(ORC)).await;
    service.run().await.succeeds().counts("updated", 1);
    service.verifies("items").await;
}

#[tokio::test]
async fn a_property_with_a_column_that_is_not_there_is_told_by_plan_and_run() {
    let wrong = properties("sorted_by: [nme DESC]");
    let service = Service::items().defined(&wrong).start().await;
    log_keys(&service, 1..=2).await;
    let told = "names `nme`, which is no column of the table; did you mean `name`?";
    let plan = service
        .get(&format!("/v1/pipelines/{}/plan", service.name))
        .await;
    let refusal = plan.body["tables"][0]["refusal_detail"].as_str();
    assert!(refusal.is_some_and(|text| text.contains(told)), "{plan:?}");
    service
        .run()
        .await
        .fails_at("stage.items")
        .with("pipeline-broken")
        .saying(told);
}

#[tokio::test]
async fn a_lower_format_version_is_refused_and_told_plainly() {
    let three = properties("format_version: 3");
    let mut service = Service::items().defined(&three).start().await;
    log_keys(&service, 1..=2).await;
    service.run().await.succeeds();
    redefine(&mut service, &properties("format_version: 2")).await;
    log_keys(&service, 3..=4).await;
    service
        .run()
        .await
        .fails_at("stage.items")
        .with("pipeline-broken")
        .saying("can only rise");
    redefine(&mut service, ITEMS).await;
    service
        .post_table("items", "rebuild", &json!({}))
        .await
        .fails_with("pipeline-broken")
        .saying("Cannot downgrade");
    redefine(&mut service, &three).await;
    service.run().await.succeeds();
    assert_eq!(service.sizes("items").await, [4, 4, 4]);
    service.verifies("items").await;
}

/// A run fails before it stages anything, and names the table, the property and what to do.
async fn refuses(service: &Service) {
    service
        .run()
        .await
        .fails_at("stage.items")
        .with("pipeline-broken")
        .saying("`tables.items.properties`")
        .saying("month")
        .saying("pipeline.yaml");
}

const WRONG: &str = "
pipeline: shop
source: {kind: postgres_audit_log, connection: shop}
max_rejects: {share: 0.5}
defaults:
  properties: {format: ORC}
tables:
  a:
    from: public.a
    key: [id]
    properties:
      format: orc
  b:
    from: public.b
    key: [id]
    properties:
      partitionin: [id]
  c:
    from: public.c
    key: [id]
    properties:
      format_version: 1
      location: s3://bucket/c
      data_location: s3://bucket/c
      orc_bloom_filter_fpp: 0.05
      partitioning: [monht(at), valid_from]
      sorted_by: [id up]
  d:
    from: public.d
    key: [id]
    current: view
    properties:
      partitioning: [is_current, month(valid_from)]
      sorted_by: [_occurred_at]
";

#[tokio::test]
async fn properties_that_no_trino_takes_are_found_without_it() {
    let service = Service::items().start().await;
    let body = json!({"files": {"pipeline.yaml": WRONG}});
    let answer = service.post("/v1/pipelines/validate", &body).await;
    let found: Vec<String> = answer.body["findings"]
        .as_array()
        .expect("findings")
        .iter()
        .map(|finding| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            format!(
                "{}:{} {}; {}",
                finding["line"],
                finding["line_column"],
                text(&finding["detail"]),
                text(&finding["remedy"])
            )
        })
        .collect();
    for (place, detail, remedy) in [
        (
            "12:15",
            "unknown variant `orc`, expected one of PARQUET, ORC, AVRO",
            "",
        ),
        (
            "17:7",
            "unknown field `partitionin`",
            "did you mean `partitioning`?",
        ),
        (
            "22:7",
            "`tables.c.properties.format_version`",
            "write 2 or 3",
        ),
        (
            "23:7",
            "`tables.c.properties.location` is not possible",
            "remove it",
        ),
        (
            "24:7",
            "`tables.c.properties.data_location` is not possible",
            "remove it",
        ),
        (
            "25:7",
            "`tables.c.properties.orc_bloom_filter_fpp` is not",
            "remove it",
        ),
        (
            "26:7",
            "`tables.c.properties.partitioning` has `monht(at)`",
            "`month(ordered_on)`",
        ),
        (
            "26:7",
            "the table of current rows has no column `valid_from`",
            "name a column",
        ),
        (
            "27:7",
            "`tables.c.properties.sorted_by` has `id up`",
            "`DESC`",
        ),
        (
            "33:7",
            "has `is_current`, by which the history is partitioned",
            "remove it",
        ),
        (
            "34:7",
            "the history has no column `_occurred_at`",
            "name a column",
        ),
    ] {
        let is_it = |line: &&String| {
            line.starts_with(&format!("{place} ")) && line.contains(detail) && line.contains(remedy)
        };
        assert!(
            found.iter().any(|line| is_it(&line)),
            "{place} {detail}: {found:#?}"
        );
    }
    assert_eq!(found.len(), 11, "{found:#?}");
}
