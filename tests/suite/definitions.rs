//! A definition is checked before it is on the service: all that is wrong with it, with its place and what to do.

use std::fmt::Write as _;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, AuditRow, EVENTS, ITEMS, Service};

const PATH: &str = "/v1/pipelines/validate";

const WRONG: &str = "\
pipeline: shop
source: {kind: postgres_audit_log, connection: shpo}
poll: 1ms
tables:
  orders:
    from: public.orders
    kye: [order_id]
  items:
    from: public.items
    key: []
    current: view
    history: off
    columns:
      - {name: a, data_type: smallint}
      - {name: b, data_type: text}
  customers:
    from: public.items
    key: [customer_id]
    tests:
      - {relationships: {to: nowhere, field: id}}
  returns: {from: returns, key: [id], freshness: {warn_after: 5}}
";

/// The findings as `place: detail; remedy`.
fn findings(answer: &Answer) -> Vec<String> {
    let all = answer.body["findings"].as_array().expect("findings").iter();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();

    all.map(|finding| {
        let places = [&finding["line"], &finding["line_column"]];
        let mut place = text(&finding["file"]);
        for number in places.into_iter().filter(|number| !number.is_null()) {
            write!(place, ":{number}").expect("text");
        }
        format!(
            "{place}: {}: {}; {}",
            text(&finding["severity"]),
            text(&finding["detail"]),
            text(&finding["remedy"])
        )
    })
    .collect()
}

#[track_caller]
fn has(findings: &[String], begin: &str, parts: &[&str]) {
    let is_it =
        |line: &&String| line.starts_with(begin) && parts.iter().all(|part| line.contains(part));

    assert!(
        findings.iter().any(|line| is_it(&line)),
        "{begin} {parts:?}: {findings:#?}"
    );
}

#[tokio::test]
async fn everything_that_is_wrong_is_found_at_once_with_its_place_and_what_to_do() {
    let service = Service::of(EVENTS).audit_log().start().await;
    let files = json!({"files": {
        "pipeline.yaml": WRONG,
        "models/a.sql": "select * from {{ ref('itmes') }}",
        "models/b.sql": "select * from {{ ref('orders') }}; drop table x",
        "models/c.yml": "models:\n  - name: a\n    nowhere: 1\n",
        "README.md": "text",
    }});
    let answer = service.post(PATH, &files).await.has_status(200);
    assert_eq!(answer.body["valid"], false);
    assert_eq!(answer.body["left_out"], 0);
    let found = findings(&answer);
    has(
        &found,
        "pipeline.yaml:7:5: error: unknown field `kye`",
        &["; did you mean `key`?"],
    );
    has(
        &found,
        "pipeline.yaml:21:",
        &["`5` is not a duration", "30s"],
    );
    has(
        &found,
        "pipeline.yaml:2:36: error: `source.connection` is `shpo`",
        &["did you mean `shop`?"],
    );
    has(
        &found,
        "pipeline.yaml:3:1: error: `poll` is less than a second; write",
        &[],
    );
    has(
        &found,
        "pipeline.yaml:10:5: error: `tables.items.key` is empty; name",
        &[],
    );
    has(
        &found,
        "pipeline.yaml:11:5: error: `tables.items` has `current: view`",
        &["; remove one of them"],
    );
    has(
        &found,
        "pipeline.yaml:13:5: error: `tables.items.columns`, `a`",
        &["; use `integer`"],
    );
    has(
        &found,
        "pipeline.yaml:13:5: error: `tables.items.columns`, `b`",
        &["; use boolean"],
    );
    has(
        &found,
        "pipeline.yaml:9:5: error: `tables.items.from` is `public.items`",
        &[],
    );
    has(
        &found,
        "pipeline.yaml:19:5: error: `tables.customers.tests` has `relationships`",
        &["; write it into"],
    );
    has(&found, "models/c.yml", &["nowhere"]);
}

