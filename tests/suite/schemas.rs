//! The JSON Schemas of what users write: they are up to date, and refuse what the service refuses.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use icefront::pipeline;
use jsonschema::Validator;
use serde_json::{Value, json};

use crate::harness::{EVENTS, Service};

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn validator(schema: &Value) -> Validator {
    jsonschema::draft202012::new(schema).expect("a schema of draft 2020-12")
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|fault| panic!("{fault}\n{text}"))
}

/// What a schema says against a YAML text.
fn faults(validator: &Validator, text: &str) -> Vec<String> {
    let value = yaml(text);

    validator
        .iter_errors(&value)
        .map(|fault| format!("{}: {fault}", fault.instance_path()))
        .collect()
}

/// The YAML blocks of all pages that begin with one of some words.
fn blocks(words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![repository().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let of_page = text
                .split("```yaml\n")
                .skip(1)
                .filter_map(|block| block.split_once("```"));
            let of_page = of_page.map(|(block, _)| block.to_owned()).filter(|block| {
                words
                    .iter()
                    .any(|word| uncommented(block).starts_with(word))
            });
            found.extend(of_page);
        }
    }

    found
}

fn uncommented(block: &str) -> &str {
    let comments = block.lines().take_while(|line| line.starts_with('#'));
    let length: usize = comments.map(|line| line.len() + 1).sum();

    &block[length.min(block.len())..]
}

fn files_below(folder: &Path, is_it: &dyn Fn(&Path) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_below(&path, is_it));
        } else if is_it(&path) {
            found.push(std::fs::read_to_string(path).expect("a file"));
        }
    }

    found
}

#[test]
fn the_schemas_in_the_repository_are_those_that_the_service_serves() {
    let mut stale = Vec::new();
    for (name, schema) in [
        ("pipeline.json", pipeline::schema()),
        ("models.json", icefront_project::schema()),
    ] {
        let path = repository().join("docs/schemas").join(name);
        let now = serde_json::to_string_pretty(&schema).expect("JSON") + "\n";
        if std::fs::read_to_string(&path).unwrap_or_default() != now {
            std::fs::write(path, now).expect("a file");
            stale.push(name);
        }
    }
    assert!(
        stale.is_empty(),
        "of docs/schemas {stale:?} were out of date and have been written anew: review and commit them"
    );
}

