//! Pipelines are read anew while the service runs: by a call, by a signal, and when their files have changed.

use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Answer, ITEMS, KeyFile, Service, held_back, hold, insert, write_pipeline};

const PATH: &str = "/v1/pipelines/reload";
const IN_TIME: Duration = Duration::from_secs(40);
/// A pipeline with a table of its own over the same source.
const OTHER: &str = "
pipeline: PIPELINE
source: {kind: postgres_audit_log, connection: shop}
max_clock_skew: 1d
tables:
  others: {from: public.items, key: [id]}
";
const BROKEN: &str = "
pipeline: PIPELINE
source: {kind: postgres_audit_log, connection: shop}
tables:
  items: {from: public.items, kye: [id]}
";

impl Service {
    fn other(&self) -> String {
        format!("{}_other", self.name)
    }

    fn define_other(&self, pipeline: &str) {
        write_pipeline(self.folder.path(), &self.other(), pipeline);
    }

    fn pipeline_folder(&self, name: &str) -> PathBuf {
        self.folder.path().join("pipelines").join(name)
    }

    fn remove_other(&self) {
        std::fs::remove_dir_all(self.pipeline_folder(&self.other())).expect("removed");
    }

    async fn reload(&self) -> Answer {
        self.post(PATH, &json!({})).await.has_status(200)
    }

    async fn pipeline_of(&self, name: &str) -> Answer {
        self.get(&format!("/v1/pipelines/{name}")).await
    }