#[tokio::test]
async fn faults_of_models_are_found_beside_those_of_tables_which_models_may_read() {
    let service = Service::of(EVENTS).audit_log().start().await;
    let files = json!({"files": {
        "pipeline.yaml": WRONG,
        "models/a.sql": "\nselect * from {{ ref('itmes') }}",
        "models/b.sql": "select * from {{ ref('orders') }}",
        "models/c.sql": "{{ config(materialized='nowhere') }} select 1",
    }});
    let found = findings(&service.post(PATH, &files).await.has_status(200));
    has(
        &found,
        "models/a.sql:2: error: ",
        &["did you mean `items`?"],
    );
    has(&found, "models/c.sql", &["nowhere"]);
    assert!(
        found.iter().all(|line| !line.starts_with("models/b.sql")),
        "{found:#?}"
    );

    let files = json!({"files": {"pipeline.yaml": WRONG, "models/c.sql": "select 1; select 2"}});
    let found = findings(&service.post(PATH, &files).await.has_status(200));
    has(
        &found,
        "models/c.sql: error: a model is one query; remove",
        &[],
    );
}

#[tokio::test]
async fn a_text_that_is_made_to_hurt_is_refused_at_once() {
    let service = Service::of(EVENTS)
        .audit_log()
        .settings("http.body_limit_bytes = 10000000")
        .start()
        .await;
    let right = EVENTS.replace("PIPELINE", &service.name);
    let mut bomb = format!("{right}vars:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let below = level - 1;
        let tens = format!("*a{below}, ").repeat(9);
        writeln!(bomb, "  a{level}: &a{level} [{tens}*a{below}]").expect("text");
    }
    let deep = format!(
        "{right}vars: {{a: {}{}}}\n",
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let twice = format!("{right}vars: {{a: 1, a: 2}}\n");
    let large = format!("{right}# {}\n", "x".repeat(1_000_000));
    // Written out, the first text alone has 10^12 words. The process has 15 s of processor time, or the finding is another one.
    for (text, told) in [
        (bomb, "write fewer anchors"),
        (deep, "nest"),
        (twice, "duplicate"),
        (large, "larger than a megabyte; split the pipeline"),
    ] {
        let answer = service
            .post(PATH, &json!({"files": {"pipeline.yaml": text}}))
            .await
            .has_status(200);
        assert_eq!(answer.body["valid"], false, "{told}");
        let found = findings(&answer);
        assert!(
            found.iter().any(|line| line.to_lowercase().contains(told)),
            "{told}: {found:#?}"
        );
    }
}

#[tokio::test]
async fn a_template_without_end_ends_with_its_process() {
    let service = Service::items().start().await;
    let check = async |model: &str| {
        let files = json!({"files": {
            "pipeline.yaml": ITEMS.replace("PIPELINE", "fresh"),
            "models/m.sql": model,
        }});
        let answer = service.post("/v1/pipelines/validate", &files).await;
        let found = answer.has_status(200);
        found.body["findings"].to_string()
    };
    let doubled = "{% set x = x ~ x %}".repeat(40);
    let long = format!("{{% set x = 'aaaaaaaa' %}}{doubled}select 1 as a");
    let looping = "{% set x='1'*30000000 %}{% set z='1'*30000000 %}{% for i in range(90000) %}{% set y=x==z %}{% endfor %}select 1 as a";
    for (hurtful, told) in [
        (
            "{{ '{:>40000000000}'.format('a') }}select 1 as a",
            "four digits",
        ),
        (
            "{{ '{:>{}}'.format('a', 40000000000) }}select 1 as a",
            "four digits",
        ),
        (&long, "too many steps"),
        (looping, "seconds"),
    ] {
        let findings = check(hurtful).await;
        assert!(findings.contains(told), "{hurtful}: {findings}");
    }
    service.run().await.succeeds();
}

#[tokio::test]
async fn a_right_definition_is_valid_and_the_running_pipelines_know_nothing_of_it() {
    let service = Service::of(EVENTS).audit_log().start().await;
    let right = EVENTS.replace("PIPELINE", "other");
    let yaml = |text: &str| {
        service
            .request(Method::POST, PATH)
            .header("content-type", "application/yaml")
            .body(text.to_owned())
    };
    // It would write the tables of the pipeline that runs.
    let rival = service.call(yaml(&right)).await.has_status(200);
    has(
        &findings(&rival),
        "pipeline.yaml: error: it writes",
        &["; rename one of the tables"],
    );

    let own = format!("{right}schemas: {{landing: l, staging: s, marts: m}}\n");
    let answer = service.call(yaml(&own)).await.has_status(200);
    assert_eq!(
        answer.body,
        json!({"valid": true, "findings": [], "left_out": 0})
    );
    // The next version of a pipeline takes the place of the one that runs.
    let next = EVENTS.replace("PIPELINE", &service.name);
    let answer = service.call(yaml(&next)).await.has_status(200);
    assert_eq!(answer.body["valid"], true, "{answer:?}");

    let list = service.get("/v1/pipelines").await;
    assert_eq!(
        list.body["data"].as_array().map(Vec::len),
        Some(1),
        "{list:?}"
    );
    let answer = service.call(yaml("a: [1\n")).await.has_status(200);
    assert_eq!(answer.body["valid"], false);
}

#[tokio::test]
async fn files_stay_in_the_folder_and_within_the_limits() {
    let service = Service::of(EVENTS).audit_log().start().await;
    for path in [
        "../x",
        "/etc/x",
        "models/../../x",
        "",
        "a\\b",
        "models/\u{0}",
        "./x",
    ] {
        let body = json!({"files": {(path): "x"}});
        service
            .post(PATH, &body)
            .await
            .is_problem(422, "invalid-request");
    }
    let body = json!({"files": {"models": "x", "models/a.sql": "select 1"}});
    service
        .post(PATH, &body)
        .await
        .is_problem(422, "invalid-request")
        .saying("below a file");
    service
        .post(PATH, &json!({"file": {}}))
        .await
        .is_problem(422, "invalid-request");
    let many: serde_json::Map<String, Value> = (0..1_001)
        .map(|at| (format!("models/m{at}.sql"), json!("select 1")))
        .collect();
    service
        .post(PATH, &json!({"files": many}))
        .await
        .is_problem(422, "invalid-request")
        .about("files");
    let deep: serde_json::Map<String, Value> = (0..100)
        .map(|at| (format!("m{at}/{}a.sql", "d/".repeat(18)), json!("select 1")))
        .collect();
    service
        .post(PATH, &json!({"files": deep}))
        .await
        .is_problem(422, "invalid-request")
        .saying("more than 1000 folders");
    let large = json!({"files": {"pipeline.yaml": "#".repeat(1 << 20)}});
    service
        .post(PATH, &large)
        .await
        .is_problem(413, "body-too-large");
}

#[tokio::test]
async fn at_night_ten_thousand_tables_are_checked_in_seconds() {
    let service = Service::of(EVENTS)
        .audit_log()
        .settings("http.body_limit_bytes = 10000000")
        .start()
        .await;
    let mut text =
        "pipeline: many\nsource: {kind: postgres_audit_log, connection: shop}\ntables:\n"
            .to_owned();
    for table in 0..10_000 {
        writeln!(text, "  t{table}: {{from: public.t{table}, key: [id]}}").expect("text");
    }
    // Each of these waits for the next one.
    let mut chain = text.clone();
    for table in 0..2_000 {
        writeln!(
            chain,
            "  c{table}: {{from: public.c{table}, key: [a], columns: [{{name: a, data_type: date, tests: [{{relationships: {{to: c{}, field: a}}}}]}}]}}",
            table + 1
        )
        .expect("text");
    }
    let ends = "  c2000: {from: public.c2000, key: [a]}\n";
    let circle = ends.replace(
        "}\n",
        ", columns: [{name: a, data_type: date, tests: [{relationships: {to: c1998, field: a}}]}]}\n",
    );
    // The process has 15 s of processor time, or there is a finding.
    let answer = service
        .post(PATH, &json!({"files": {"pipeline.yaml": text}}))
        .await;
    assert_eq!(answer.body["valid"], true, "{answer:?}");
    let chain = chain.split_off(text.len());
    let head = text.split_once("  t0:").expect("tables").0;
    for (last, told) in [(ends, None), (&*circle, Some("`c1998`, `c1999`, `c2000`"))] {
        let text = format!("{head}{chain}{last}");
        let answer = service
            .post(PATH, &json!({"files": {"pipeline.yaml": text}}))
            .await;
        let found = findings(&answer);
        assert_eq!(answer.body["valid"], told.is_none(), "{found:#?}");
        assert_eq!(found.len(), usize::from(told.is_some()));
        assert!(
            found
                .iter()
                .all(|line| told.is_some_and(|told| line.contains(told)))
        );
    }
}

#[tokio::test]
async fn the_command_line_prints_the_same_findings() {
    let service = Service::of(EVENTS).audit_log().start().await;
    let folder = service.folder.path().join("pipelines/wrong");
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("pipeline.yaml"), WRONG).expect("a file");
    let check = std::process::Command::new(env!("CARGO_BIN_EXE_icefront"))
        .args(["check", "--config"])
        .arg(service.folder.path().join("icefront.toml"))
        .output()
        .expect("an output");
    assert!(!check.status.success());
    let printed = String::from_utf8(check.stdout).expect("UTF-8");
    let answer = service
        .post(PATH, &json!({"files": {"pipeline.yaml": WRONG}}))
        .await;
    for finding in answer.body["findings"].as_array().expect("findings") {
        let detail = finding["detail"].as_str().expect("a text");
        assert!(printed.contains(detail), "{detail}: {printed}");
    }
    assert!(
        printed.contains("  error: wrong/pipeline.yaml:7:5: unknown field `kye`"),
        "{printed}"
    );
}

