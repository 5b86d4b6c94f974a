//! What a pipeline may use: connections, schemas and variables, by `[pipelines.allowed]`, and what callers learn of the rest.

use serde_json::{Value, json};

use crate::harness::{Answer, ITEMS, KeyFile, Service, insert};

const PATH: &str = "/v1/pipelines/validate";
/// The tests need this variable anyway.
const VARIABLE: &str = "ICEFRONT_TEST_CATALOG";

/// Lets the pipeline use its own schemas and connection, and this.
fn own(more: &str) -> String {
    format!(
        r#"
        pipelines.env = ["{VARIABLE}"]
        connections.secret_crm.url = "postgres://nowhere/crm"
        [pipelines.allowed.PIPELINE]
        connections = ["shop"]
        schemas = ["PIPELINE_landing", "PIPELINE_staging", "PIPELINE_marts"]
        {more}
        "#
    )
}

async fn limited(more: &str) -> Service {
    let service = Service::items().settings(&own(more)).start().await;
    service
        .log(&[insert(1, 1, 10, "a"), insert(2, 2, 20, "b")])
        .await;

    service
}

async fn validated(service: &Service, files: &Value) -> String {
    let answer = service.post(PATH, &json!({"files": files})).await;

    findings(&answer.has_status(200))
}

fn findings(answer: &Answer) -> String {
    let shown = |finding: &Value| {
        format!(
            "{}:{}:{} {} {}; {}",
            finding["file"].as_str().unwrap_or_default(),
            finding["line"],
            finding["line_column"],
            finding["severity"].as_str().unwrap_or_default(),
            finding["detail"].as_str().unwrap_or_default(),
            finding["remedy"].as_str().unwrap_or_default()
        )
    };
    let all = answer.body["findings"].as_array().expect("findings");

    all.iter().map(shown).collect::<Vec<_>>().join("\n")
}

fn has(found: &str, begin: &str, parts: &[&str]) {
    let mut lines = found.lines();
    let is_it =
        |line: &str| line.starts_with(begin) && parts.iter().all(|part| line.contains(part));
    assert!(lines.any(is_it), "{begin} {parts:?}: {found}");
}

fn write(service: &Service, file: &str, text: &str) {
    let folder = service.folder.path().join("pipelines").join(&service.name);
    let path = folder.join(file);
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, text).expect("a file");
}

#[tokio::test]
async fn a_pipeline_that_uses_what_it_may_not_is_broken_at_the_place() {
    let service = limited("env = []").await;
    service.run().await.succeeds();
    let wrong = ITEMS
        .replace("PIPELINE", &service.name)
        .replace("connection: shop", "connection: secret_crn")
        .replace(
            "tables:",
            &format!(
                "schemas:\n  landing: a\n  staging: \"{{x}}\"\n  marts: x_${{{VARIABLE}}}\ntables:"
            ),
        );
    let found = validated(&service, &json!({"pipeline.yaml": wrong})).await;
    let setting = |kind: &str| format!("`pipelines.allowed.{}.{kind}`", service.name);
    has(
        &found,
        "pipeline.yaml:3:36 error `source.connection` is `secret_crn`, which pipeline",
        &["may not use", &setting("connections")],
    );
    has(
        &found,
        "pipeline.yaml:6:3 error `schemas.landing` is `a`",
        &["may not write to", &setting("schemas")],
    );
    has(
        &found,
        "pipeline.yaml:8:10 error the setting",
        &[&setting("env"), VARIABLE],
    );
    assert!(!found.contains("secret_crm"), "{found}");
}

#[tokio::test]
async fn a_connection_that_exists_and_one_that_does_not_are_refused_alike() {
    let service = limited("").await;
    let asked = async |connection: &str| {
        let text = ITEMS
            .replace("PIPELINE", &service.name)
            .replace("shop}", &format!("{connection}}}"));
        let found = validated(&service, &json!({"pipeline.yaml": text})).await;
        found.replace(connection, "<connection>")
    };
    assert_eq!(asked("secret_crm").await, asked("secret_xyz").await);
}