#[test]
fn every_field_of_a_schema_has_a_description_and_every_object_is_closed() {
    fn look(value: &Value, place: &str, found: &mut BTreeSet<String>) {
        // A field may be called `properties`, too.
        let is_schema = value["type"] == "object" || value["type"].is_array();
        if let (true, Some(properties)) = (is_schema, value["properties"].as_object()) {
            for (name, property) in properties {
                let is_reference = property["$ref"].is_string();
                if !is_reference && property["description"].as_str().is_none_or(str::is_empty) {
                    found.insert(format!("{place}.{name} has no description"));
                }
            }
            // Arguments of a test of models depend on the test. Columns of sources may say what they like.
            let is_open = ["/items", "DataTest", "Column", "UnitTestConfig"]
                .iter()
                .any(|end| place.contains(end));
            if value["additionalProperties"] != false && !is_open {
                found.insert(format!("{place} takes unknown fields"));
            }
        }
        match value {
            Value::Object(members) => {
                for (name, member) in members {
                    look(member, &format!("{place}/{name}"), found);
                }
            }
            Value::Array(members) => {
                for member in members {
                    look(member, place, found);
                }
            }
            _ => {}
        }
    }

    let mut found = BTreeSet::new();
    look(&pipeline::schema(), "pipeline", &mut found);
    look(&icefront_project::schema(), "models", &mut found);
    // The settings of a declared test of a table are described by the test's page.
    found.retain(|line| !line.contains("/Test/"));
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_sample_and_every_example_is_valid() {
    let pipelines = validator(&pipeline::schema());
    let is_pipeline = |path: &Path| path.ends_with("pipeline.yaml");
    let mut samples = files_below(&repository().join("sql/pipelines"), &is_pipeline);
    samples.extend(files_below(&repository().join("tests/dbt"), &is_pipeline));
    samples.extend(blocks(&["pipeline:"]));
    assert!(samples.len() > 8);
    for sample in samples {
        assert_eq!(faults(&pipelines, &sample), [""; 0], "{sample}");
    }

    let models = validator(&icefront_project::schema());
    let is_properties = |path: &Path| {
        let is_yaml = path
            .extension()
            .is_some_and(|end| end == "yml" || end == "yaml");
        is_yaml && path.components().any(|part| part.as_os_str() == "models")
    };
    let mut samples = files_below(&repository().join("sql/pipelines"), &is_properties);
    samples.extend(files_below(&repository().join("tests/dbt"), &is_properties));
    samples.extend(blocks(&[
        "models:\n  - ",
        "sources:\n  - ",
        "unit_tests:\n  - ",
    ]));
    assert!(samples.len() > 3);
    for sample in samples {
        assert_eq!(faults(&models, &sample), [""; 0], "{sample}");
    }
}

/// A definition with a field in its table `orders`.
fn with_field(field: &str) -> String {
    format!(
        "pipeline: shop\nsource: {{kind: postgres_audit_log, connection: shop}}\ntables: {{orders: {{from: public.orders, key: [id], {field}}}}}\n"
    )
}

fn with_source(source: &str) -> String {
    format!(
        "pipeline: shop\nsource: {{{source}}}\ntables: {{orders: {{from: public.orders, key: [id]}}}}\n"
    )
}

#[test]
fn a_definition_that_is_read_is_valid() {
    let validator = validator(&pipeline::schema());
    for text in [
        with_field("history: off"),
        with_field("history: {tracked: all}"),
        with_field("history: {tracked: [a]}, current: view"),
        with_field("freshness: {warn_after: 1h 30m, error_after: 1d}"),
        with_field("tests: [{expression: 'a > 0'}, {expression: {sql: 'a > 0', severity: warn, threshold: 3}}]"),
        with_field("columns: [{name: a, data_type: bigint, tests: [not_null, {accepted_values: [1, x, true]}]}]"),
        with_field("columns: [{name: a, from: b.c, data_type: bigint, tests: [{unique: {severity: error}}]}]"),
        with_field("contract: enforced, new_columns: fail, description: Orders"),
        with_source("kind: postgres_audit_log, connection: shop, order_by: occurred_at, columns: {event_id: id}, table: a.b"),
        with_source("kind: files, path: 'file:///drops/*.csv', operation: upsert, csv: {header: false, columns: [id], 'null': '-'}"),
        with_source("kind: files, path: 'file:///drops/*.csv', operation: {column: op, values: {delete: [X, D]}}"),
        with_source("kind: files, path: 's3://drops/*', settle: 0s, marker: _SUCCESS, changed: reject, after: move, format: json_lines"),
        with_source("kind: postgres_audit_log, connection: shop")
            + "schemas: {landing: a, staging: b, marts: c}\nschedule: every 2m\npoll: 5s\nmax_clock_skew: 2h\nmax_rejects: {share: 0.5}\nverify: {every_runs: 3}\nvars: {a: [1]}\nmodels: {shop: {+tags: x}}\n",
        "pipeline: shop\nsource: {kind: postgres_table, connection: shop}\ndefaults: {cursor: at, overlap: 5m, deletes: {compare_keys: each_run}, freshness: {warn_after: 1h}, current: view, history: {tracked: all}, new_columns: ignore, contract: enforced}\ntables: {orders: {from: a.b, key: [id]}}\n".to_owned(),
        "pipeline: shop\nsource: {kind: postgres_table, connection: shop}\ntables: {orders: {from: a.b, key: [id], cursor: at, overlap: 0s, where: a > 0, deletes: {compare_keys: every 1h}}}\n".to_owned(),
    ] {
        super::reference_pages::read(&text).unwrap_or_else(|fault| panic!("{fault}\n{text}"));
        assert_eq!(faults(&validator, &text), [""; 0], "{text}");
    }
}

#[test]
fn a_definition_of_another_shape_is_refused() {
    let validator = validator(&pipeline::schema());
    for text in [
        "pipeline: shop\n".to_owned(),
        with_source("kind: postgres_audit_log, connection: shop") + "nowhere: 1\n",
        with_source("kind: nowhere"),
        with_source("kind: postgres_audit_log"),
        with_source("kind: postgres_audit_log, connection: shop, nowhere: 1"),
        with_source("kind: postgres_audit_log, connection: shop, columns: {nowhere: 1}"),
        with_source("kind: postgres_audit_log, connection: shop, order_by: nowhere"),
        with_source("kind: postgres_table, connection: shop, path: 'file:///drops/'"),
        with_source("kind: files, path: 'file:///drops/', connection: shop"),
        with_source("kind: files, path: 'file:///drops/', csv: {nowhere: 1}"),
        with_source("kind: files, path: 'file:///drops/', settle: 5"),
        with_source("kind: files, path: 'file:///drops/', changed: nowhere"),
        with_source("kind: files, path: 'file:///drops/', operation: op"),
        with_source("kind: files, path: 'file:///drops/', operation: {column: op, values: {nowhere: [1]}}"),
        with_source("kind: postgres_audit_log, connection: shop") + "poll: 5\n",
        with_source("kind: postgres_audit_log, connection: shop") + "verify: {one_in: 10}\n",
        with_source("kind: postgres_audit_log, connection: shop") + "defaults: {key: [id]}\n",
        with_source("kind: postgres_audit_log, connection: shop") + "defaults: {overlap: 5}\n",
        with_source("kind: postgres_audit_log, connection: shop") + "schemas: {landing: a}\n",
        with_source("kind: postgres_audit_log, connection: shop") + "max_rejects: {nowhere: 1}\n",
        with_field("nowhere: 1"),
        with_field("history: none"),
        with_field("history: {nowhere: 1}"),
        with_field("history: {tracked: some}"),
        with_field("current: nowhere"),
        with_field("new_columns: nowhere"),
        with_field("contract: nowhere"),
        with_field("freshness: {nowhere: 1h}"),
        with_field("freshness: {warn_after: 10}"),
        with_field("deletes: {compare_keys: often}"),
        with_field("overlap: 10"),
        with_field("columns: [{name: a}]"),
        with_field("columns: [{name: a, data_type: bigint, nowhere: 1}]"),
        with_field("columns: [{name: a, data_type: bigint, tests: [nowhere]}]"),
        with_field("columns: [{name: a, data_type: bigint, tests: [accepted_values]}]"),
        with_field("columns: [{name: a, data_type: bigint, tests: [{accepted_values: {values: []}}]}]"),
        with_field("columns: [{name: a, data_type: bigint, tests: [{relationships: {to: orders}}]}]"),
        with_field("columns: [{name: a, data_type: bigint, tests: [{not_null: {severity: bad}}]}]"),
        with_field("columns: [{name: a, data_type: bigint, tests: [{not_null: {threshold: -1}}]}]"),
        with_field("tests: [{expression: {}}]"),
        "pipeline: shop\nsource: {kind: postgres_audit_log, connection: shop}\ntables: {}\n".to_owned(),
        "pipeline: Shop\nsource: {kind: postgres_audit_log, connection: shop}\ntables: {orders: {from: a.b, key: [id]}}\n".to_owned(),
        "pipeline: shop\nsource: {kind: postgres_audit_log, connection: shop}\ntables: {Orders: {from: a.b, key: [id]}}\n".to_owned(),
        "pipeline: shop\nsource: {kind: postgres_audit_log, connection: shop}\ntables: {orders: {from: a.b}}\n".to_owned(),
        "pipeline: shop\nsource: {kind: postgres_audit_log, connection: shop}\ntables: {orders: {from: a.b, key: []}}\n".to_owned(),
    ] {
        assert!(super::reference_pages::read(&text).is_err(), "{text}");
        assert!(!validator.is_valid(&yaml(&text)), "{text}");
    }
}

#[test]
fn models_of_another_shape_are_refused() {
    let validator = validator(&icefront_project::schema());
    let of_model = |field: &str| format!("models: [{{name: a, {field}}}]\n");
    for text in [
        of_model("config: {materialized: incremental, unique_key: id, tags: [a], target_lag: downstream, contract: {enforced: true}}"),
        of_model("config: {materialized: table, unique_key: [a, b], target_lag: 5 minutes, on_schema_change: fail, meta: {a: 1}}"),
        of_model("columns: [{name: a, data_type: date, tests: [unique, {accepted_values: {values: [1], severity: WARN}}]}]"),
        of_model("data_tests: [{dbt_utils.expression_is_true: {arguments: {expression: a}, config: {where: b}}}, not_null:]"),
        of_model("docs: {show: true}, time_spine: {}"),
        "version: 2\nsources: [{name: crm, database: lake, tables: [{name: a, identifier: b, columns: [{name: c}]}]}]\n".to_owned(),
        "unit_tests: [{name: t, model: a, given: [{input: ref('b'), rows: [{c: 1}]}], expect: {rows: 'c', format: csv}}]\n".to_owned(),
    ] {
        assert_eq!(faults(&validator, &text), [""; 0], "{text}");
    }
    for text in [
        "nowhere: []\n".to_owned(),
        "models: {name: a}\n".to_owned(),
        "models: [{config: {}}]\n".to_owned(),
        of_model("nowhere: 1"),
        of_model("config: {nowhere: 1}"),
        of_model("config: {materialized: ephemeral}"),
        of_model("config: {pre_hook: 'select 1'}"),
        of_model("config: {target_lag: 5}"),
        of_model("config: {refresh: often}"),
        of_model("columns: [{data_type: date}]"),
        of_model("data_tests: [nowhere]"),
        of_model("data_tests: [{unique: {}, not_null: {}}]"),
        "sources: [{tables: []}]\n".to_owned(),
        "unit_tests: [{name: t, model: a}]\n".to_owned(),
        "unit_tests: [{name: t, model: a, expect: {format: xml}}]\n".to_owned(),
    ] {
        assert!(!validator.is_valid(&yaml(&text)), "{text}");
    }
}

#[tokio::test]
async fn editors_get_the_schemas_from_the_service() {
    let service = Service::of(EVENTS).audit_log().start().await;
    let answer = service.get("/v1/schemas/pipeline.json").await;
    assert_eq!(answer.headers["content-type"], "application/schema+json");
    assert_eq!(answer.body, pipeline::schema());
    let answer = service.get("/v1/schemas/models.json").await;
    assert_eq!(
        answer.body["properties"]["version"]["description"],
        json!("Has no effect.")
    );
    service
        .get("/v1/schemas/pipelines.json")
        .await
        .is_problem(404, "not-found")
        .saying("did you mean `pipeline.json`?");
}