const SHARED: &str = "
pipeline: PIPELINE
source: {kind: postgres_audit_log, connection: shop}
defaults:
  history: off
  freshness: {warn_after: 10m, error_after: 1h}
tables:
  items: {from: public.items, key: [seed, id]}
  owners:
    from: public.owners
    key: [id]
    history: {tracked: all}
    freshness: {warn_after: 5m}
";

#[tokio::test]
async fn what_tables_share_is_written_once_and_a_table_may_say_otherwise() {
    let service = Service::of(SHARED)
        .audit_log()
        .tables("create table items (seed bigint, id bigint); create table owners (id bigint);")
        .start()
        .await;
    let path = format!("/v1/pipelines/{}", service.name);
    let pipeline = service.get(&path).await.has_status(200);
    let history = |at: usize| pipeline.body["tables"][at]["trino_tables"]["history"].clone();
    assert_eq!(history(0), Value::Null, "{pipeline:?}");
    assert!(history(1).is_string(), "{pipeline:?}");
    let plan = service.get(&format!("{path}/plan")).await.has_status(200);
    assert_eq!(
        [
            &plan.body["tables"][0]["defaults"],
            &plan.body["tables"][1]["defaults"]
        ],
        [&json!(["freshness", "history"]), &json!([])]
    );
    service
        .log(&[AuditRow {
            id: Some(1),
            operation: Some("I".into()),
            occurred_at: Some(1_767_225_600_000_000),
            table: "items".into(),
            data: Some(json!({"seed": 1, "id": 1}).to_string()),
        }])
        .await;
    service.run().await.succeeds();
    assert_eq!(service.count("marts.items").await, 1);
    let freshness = service.get("/v1/freshness").await;
    let limits = |at: usize| freshness.body["data"][at]["error_after_seconds"].clone();
    assert_eq!(
        [limits(0), limits(1)],
        [json!(3600), Value::Null],
        "{freshness:?}"
    );

    let wrong = SHARED.replace("PIPELINE", &service.name).replace(
        "  history: off\n",
        "  history: off\n  cursor: at\n  kye: [id]\n",
    );
    let answer = service
        .post(PATH, &json!({"files": {"pipeline.yaml": wrong}}))
        .await;
    has(
        &findings(&answer),
        "pipeline.yaml:7:3: error: unknown field `kye`, expected one of ",
        &[],
    );
    let wrong = wrong.replace("  kye: [id]\n", "  current: view\n");
    let answer = service
        .post(PATH, &json!({"files": {"pipeline.yaml": wrong}}))
        .await;
    let found = findings(&answer);
    has(
        &found,
        "pipeline.yaml:6:3: error: `defaults.cursor` is only for sources of kind `postgres_table`; remove it",
        &[],
    );
    has(
        &found,
        "pipeline.yaml:10:3: error: `tables.items` has `current: view` and `history: off`",
        &["; remove one of them", "; `current` comes from `defaults`"],
    );
}