#[tokio::test]
async fn a_pipeline_without_an_entry_may_use_nothing_and_patterns_count() {
    let mut service = Service::items()
        .settings("[pipelines.allowed.others]\nschemas = [\"x\"]")
        .start()
        .await;
    let broken = async |service: &Service| {
        let pipelines = service.get("/v1/pipelines").await.has_status(200);
        pipelines.body.to_string()
    };
    let told = broken(&service).await;
    assert!(told.contains("may not write to"), "{told}");
    assert!(told.contains("may not use"), "{told}");
    service.configure("[pipelines.allowed.\"test_*\"]");
    service.restart().await;
    service.log(&[insert(1, 1, 10, "a")]).await;
    service.run().await.succeeds();
}

#[tokio::test]
async fn the_name_of_a_pipeline_is_that_of_its_folder_where_names_give_rights() {
    let mut service = limited("").await;
    service.run().await.succeeds();
    crate::harness::write_pipeline(
        service.folder.path(),
        "elsewhere",
        &ITEMS.replace("PIPELINE", &service.name),
    );
    service.restart().await;
    let pipelines = service.get("/v1/pipelines").await.has_status(200);
    let told = pipelines.body.to_string();
    assert!(told.contains("give both the same name"), "{told}");
}

/// A pipeline whose variable stands where a message quotes it, and a model that says its value.
fn telling(name: &str) -> Value {
    let text = ITEMS.replace("PIPELINE", name).replace(
        "max_clock_skew: 1d",
        &format!("max_clock_skew: ${{{VARIABLE}}}\nhistory_suffix: ${{{VARIABLE}}}"),
    );
    let right = ITEMS.replace("PIPELINE", name);
    let model =
        format!("{{{{ exceptions.raise_compiler_error('<' ~ env_var('{VARIABLE}') ~ '>') }}}}");

    json!([{"pipeline.yaml": text}, {"pipeline.yaml": right, "models/m.sql": model}])
}

#[tokio::test]
async fn values_of_variables_are_told_to_operators_only() {
    let value = std::env::var(VARIABLE).expect("a catalog");
    let mut keys = KeyFile::new();
    let viewer = keys.add("viewer", &["viewer:test_*"], &[]);
    let operator = keys.add("operator", &["operator:test_*"], &[]);
    let settings = format!("{}\npipelines.env = [\"{VARIABLE}\"]", keys.settings());
    let service = Service::items().settings(&settings).start().await;
    let validated = async |key: &str, files: &Value| {
        let request = service.request(reqwest::Method::POST, PATH);
        let request = request.bearer_auth(key).json(&json!({"files": files}));
        findings(&service.call(request).await.has_status(200))
    };
    let [definition, model] = [0, 1].map(|at| telling(&service.name)[at].clone());
    let quoted = format!("<{value}>");
    assert!(validated(&operator, &model).await.contains(&quoted));
    assert!(validated(&operator, &definition).await.contains(&value));
    let found = validated(&viewer, &definition).await;
    assert!(!found.contains(&format!("`{value}`")), "{found}");
    has(
        &found,
        "pipeline.yaml:null:null warn environment variables had no values",
        &["role `operator`"],
    );
    let found = validated(&viewer, &model).await;
    assert!(
        !found.contains(&quoted) && found.contains("<1d>"),
        "{found}"
    );

    let strange = [0, 1].map(|at| telling("strange")[at].clone());
    for files in &strange {
        let found = validated(&operator, files).await;
        assert!(!found.contains(&format!("`{value}`")), "{found}");
        assert!(!found.contains(&quoted), "{found}");
        has(
            &found,
            "pipeline.yaml:null:null warn you have no role on pipeline `strange`",
            &["`viewer`"],
        );
    }
    let guess = ITEMS
        .replace("PIPELINE", "strange")
        .replace("shop}", "shpo}");
    let found = validated(&viewer, &json!({"pipeline.yaml": guess})).await;
    assert!(!found.contains("`shop`"), "{found}");
}

const SOURCES: &str = "sources: [{name: others, schema: OTHERS, tables: [{name: secrets}]}]";

