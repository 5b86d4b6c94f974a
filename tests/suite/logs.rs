//! The lines of a request and of a run can be followed by their ids, in the log and in Trino.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{ITEMS, KeyFile, Service, insert, link};

impl Service {
    /// The lines of the log, which must all be JSON.
    fn log_lines(&self) -> Vec<Value> {
        let log = self.program_log();
        let lines = log.lines();

        lines
            .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}")))
            .collect()
    }
}

/// A pipeline with a test that fails for an amount of 1.
fn tested() -> String {
    ITEMS.replace(
        "key: [id]",
        "key: [id], tests: [{expression: \"amount > 1\"}]",
    )
}

/// The only line with a message, of those with a run or a request of this id.
#[track_caller]
fn line<'a>(lines: &'a [Value], id: &str, message: &str) -> &'a Value {
    let is_it = |line: &&Value| {
        (line["run_id"] == id || line["request_id"] == id) && line["message"] == message
    };
    let found: Vec<&Value> = lines.iter().filter(is_it).collect();
    assert_eq!(found.len(), 1, "{id} {message}: {found:#?}");

    found[0]
}

#[tokio::test]
async fn each_line_of_a_run_names_run_pipeline_and_step() {
    let mut service = Service::items().start().await;
    service.define(&tested());
    service.log(&[insert(1, 1, 1, "a")]).await;
    let json = [
        ("ICEFRONT__LOG__FORMAT", "json"),
        ("ICEFRONT__LOG__FILTER", "info,tokio_postgres=debug"),
    ];
    service.restart_as_process(&json).await;
    let run = service.run().await.fails_at("test.items");
    let id = run["id"].as_str().expect("an id");

    let lines = service.log_lines();

    for (message, step) in [
        ("run begins", Value::Null),
        ("step failed", json!("test.items")),
    ] {
        let line = line(&lines, id, message);
        assert_eq!(line["pipeline"], service.name, "{line:#}");
        assert_eq!(line["attempt"], 1, "{line:#}");
        assert_eq!(line["step"], step, "{line:#}");
    }
    // Those of other crates, too, which know nothing of runs.
    let is_foreign = |line: &&Value| {
        let target = line["target"].as_str().unwrap_or_default();
        target.starts_with("tokio_postgres") && line["run_id"] == id
    };
    for step in ["extract", "stage.items"] {
        let mut foreign = lines.iter().filter(is_foreign);
        let found = foreign.find(|line| line["step"] == step);
        let found = found.unwrap_or_else(|| panic!("no line of {step}"));
        assert_eq!(found["pipeline"], service.name, "{found:#}");
    }
}

#[tokio::test]
async fn a_filter_of_warnings_keeps_the_fields_of_a_run() {
    let mut service = Service::items().start().await;
    service.define(&tested());
    service.log(&[insert(1, 1, 1, "a")]).await;
    let json = [
        ("ICEFRONT__LOG__FORMAT", "json"),
        ("ICEFRONT__LOG__FILTER", "warn"),
    ];
    service.restart_as_process(&json).await;
    let run = service.run().await.fails_at("test.items");

    let lines = service.log_lines();

    let line = line(&lines, run["id"].as_str().expect("an id"), "step failed");
    assert_eq!(line["pipeline"], service.name, "{line:#}");
}

#[tokio::test]
async fn each_line_of_a_request_names_its_id_and_its_caller() {
    let mut keys = KeyFile::new();
    let key = keys.add("ann", &["viewer:*"], &[]);
    let mut service = Service::items().settings(&keys.settings()).start().await;
    let json = [
        ("ICEFRONT__LOG__FORMAT", "json"),
        ("ICEFRONT__LOG__FILTER", "info,tower_http=debug"),
    ];
    service.restart_as_process(&json).await;
    let call = service.request(Method::GET, "/v1/pipelines");
    let call = call.bearer_auth(&key).header("x-request-id", "of-ann-1");

    let answer = service.call(call).await.has_status(200);

    assert_eq!(answer.headers["x-request-id"], "of-ann-1");
    let lines = service.log_lines();
    let line = line(&lines, "of-ann-1", "finished processing request");
    assert_eq!(line["principal"], "ann", "{line:#}");
    assert_eq!(line["path"], "/v1/pipelines", "{line:#}");
}

#[tokio::test]
async fn a_statement_in_trino_names_its_run() {
    let service = Service::items().start().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    let run = service.run().await.succeeds();
    let id = run["id"].as_str().expect("an id");
    let sql = format!("{}/stage.items/sql", link(&run, "steps"));
    let sent = service.get(&sql).await.has_status(200).body;
    let query = sent["data"].as_array().expect("a list").iter();
    let query = query
        .filter_map(|one| one["trino_query_id"].as_str())
        .next_back();
    let url = format!(
        "{}/v1/query/{}",
        service.servers.trino.trim_end_matches('/'),
        query.expect("a query")
    );

    let asked = reqwest::Client::new()
        .get(url)
        .header("X-Trino-User", "icefront");
    let query = asked.send().await.expect("Trino answers");
    let query = query.text().await.expect("a text");

    let query: Value = serde_json::from_str(&query).expect("JSON");
    let session = &query["session"];
    assert_eq!(session["traceToken"], id, "{session:#}");
    let tags = session["clientTags"].as_array().expect("tags");
    for tag in [
        "icefront".to_owned(),
        format!("pipeline:{}", service.name),
        format!("run:{id}"),
    ] {
        assert!(tags.contains(&json!(tag)), "{tag}: {tags:?}");
    }
    let info = session["clientInfo"].as_str().unwrap_or_default();
    assert!(info.starts_with("icefront "), "{session:#}");
}