#[tokio::test]
async fn what_differs_between_deployments_comes_from_variables_that_the_settings_list() {
    // The tests need this variable anyway.
    let catalog = std::env::var("ICEFRONT_TEST_CATALOG").expect("a catalog");
    let text = "
pipeline: PIPELINE
source: {kind: postgres_audit_log, connection: shop}
schemas:
  landing: PIPELINE_${ICEFRONT_TEST_CATALOG}_landing
  staging: PIPELINE_${ICEFRONT_TEST_CATALOG}_staging
  marts: PIPELINE_${ICEFRONT_TEST_CATALOG}_marts
tables:
  items:
    from: public.items
    key: [seed, id]
    description: 'of ${ICEFRONT_TEST_CATALOG}, $${X} and $X'
";
    let service = Service::of(text)
        .audit_log()
        .tables("create table items (seed bigint, id bigint);")
        .settings(r#"pipelines.env = ["ICEFRONT_TEST_CATALOG", "ICEFRONT_TEST_NOWHERE"]"#)
        .start()
        .await;
    service
        .log(&[AuditRow {
            id: Some(1),
            operation: Some("I".into()),
            occurred_at: Some(1_767_225_600_000_000),
            table: "items".into(),
            data: Some(json!({"seed": 1, "id": 1}).to_string()),
        }])
        .await;
    service.run().await.succeeds();
    let marts = format!("{}_{catalog}_marts", service.name);
    let pipeline = service
        .get(&format!("/v1/pipelines/{}", service.name))
        .await
        .has_status(200);
    assert_eq!(
        pipeline.body["tables"][0]["trino_tables"]["current_rows"],
        format!("{catalog}.{marts}.items")
    );
    // The text stays as it was written.
    let definition = pipeline.body["definition"].as_str().expect("a text");
    assert!(
        definition.contains("_${ICEFRONT_TEST_CATALOG}_marts\n"),
        "{definition}"
    );
    let comment = service
        .query(&format!(
            "select comment from system.metadata.table_comments where catalog_name = '{catalog}' and schema_name = '{marts}' and table_name = 'items'"
        ))
        .await;
    assert_eq!(comment[0][0], format!("of {catalog}, ${{X}} and $X"));

    let wrong = text
        .replace("PIPELINE", &service.name)
        .replace("_landing", "_${ICEFRONT_TEST_CATALOGS}")
        .replace(
            "${ICEFRONT_TEST_CATALOG}_staging",
            "${ICEFRONT_TEST_NOWHERE}",
        )
        .replace(
            "$X'",
            "${X'\n    tests: [{expression: \"${ICEFRONT_TEST_POSTGRES_URL}\"}]",
        );
    let answer = service
        .post(PATH, &json!({"files": {"pipeline.yaml": wrong}}))
        .await;
    let found = findings(&answer);
    has(
        &found,
        "pipeline.yaml:5:12: error: the setting `pipelines.env` does not have `ICEFRONT_TEST_CATALOGS`; add it there",
        &["did you mean `ICEFRONT_TEST_CATALOG`?"],
    );
    has(
        &found,
        "pipeline.yaml:6:12: error: the environment variable `ICEFRONT_TEST_NOWHERE` is not set; set it",
        &[],
    );
    has(
        &found,
        "pipeline.yaml:12:18: error: `${` is not followed by the name",
        &["; write `${NAME}`"],
    );
    has(
        &found,
        "pipeline.yaml:13:26: error: the setting `pipelines.env` does not have `ICEFRONT_TEST_POSTGRES_URL`",
        &[],
    );
    assert!(!format!("{answer:?}").contains("postgres://"), "{answer:?}");
}