    /// Waits until the pipeline works by a definition with a text.
    async fn works_by(&self, text: &str) {
        let begun = Instant::now();
        loop {
            let pipeline = self.pipeline_of(&self.name).await.body;
            let definition = pipeline["definition"].as_str().unwrap_or_default();
            if definition.contains(text) {
                return;
            }
            assert!(begun.elapsed() < IN_TIME, "{text}: {pipeline:#}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The steps of a run that stage tables.
    async fn staged_in(&self, run: &Value) -> Vec<String> {
        let steps = self.steps(run).await;
        let names = steps
            .iter()
            .map(|step| step["name"].as_str().unwrap_or_default().to_owned());

        names.filter(|name| name.starts_with("stage.")).collect()
    }

    /// The number of runs that the schedule of the other pipeline has started.
    async fn scheduled(&self) -> usize {
        let path = format!("/v1/runs?pipeline={}&trigger=schedule", self.other());
        let answer = self.get(&path).await;

        answer.body["data"].as_array().map_or(0, Vec::len)
    }

    /// The number of runs of a pipeline that may be gone.
    async fn accepted(&self, pipeline: &str) -> i64 {
        let state = self.servers.connect(&format!("{}_state", self.name)).await;
        let count = "select count(*) from icefront.runs where pipeline = $1";
        let row = state.query_one(count, &[&pipeline]).await.expect("a count");

        row.get(0)
    }
}

/// What a reload says of a pipeline.
#[track_caller]
fn of<'a>(reload: &'a Answer, name: &str) -> &'a Value {
    let all = reload.body["pipelines"].as_array().expect("a list");
    let found = all.iter().find(|one| one["pipeline"] == name);

    found.unwrap_or_else(|| panic!("no {name}: {:#}", reload.body))
}

#[track_caller]
fn is(reload: &Answer, name: &str, outcome: &str, is_usable: bool) {
    let found = of(reload, name);
    assert_eq!(
        (&found["outcome"], &found["usable"]),
        (&json!(outcome), &json!(is_usable)),
        "{:#}",
        reload.body
    );
}

#[tokio::test]
async fn a_call_reads_new_and_changed_pipelines_and_leaves_others_alone() {
    let service = Service::items().start().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    is(&service.reload().await, &service.name, "unchanged", true);
    service.define_other(OTHER);

    let read = service.reload().await;

    is(&read, &service.name, "unchanged", true);
    is(&read, &service.other(), "read", true);
    let runs = format!("/v1/pipelines/{}/runs", service.other());
    service.post_run(&runs, &json!({})).await.succeeds();
    assert_eq!(service.count("marts.others").await, 1);
    service.define(&ITEMS.replace("items: {from", "things: {from"));
    is(&service.reload().await, &service.name, "read", true);
    service
        .get(&service.table_path("things"))
        .await
        .has_status(200);
    service
        .get(&service.table_path("items"))
        .await
        .is_problem(404, "not-found");
}

#[tokio::test]
async fn a_broken_definition_keeps_the_last_good_one_and_says_so() {
    let service = Service::items().start().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    service.define(BROKEN);

    // A second call finds the same.
    for _ in 0..2 {
        let reload = service.reload().await;
        is(&reload, &service.name, "broken", true);
        let finding = &of(&reload, &service.name)["findings"][0];
        assert_eq!(finding["line"], 5, "{finding:#}");
        assert_eq!(finding["remedy"], "did you mean `key`?", "{finding:#}");
    }

    let pipeline = service.pipeline_of(&service.name).await.body;
    assert_eq!(pipeline["usable"], true, "{pipeline:#}");
    assert_eq!(
        pipeline["error"]["type"], "urn:icefront:problem:pipeline-broken",
        "{pipeline:#}"
    );
    let text = pipeline["definition"].as_str().expect("a text");
    assert!(text.contains("key: [id]"), "{text}");
    service.run().await.succeeds();
    assert_eq!(service.count("marts.items").await, 1);
    service.define(ITEMS);
    is(&service.reload().await, &service.name, "read", true);
    let pipeline = service.pipeline_of(&service.name).await.body;
    assert!(pipeline["error"].is_null(), "{pipeline:#}");
}

#[tokio::test]
async fn a_pipeline_that_was_never_right_is_broken_until_its_files_are_right() {
    let service = Service::items().start().await;
    service.define_other(BROKEN);
    is(&service.reload().await, &service.other(), "broken", false);
    let runs = format!("/v1/pipelines/{}/runs", service.other());
    service
        .post(&runs, &json!({}))
        .await
        .is_problem(409, "pipeline-broken");

    service.define_other(OTHER);

    is(&service.reload().await, &service.other(), "read", true);
}

#[tokio::test]
async fn a_run_keeps_the_definition_that_it_began_with_and_the_next_one_takes_the_new() {
    let service = Service::items().start().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    let blocker = hold(&service).await;
    let first = service.start(&json!({})).await.has_status(202).body;
    held_back(&blocker).await;
    service.define(&ITEMS.replace("items: {from", "things: {from"));

    is(&service.reload().await, &service.name, "read", true);
    let second = service.start(&json!({})).await.has_status(202).body;
    drop(blocker);

    let first = service.ended(&first).await.succeeds();
    assert_eq!(service.staged_in(&first).await, ["stage.items"]);
    assert_eq!(service.count("marts.items").await, 1);
    let second = service.ended(&second).await.succeeds();
    assert_eq!(service.staged_in(&second).await, ["stage.things"]);
}

#[tokio::test]
async fn a_schedule_begins_with_its_pipeline_and_ends_with_it() {
    let service = Service::items().start().await;
    service.define_other(&format!("{OTHER}schedule: every 1s\n"));
    service.reload().await;
    let begun = Instant::now();
    while service.scheduled().await < 2 {
        assert!(begun.elapsed() < IN_TIME, "no run");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    service.remove_other();

    is(&service.reload().await, &service.other(), "removed", false);
    let runs = format!("/v1/pipelines/{}/runs", service.other());
    service
        .post(&runs, &json!({}))
        .await
        .is_problem(404, "not-found");
    // One may have been accepted at the same moment.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = service.accepted(&service.other()).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(service.accepted(&service.other()).await, before);
    let gone = service.reload().await;
    let all = gone.body["pipelines"].as_array().expect("a list");
    assert_eq!(all.len(), 1, "told once: {:#}", gone.body);
}

#[tokio::test]
async fn a_definition_that_writes_a_table_of_another_pipeline_is_not_taken() {
    let service = Service::items().start().await;
    service.define_other(OTHER);
    service.reload().await;
    let rival = OTHER.replace("others", "items");
    service.define_other(&rival);

    let refused = service.reload().await;

    is(&refused, &service.name, "unchanged", true);
    is(&refused, &service.other(), "broken", true);
    let detail = &of(&refused, &service.other())["findings"][0]["detail"];
    let detail = detail.as_str().expect("a text");
    let told = format!("which pipeline `{}` writes too", service.name);
    assert!(detail.contains(&told), "{detail}");
    let kept = service.pipeline_of(&service.other()).await.body;
    assert!(
        kept["definition"]
            .as_str()
            .expect("a text")
            .contains("others"),
        "{kept:#}"
    );
    // The table is free now, and the other takes it.
    service.define(&ITEMS.replace("items: {from", "things: {from"));
    let swapped = service.reload().await;
    is(&swapped, &service.name, "read", true);
    is(&swapped, &service.other(), "read", true);
    // A broken definition gives nothing free: its pipeline still writes what it wrote.
    service.define(BROKEN);
    service.define_other(&OTHER.replace("others", "things"));
    let refused = service.reload().await;
    is(&refused, &service.name, "broken", true);
    is(&refused, &service.other(), "broken", true);
}

#[tokio::test]
async fn a_signal_reads_pipelines_anew() {
    let mut service = Service::items().start().await;
    let never = [("ICEFRONT__PIPELINES__WATCH", "0s")];
    service.restart_as_process(&never).await;
    service.define(&format!("{ITEMS}poll: 1h\n"));

    tokio::time::sleep(Duration::from_secs(2)).await;
    let before = service.pipeline_of(&service.name).await.body;
    assert!(before["poll_seconds"].is_null(), "{before:#}");
    service.signal("HUP");

    service.works_by("poll: 1h").await;
}

#[tokio::test]
async fn changed_files_are_read_also_behind_the_links_of_kubernetes() {
    let mut service = Service::items().start().await;
    let root = service.folder.path().join("pipelines");
    let version = |name: &str, text: &str| {
        let folder = root.join(name).join(&service.name);
        std::fs::create_dir_all(&folder).expect("a folder");
        let text = text.replace("PIPELINE", &service.name);
        std::fs::write(folder.join("pipeline.yaml"), text).expect("a file");
    };
    // Kubernetes makes a link, and renames it over the old one.
    let swap = |name: &str| {
        symlink(name, root.join("..data_tmp")).expect("a link");
        std::fs::rename(root.join("..data_tmp"), root.join("..data")).expect("renamed");
    };
    std::fs::remove_dir_all(root.join(&service.name)).expect("removed");
    version("..1", ITEMS);
    swap("..1");
    let link = format!("..data/{}", service.name);
    symlink(link, root.join(&service.name)).expect("a link");
    version("..2", &format!("{ITEMS}poll: 1h\n"));
    version("..3", BROKEN);
    version("..4", &format!("{ITEMS}poll: 2h\n"));
    let often = [("ICEFRONT__PIPELINES__WATCH", "300ms")];
    service.restart_as_process(&often).await;
    service.works_by("key: [id]").await;

    swap("..2");
    service.works_by("poll: 1h").await;
    swap("..3");
    let begun = Instant::now();
    while service.pipeline_of(&service.name).await.body["error"].is_null() {
        assert!(begun.elapsed() < IN_TIME, "the fault is not told");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    service.works_by("poll: 1h").await;
    let log = service.program_log();
    assert!(
        log.contains("works on by its last good definition"),
        "{log}"
    );
    swap("..4");

    service.works_by("poll: 2h").await;
}

#[tokio::test]
async fn only_who_is_admin_on_all_pipelines_may_reload() {
    let mut keys = KeyFile::new();
    let all = keys.add("all", &["admin:*"], &[]);
    let some = keys.add("some", &["admin:shop*", "operator:*"], &[]);
    let service = Service::items().settings(&keys.settings()).start().await;
    let reload = async |key: &str| {
        let call = service.request(Method::POST, PATH).bearer_auth(key);
        service.call(call.json(&json!({}))).await
    };

    reload(&some).await.is_problem(403, "forbidden");
    reload(&all).await.has_status(200);
}
