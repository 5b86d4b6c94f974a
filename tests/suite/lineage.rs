//! A lineage server is told of runs and steps by events of OpenLineage, at least once, and never in the way of a run.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use icefront::config::Config;
use insta::assert_json_snapshot;
use jsonschema::{Retrieve, Uri};
use serde_json::{Value, json};

use crate::harness::{
    Answers, ITEMS, Received, Receiver, Service, held_back, hold, insert, shown, update,
};

const ENDS: [&str; 3] = ["COMPLETE", "FAIL", "ABORT"];
const MODELS: [(&str, &str); 3] = [
    (
        "priced.sql",
        "select id, amount, name from {{ ref('items') }} where amount is not null",
    ),
    (
        "by_name.sql",
        "{{ config(materialized='incremental', unique_key='name', description='Items by their names') }}
        select name, count(*) as items, sum(amount * 2) as revenue from {{ ref('priced') }} group by name",
    ),
    (
        "by_name.yml",
        "models: [{name: by_name, columns: [{name: name, data_tests: [not_null]}]}]",
    ),
];

/// The published schemas.
struct Schemas;

impl Schemas {
    fn folder() -> PathBuf {
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/lineage/spec")
    }

    /// The schema of this address.
    fn find(url: &str) -> Value {
        let url = url.split('#').next().expect("an address");
        let file = url.rsplit('/').next().expect("a file");
        let path = if file == "OpenLineage.json" {
            Self::folder().join(file)
        } else {
            Self::folder().join("facets").join(file)
        };
        let text = std::fs::read_to_string(&path).unwrap_or_else(|fault| panic!("{url}: {fault}"));
        let schema: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(schema["$id"], url, "the version");

        schema
    }

    /// Fails if a value is not as the schema of this address says.
    fn check(url: &str, value: &Value) {
        let validator = jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .with_retriever(Self)
            .should_validate_formats(true)
            .build(&json!({"$ref": url}))
            .unwrap_or_else(|fault| panic!("{url}: {fault}"));
        let faults: Vec<String> = validator
            .iter_errors(value)
            .map(|fault| format!("{}: {fault}", fault.instance_path()))
            .collect();
        assert!(faults.is_empty(), "{url}: {faults:#?}\n{value:#}");
    }

    /// Fails if an event or one of its facets is not as published.
    fn check_event(event: &Value) {
        Self::check(event["schemaURL"].as_str().expect("an address"), event);
        let mut facets = vec![&event["run"]["facets"], &event["job"]["facets"]];
        for side in ["inputs", "outputs"] {
            for dataset in event[side].as_array().expect("a list") {
                facets.extend(["facets", "inputFacets", "outputFacets"].map(|name| &dataset[name]));
            }
        }
        for facet in facets
            .into_iter()
            .filter_map(Value::as_object)
            .flat_map(serde_json::Map::values)
        {
            Self::check(facet["_schemaURL"].as_str().expect("an address"), facet);
            assert_eq!(facet["_producer"], event["producer"]);
        }
    }
}

impl Retrieve for Schemas {
    fn retrieve(
        &self,
        uri: &Uri<String>,
    ) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self::find(uri.as_str()))
    }
}

impl Receiver {
    /// Settings of a lineage server at this receiver.
    fn lineage(&self) -> String {
        format!(
            "[lineage]\nurl = 'http://{}/hush'\napi_key = 'hushkey'\n",
            self.address
        )
    }