/// A table in a schema of somebody else.
async fn others(service: &Service) -> String {
    let schema = format!("{}_others", service.name);
    let catalog = &service.servers.catalog;
    service
        .query(&format!("create schema {catalog}.{schema}"))
        .await;
    service
        .query(&format!(
            "create table {catalog}.{schema}.secrets as select bigint '1' as id"
        ))
        .await;

    schema
}

#[tokio::test]
async fn models_and_tests_read_only_schemas_that_are_listed() {
    let mut service = limited("").await;
    let schema = others(&service).await;
    let catalog = service.servers.catalog.clone();
    service.run().await.succeeds();
    let text = ITEMS.replace("PIPELINE", &service.name);
    let sources = SOURCES.replace("OTHERS", &schema);
    let found = validated(
        &service,
        &json!({
            "pipeline.yaml": text,
            "models/sources.yml": sources,
            "models/a.sql": "select *\nfrom {{ source('others', 'secrets') }}",
            "models/b.sql": format!("{{{{ config(schema='{schema}') }}}} select 1 as a"),
            "tests/c.sql": "select i.id from {{ ref('t') }} i join {{ source('others', 'secrets') }} s on s.id = i.id",
            "models/t.sql": "{{ config(materialized='table') }} select id from {{ ref('items') }}",
        }),
    )
    .await;
    has(
        &found,
        "models/a.sql:2:null error pipeline",
        &[&schema, ".reads`"],
    );
    has(
        &found,
        "models/b.sql:1:null error model `b`",
        &[&schema, ".schemas`"],
    );
    has(&found, "tests/c.sql:null:null error pipeline", &[&schema]);

    // By their names, which no definition shows.
    let secrets = format!("{catalog}.{schema}.secrets");
    for kept in ["view", "table"] {
        let sql = format!("{{{{ config(materialized='{kept}') }}}} select id from {secrets}");
        write(&service, "models/m.sql", &sql);
        service.restart().await;
        service.run().await.fails().saying(&schema);
        let path = format!("/v1/pipelines/{}/validate", service.name);
        let answer = service.post(&path, &json!({})).await.has_status(200);
        assert_eq!(answer.body["valid"], false, "{answer:?}");
    }
    // Trino leaves the table out of the plan, at this moment or at all; and what it cannot tell.
    let by_time = format!("select id from {secrets} where second(current_timestamp) > 60");
    let never = format!(
        "select id from {{{{ ref('items') }}}} where 1 > 2 and id in (select id from {secrets})"
    );
    let hidden = "select * from table(system.builtin.exclude_columns(input => table(x), columns => descriptor(a)))";
    for (sql, told) in [
        (by_time.as_str(), schema.as_str()),
        (&never, &schema),
        (hidden, "cannot tell"),
    ] {
        let table = format!("{{{{ config(materialized='table') }}}} {sql}");
        write(&service, "models/m.sql", &table);
        service.restart().await;
        service.run().await.fails().saying(told);
    }
    // A test, and a test of a table.
    write(
        &service,
        "models/m.sql",
        "{{ config(materialized='table') }} select id from {{ ref('items') }}",
    );
    write(
        &service,
        "tests/n.sql",
        &format!(
            "select id from {{{{ ref('m') }}}} as m where id in (select id + 100 from {secrets})"
        ),
    );
    service.restart().await;
    service.run().await.fails().saying(&schema);
    std::fs::remove_dir_all(
        service
            .folder
            .path()
            .join("pipelines")
            .join(&service.name)
            .join("tests"),
    )
    .expect("removed");
    let tested = ITEMS.replace(
        "key: [id]}",
        &format!(
            "key: [id], tests: [{{expression: \"id not in (select id + 100 from {secrets})\"}}]}}"
        ),
    );
    service.define(&tested);
    service.restart().await;
    service.log(&[insert(3, 3, 10, "a")]).await;
    service
        .run()
        .await
        .fails()
        .with("test-broken")
        .saying(&schema);
    // What is listed may be read.
    let reads = own(&format!("reads = [\"{schema}\"]"));
    service.configure(&reads);
    service.restart().await;
    service.run().await.succeeds();
}