    /// The events that arrived until a job had so many ends, each checked against the schemas.
    async fn is_told_ends(&self, job: &str, ends: usize) -> Events {
        let begun = Instant::now();
        loop {
            let events: Vec<Value> = self.received().iter().map(Received::body).collect();
            let is_end = |event: &&Value| {
                event["job"]["name"] == job
                    && ENDS.contains(&event["eventType"].as_str().unwrap_or_default())
            };
            if events.iter().filter(is_end).count() >= ends {
                events.iter().for_each(Schemas::check_event);
                return Events(events);
            }
            assert!(
                begun.elapsed() < Duration::from_mins(1),
                "too few events: {events:#?}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[derive(Debug)]
struct Events(Vec<Value>);

impl Events {
    /// The last event of a job of this type.
    #[track_caller]
    fn of(&self, job: &str, kind: &str) -> &Value {
        let found = self
            .0
            .iter()
            .rev()
            .find(|event| event["job"]["name"] == job && event["eventType"] == kind);

        found.unwrap_or_else(|| panic!("{job} {kind}: {:#?}", self.shown()))
    }

    /// Jobs and types, in the order of arrival.
    fn shown(&self) -> Vec<String> {
        let shown = |event: &Value| {
            let name = shown(&event["job"]["name"]);
            format!(
                "{} {}",
                event["eventType"].as_str().unwrap_or_default(),
                name.as_str().unwrap_or_default()
            )
        };

        self.0.iter().map(shown).collect()
    }

    /// Fails if a run has not one START, and after it one end.
    #[track_caller]
    fn are_cycles(&self) {
        let mut runs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for event in &self.0 {
            let run = event["run"]["runId"].as_str().expect("an id");
            let kind = event["eventType"].as_str().expect("a type");
            runs.entry(run).or_default().push(kind);
        }
        for (run, kinds) in runs {
            assert!(
                kinds.len() == 2 && kinds[0] == "START" && ENDS.contains(&kinds[1]),
                "{run}: {kinds:?} of {:#?}",
                self.shown()
            );
        }
    }
}

impl Service {
    /// Begins a service over items and two models that tells a lineage server.
    async fn with_lineage(receiver: &Receiver) -> Self {
        let pipeline = ITEMS.replace(
            "key: [id]",
            "key: [id], description: Things, columns: [{name: amount, data_type: \"decimal(10,2)\", tests: [{not_null: {severity: warn}}]}]",
        );
        let mut service = Self::items()
            .defined(&pipeline)
            .settings(&receiver.lineage())
            .start()
            .await;
        for (file, text) in MODELS {
            service.write_model(file, text);
        }
        service.restart().await;

        service
    }

    fn job(&self, step: &str) -> String {
        format!("{}.{step}", self.name)
    }
}

/// The dataset of an event whose name ends like this.
#[track_caller]
fn dataset<'a>(event: &'a Value, side: &str, name: &str) -> &'a Value {
    let found = event[side]
        .as_array()
        .expect("a list")
        .iter()
        .find(|dataset| {
            dataset["name"]
                .as_str()
                .is_some_and(|own| own.ends_with(name))
        });

    found.unwrap_or_else(|| panic!("{side} {name}: {event:#}"))
}

/// A line for each column of a dataset, and one for its rows: where they come from, and how.
fn origins(dataset: &Value) -> Vec<String> {
    let shown = |fields: &Value| {
        let fields = fields.as_array().expect("a list").iter().map(|from| {
            let table = from["name"].as_str().expect("a name");
            let table = table.rsplit('.').next().expect("a table");
            let how = &from["transformations"][0];
            let word = |value: &Value| value.as_str().expect("a word").to_owned();
            [
                table,
                ".",
                &word(&from["field"]),
                " ",
                &word(&how["type"]),
                " ",
                &word(&how["subtype"]),
            ]
            .concat()
        });
        fields.collect::<Vec<_>>().join(", ")
    };
    let lineage = &dataset["facets"]["columnLineage"];
    let columns = lineage["fields"].as_object().expect("columns");
    let columns = columns
        .iter()
        .map(|(name, from)| format!("{name}: {}", shown(&from["inputFields"])));
    let rows = format!("rows: {}", shown(&lineage["dataset"]));

    columns.chain([rows]).collect()
}

/// The facets without what all of them have.
fn plain(facets: &Value) -> Value {
    let mut facets = shown(facets);
    for facet in facets.as_object_mut().expect("facets").values_mut() {
        let facet = facet.as_object_mut().expect("a facet");
        facet.retain(|name, _| !name.starts_with('_'));
    }

    facets
}

#[tokio::test]
async fn a_run_and_its_steps_are_told_as_the_published_schemas_say() {
    let receiver = Receiver::start().await;
    let service = Service::with_lineage(&receiver).await;
    service
        .log(&[
            insert(1, 1, 1, "a"),
            insert(2, 2, 2, "b"),
            insert(3, 3, json!(null), "b"),
        ])
        .await;
    let run = service.run().await.succeeds();

    let events = receiver.is_told_ends(&service.name, 1).await;

    events.are_cycles();
    let mut told = events.shown();
    assert_eq!(told.first().map(String::as_str), Some("START test"));
    assert_eq!(told.last().map(String::as_str), Some("COMPLETE test"));
    told.retain(|event| event.starts_with("COMPLETE"));
    told.sort();
    assert_json_snapshot!(told, @r#"
    [
      "COMPLETE test",
      "COMPLETE test.extract",
      "COMPLETE test.mart.items",
      "COMPLETE test.mart.items_history",
      "COMPLETE test.model.by_name",
      "COMPLETE test.model.priced",
      "COMPLETE test.stage.items",
      "COMPLETE test.test.by_name",
      "COMPLETE test.test.items"
    ]
    "#);
    let message = &receiver.received()[0];
    assert_eq!(message.path, "/hush/api/v1/lineage");
    assert_eq!(message.header("authorization"), "Bearer hushkey");
    assert_eq!(message.header("content-type"), "application/json");
    let whole = events.of(&service.name, "COMPLETE");
    assert_eq!(whole["run"]["runId"], run["id"]);
    assert_eq!(whole["job"]["namespace"], "icefront");
    let staged = events.of(&service.job("stage.items"), "COMPLETE");
    let parent = &staged["run"]["facets"]["parent"];
    assert_eq!(parent["run"]["runId"], run["id"]);
    assert_eq!(parent["job"]["name"], service.name);
    assert_eq!(parent["root"]["run"]["runId"], run["id"]);
}

#[tokio::test]
async fn each_step_reads_what_the_one_before_wrote_with_versions_and_counts() {
    let receiver = Receiver::start().await;
    let service = Service::with_lineage(&receiver).await;
    service
        .log(&[
            insert(1, 1, 1, "a"),
            insert(2, 2, 2, "b"),
            insert(3, 3, json!(null), "b"),
        ])
        .await;
    service.run().await.succeeds();

    let events = receiver.is_told_ends(&service.name, 1).await;

    let complete = |step: &str| events.of(&service.job(step), "COMPLETE");
    // From the source through the typed log to the marts and models: each output is the next input.
    let read = complete("extract");
    let source = dataset(read, "inputs", ".public.items");
    let server: reqwest::Url = service.servers.database("x").parse().expect("an address");
    let host = server.host_str().expect("a host");
    let port = server.port().unwrap_or(5432);
    assert_eq!(source["namespace"], format!("postgres://{host}:{port}"));
    assert_eq!(
        source["name"],
        format!("{}_shop.public.items", service.name)
    );
    assert_eq!(source["inputFacets"]["inputStatistics"]["rowCount"], 3);
    let landing = dataset(read, "outputs", "_events");
    assert_eq!(landing["outputFacets"]["outputStatistics"]["rowCount"], 3);
    let staged = complete("stage.items");
    assert_eq!(
        dataset(staged, "inputs", ".public.items")["name"],
        source["name"]
    );
    let log = dataset(staged, "outputs", "_staging.items");
    assert!(
        log["namespace"]
            .as_str()
            .is_some_and(|name| name.starts_with("trino://"))
    );
    assert_eq!(log["name"], service.table("staging.items"));
    assert_eq!(log["outputFacets"]["outputStatistics"]["rowCount"], 3);
    let from = &log["facets"]["columnLineage"]["fields"]["amount"]["inputFields"];
    assert_eq!(
        *from,
        json!([{
            "namespace": source["namespace"],
            "name": source["name"],
            "field": "amount",
            "transformations": [{"type": "DIRECT", "subtype": "IDENTITY", "masking": false}],
        }])
    );
    let published = complete("mart.items");
    let log_read = dataset(published, "inputs", "_staging.items");
    assert_eq!(log_read["facets"]["version"], log["facets"]["version"]);
    let current = dataset(published, "outputs", "_marts.items");
    let snapshot = format!(
        "select snapshot_id from {} order by committed_at desc limit 1",
        {
            let table = service.table("marts.items");
            let (schema, table) = table.rsplit_once('.').expect("a table");
            format!("{schema}.\"{table}$snapshots\"")
        }
    );
    let snapshot = service.query(&snapshot).await;
    assert_eq!(
        current["facets"]["version"]["datasetVersion"],
        json!(snapshot[0][0].to_string().trim_matches('"'))
    );
}

#[tokio::test]
async fn a_model_has_its_query_the_origin_of_its_columns_and_its_tests() {
    let receiver = Receiver::start().await;
    let service = Service::with_lineage(&receiver).await;
    service
        .log(&[
            insert(1, 1, 1, "a"),
            insert(2, 2, 2, "b"),
            insert(3, 3, json!(null), "b"),
        ])
        .await;
    service.run().await.succeeds();

    let events = receiver.is_told_ends(&service.name, 1).await;

    let complete = |step: &str| events.of(&service.job(step), "COMPLETE");
    let model = complete("model.by_name");
    assert!(model["run"]["facets"]["externalQuery"]["externalQueryId"].is_string());
    let ids = model["run"]["facets"]["externalQuery"]["externalQueryIds"].as_array();
    assert!(ids.is_some_and(|ids| !ids.is_empty()), "{model:#}");
    dataset(model, "inputs", "_marts.priced");
    let made = dataset(model, "outputs", "_marts.by_name");
    assert_eq!(
        made["facets"]["schema"]["fields"],
        json!([
            {"name": "name", "type": "varchar"},
            {"name": "items", "type": "bigint"},
            {"name": "revenue", "type": "decimal(38,2)"},
        ])
    );
    assert_eq!(
        origins(made),
        [
            "name: priced.name DIRECT IDENTITY",
            "items: ",
            "revenue: priced.amount DIRECT AGGREGATION",
            "rows: priced.name INDIRECT GROUP_BY",
        ]
    );
    assert_eq!(made["facets"]["datasetType"]["datasetType"], "TABLE");
    assert!(made["facets"]["version"]["datasetVersion"].is_string());
    let meaning = "Items by their names";
    assert_eq!(made["facets"]["documentation"]["description"], meaning);
    let tested = complete("test.by_name");
    let tested = dataset(tested, "inputs", "_marts.by_name");
    assert_json_snapshot!(plain(&tested["inputFacets"]), @r#"
    {
      "dataQualityAssertions": {
        "assertions": [
          {
            "assertion": "not_null_by_name_name",
            "name": "not_null_by_name_name",
            "success": true,
            "severity": "error",
            "expected": "0",
            "actual": "0",
            "column": "name"
          }
        ]
      }
    }
    "#);
    let warned = dataset(complete("test.items"), "inputs", "_staging.items");
    let assertion = &warned["inputFacets"]["dataQualityAssertions"]["assertions"][0];
    assert_eq!(assertion["success"], false, "{assertion:#}");
    assert_eq!(assertion["severity"], "warn", "{assertion:#}");
    let job = &model["job"]["facets"];
    assert_eq!(job["jobType"]["jobType"], "MODEL", "{job:#}");
    assert_eq!(job["sql"]["dialect"], "trino", "{job:#}");
    let query = job["sql"]["query"].as_str().expect("SQL");
    assert!(query.contains("sum(amount * 2) as revenue"), "{query}");
    assert_eq!(job["documentation"]["description"], meaning);
}

#[tokio::test]
async fn a_run_that_fails_tells_why_and_its_retry_is_another_run() {
    let receiver = Receiver::start().await;
    let service = Service::with_lineage(&receiver).await;
    service
        .write("alter table audit_log_dml rename to gone")
        .await;
    let run = service.run().await.fails();

    let events = receiver.is_told_ends(&service.name, 1).await;

    events.are_cycles();
    for job in [service.name.clone(), service.job("extract")] {
        let failed = events.of(&job, "FAIL");
        let error = &failed["run"]["facets"]["errorMessage"];
        assert_eq!(error["message"], run["error"]["detail"], "{failed:#}");
        assert_eq!(failed["outputs"], json!([]), "{failed:#}");
    }
    service
        .write("alter table gone rename to audit_log_dml")
        .await;
    service.retry(&run).await;
    service.ended(&run).await.succeeds();
    let events = receiver.is_told_ends(&service.name, 2).await;
    events.are_cycles();
    let first = events.of(&service.name, "FAIL");
    let second = events.of(&service.name, "COMPLETE");
    assert_eq!(first["run"]["runId"], run["id"]);
    assert_ne!(second["run"]["runId"], run["id"]);
    let step = events.of(&service.job("extract"), "COMPLETE");
    let parent = &step["run"]["facets"]["parent"];
    assert_eq!(parent["run"]["runId"], second["run"]["runId"]);
}

#[tokio::test]
async fn a_cancelled_run_is_aborted_with_its_step_and_one_that_waited_is_not_told() {
    let receiver = Receiver::start().await;
    let service = Service::with_lineage(&receiver).await;
    let held = hold(&service).await;
    let active = service.start(&json!({})).await;
    service.begins(&active.body).await;
    held_back(&held).await;
    let waiting = service.start(&json!({})).await;
    service.cancel(&waiting.body).await.has_status(200);
    service.cancel(&active.body).await.has_status(202);
    service.ended(&active.body).await.was_cancelled();

    let events = receiver.is_told_ends(&service.name, 1).await;
    drop(held);

    events.are_cycles();
    assert_eq!(
        events.shown(),
        [
            "START test",
            "START test.extract",
            "ABORT test.extract",
            "ABORT test"
        ]
    );
    let aborted = events.of(&service.name, "ABORT");
    assert_eq!(aborted["run"]["runId"], active.body["id"]);
}

#[tokio::test]
async fn a_run_that_survives_a_kill_is_one_run_and_its_lost_step_is_aborted() {
    let receiver = Receiver::start().await;
    let mut service = Service::with_lineage(&receiver).await;
    let held = hold(&service).await;
    let run = service.start(&json!({})).await;
    service.begins(&run.body).await;
    held_back(&held).await;

    service.restart().await;
    drop(held);
    service.ended(&run.body).await.succeeds();

    let events = receiver.is_told_ends(&service.name, 1).await;
    events.are_cycles();
    let whole = |event: &&String| event.ends_with(" test");
    assert_eq!(
        events.shown().iter().filter(whole).count(),
        2,
        "{:#?}",
        events.shown()
    );
    assert_eq!(
        events.of(&service.job("extract"), "ABORT")["run"]["facets"]["parent"]["run"]["runId"],
        run.body["id"]
    );
    events.of(&service.job("extract"), "COMPLETE");
}

#[tokio::test]
async fn the_run_of_airflow_is_the_parent_and_a_retry_of_the_task_is_the_same_run_here() {
    let receiver = Receiver::start().await;
    let service = Service::with_lineage(&receiver).await;
    service
        .write("alter table audit_log_dml rename to gone")
        .await;
    let (first, second) = (uuid::Uuid::now_v7(), uuid::Uuid::now_v7());
    let start = async |task: uuid::Uuid| {
        let body = json!({
            "on_failed": "rerun",
            "openlineage": {
                "parent_id": format!("default/shop_hourly.run/{task}"),
                "root_parent_id": format!("default/shop_hourly/{first}"),
            },
        });
        let request = service
            .request(reqwest::Method::POST, &service.runs_path())
            .header("Idempotency-Key", "dag/run")
            .json(&body);
        service.call(request).await
    };
    let run = start(first).await;
    service.ended(&run.body).await.fails();
    service
        .write("alter table gone rename to audit_log_dml")
        .await;
    let again = start(second).await;
    assert_eq!(again.body["id"], run.body["id"]);
    assert_eq!(
        again.body["request"]["openlineage"]["parent_id"],
        format!("default/shop_hourly.run/{second}")
    );
    service.ended(&run.body).await.succeeds();

    let events = receiver.is_told_ends(&service.name, 2).await;

    for (kind, task) in [("FAIL", first), ("COMPLETE", second)] {
        let parent = &events.of(&service.name, kind)["run"]["facets"]["parent"];
        assert_eq!(parent["run"]["runId"], json!(task), "{parent:#}");
        assert_eq!(parent["job"]["name"], "shop_hourly.run");
        assert_eq!(parent["job"]["namespace"], "default");
        assert_eq!(parent["root"]["job"]["name"], "shop_hourly");
    }
    let step = &events.of(&service.job("extract"), "COMPLETE")["run"]["facets"]["parent"];
    assert_eq!(step["root"]["run"]["runId"], json!(first));
    service
        .start(&json!({"openlineage": {"parent_id": "default/shop_hourly.run"}}))
        .await
        .is_problem(422, "invalid-request")
        .about("openlineage.parent_id")
        .saying("lineage_parent_id");
}

/// A service whose lineage server is away, and the server's address.
async fn without_server() -> (Service, SocketAddr) {
    let away = Receiver::start().await;
    let (address, settings) = (away.address, away.lineage());
    drop(away);

    (Service::items().settings(&settings).start().await, address)
}

#[tokio::test]
async fn a_lineage_server_that_was_away_gets_all_events_in_their_order() {
    let (service, address) = without_server().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    service.run().await.succeeds();
    let state = service.connect_to_state().await;
    let tries = "select max(tries), count(*) from icefront.deliveries where tries > 0";
    let began = std::time::Instant::now();
    let tries = loop {
        let tries = state.query_one(tries, &[]).await.expect("a row");
        if tries.get::<_, Option<i32>>(0) > Some(1) {
            break tries;
        }
        assert!(
            began.elapsed() < Duration::from_mins(1),
            "it is tried again"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(
        tries.get::<_, i64>(1),
        1,
        "the others wait for the first one"
    );

    let receiver = Receiver::start_at(address).await;
    let hurry = "update icefront.deliveries set next_try_at = clock_timestamp()";
    state.batch_execute(hurry).await.expect("hurried");

    receiver.is_told_ends(&service.name, 1).await.are_cycles();
}

#[tokio::test]
async fn after_a_day_without_the_server_events_are_given_up_and_later_ones_come() {
    let (service, address) = without_server().await;
    service.run().await.succeeds();
    let state = service.connect_to_state().await;
    let count = async |which: &str| {
        let count = format!("select count(*) from icefront.deliveries where {which}");
        let row = state.query_one(&count, &[]).await.expect("a row");
        row.get::<_, i64>(0)
    };
    let all = count("true").await;
    let a_day = "update icefront.deliveries
        set created_at = created_at - interval '25 hours', next_try_at = clock_timestamp()";
    state.batch_execute(a_day).await.expect("older");
    let begun = Instant::now();
    while count("state = 'failed'").await < all {
        assert!(begun.elapsed() < Duration::from_mins(1));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    let receiver = Receiver::start_at(address).await;
    service.run().await.succeeds();

    receiver.is_told_ends(&service.name, 1).await.are_cycles();
    // Too many events: further ones are given up at once.
    let fill = "insert into icefront.deliveries (receiver, message_id, event, body, next_try_at)
        select 'lineage', gen_random_uuid(), 'START', '{}', clock_timestamp() + interval '1 hour'
        from generate_series(1, 50000)";
    state.batch_execute(fill).await.expect("filled");
    service.run().await.succeeds();
    assert!(count("state = 'failed' and reason = 'too_many_waiting'").await > 2);
}

#[tokio::test]
async fn an_event_that_is_refused_is_given_up_and_holds_up_no_other() {
    let receiver = Receiver::start().await;
    receiver.answers([Answers::Status(422)]);
    let service = Service::items().settings(&receiver.lineage()).start().await;
    service.run().await.succeeds();

    receiver.is_told_ends(&service.name, 1).await.are_cycles();
    let state = service.connect_to_state().await;
    let failed = "select event, reason, tries from icefront.deliveries where state = 'failed'";
    let failed = state.query(failed, &[]).await.expect("rows");
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].get::<_, &str>("event"), "START");
    assert_eq!(failed[0].get::<_, i32>("tries"), 1);
}

#[tokio::test]
async fn the_usual_variables_set_the_server_and_can_switch_it_off() {
    let receiver = Receiver::start().await;
    let mut service = Service::items().start().await;
    service.run().await.succeeds();
    let state = service.connect_to_state().await;
    let count = "select count(*) from icefront.deliveries";
    let count = async || {
        let row = state.query_one(count, &[]).await.expect("a row");
        row.get::<_, i64>(0)
    };
    assert_eq!(count().await, 0, "it is off by default");
    let url = format!("http://{}", receiver.address);
    let variables = [
        ("OPENLINEAGE_URL", url.as_str()),
        ("OPENLINEAGE_ENDPOINT", "openapi/lineage"),
        ("OPENLINEAGE_API_KEY", "hushkey"),
        ("OPENLINEAGE_NAMESPACE", "prod"),
    ];
    let off = [variables.as_slice(), &[("OPENLINEAGE_DISABLED", "true")]].concat();
    service.restart_as_process(&off).await;
    service.run().await.succeeds();
    assert_eq!(count().await, 0, "it is switched off");
    service
        .restart_as_process(&[variables.as_slice(), &[("ICEFRONT__LOG__FILTER", "debug")]].concat())
        .await;
    service.run().await.succeeds();

    let events = receiver.is_told_ends(&service.name, 1).await;

    let told = events.of(&service.name, "COMPLETE");
    assert_eq!(told["job"]["namespace"], "prod");
    let message = &receiver.received()[0];
    assert_eq!(message.path, "/openapi/lineage");
    assert_eq!(message.header("authorization"), "Bearer hushkey");
    assert!(!service.program_log().contains("hushkey"));
}

#[tokio::test]
async fn a_refresh_without_news_and_an_update_have_the_versions_that_they_read() {
    let receiver = Receiver::start().await;
    let service = Service::with_lineage(&receiver).await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    service.run().await.succeeds();
    service.run().await.succeeds();
    service.log(&[update(2, 1, 2, "a")]).await;
    service.run().await.succeeds();

    let mut events = receiver.is_told_ends(&service.name, 3).await;
    // The events of different runs may overtake each other.
    events
        .0
        .sort_by_key(|event| event["eventTime"].as_str().map(str::to_owned));

    let versions = |step: &str, side: &str, name: &str| -> Vec<&Value> {
        let job = service.job(step);
        events
            .0
            .iter()
            .filter(|event| event["job"]["name"] == *job && event["eventType"] == "COMPLETE")
            .map(|event| &dataset(event, side, name)["facets"]["version"]["datasetVersion"])
            .collect()
    };
    for (step, side, name) in [
        ("stage.items", "outputs", "_staging.items"),
        ("mart.items", "inputs", "_staging.items"),
        ("mart.items", "outputs", "_marts.items"),
        ("mart.items_history", "outputs", "_marts.items_history"),
        ("model.by_name", "outputs", "_marts.by_name"),
    ] {
        let of = versions(step, side, name);
        assert!(
            of.iter().all(|version| version.is_string()),
            "{step} {name}: {of:?}"
        );
        assert_eq!(of[0], of[1], "{step} {name}: nothing was new");
        assert_ne!(of[1], of[2], "{step} {name}");
    }
}

#[test]
fn a_lineage_server_that_cannot_be_called_stops_the_start_with_what_to_do() {
    let cases = [
        ("url = 'marquez/hush'", "`lineage.url` is not an address"),
        (
            "url = 'http://marquez'\napi_key_file = '/nowhere'",
            "`lineage.api_key_file` names `/nowhere`",
        ),
        (
            "url = 'http://marquez'\nnamespace = ' '",
            "`lineage.namespace` is empty",
        ),
        ("urll = 'http://marquez/hush'", "did you mean `url`?"),
    ];
    for (lineage, expected) in cases {
        let file = tempfile::NamedTempFile::with_suffix(".toml").expect("a file");
        let settings = format!(
            "state.url = ''\nlanding = {{ write_to = '', read_from = '' }}\ntrino = {{ url = '', catalog = '' }}\n[lineage]\n{lineage}"
        );
        std::fs::write(file.path(), settings).expect("settings");

        let fault = Config::load(Some(file.path()))
            .and_then(|config| config.lineage.receiver().map(drop))
            .expect_err(lineage)
            .to_string();

        assert!(fault.contains(expected), "{lineage}: {fault}");
        assert!(!fault.contains("hush"), "{lineage}: {fault}");
    }
}
