//! Runs that start by themselves: by a schedule, or because a model is about to lag too much.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{ITEMS, Service, insert};

const IN_TIME: Duration = Duration::from_secs(40);

impl Service {
    /// The runs that a trigger started, the newest first.
    async fn runs_by(&self, trigger: &str) -> Vec<Value> {
        let path = format!("/v1/runs?pipeline={}&trigger={trigger}", self.name);
        let answer = self.get(&path).await.has_status(200);

        answer.body["data"].as_array().expect("a list").clone()
    }

    /// Waits until a trigger has started so many runs, and all of them have ended.
    async fn has_runs(&self, trigger: &str, count: usize) -> Vec<Value> {
        let begun = Instant::now();
        loop {
            let runs = self.runs_by(trigger).await;
            if runs.len() >= count && runs.iter().all(|run| run["terminal"] == true) {
                return runs;
            }
            assert!(begun.elapsed() < IN_TIME, "{runs:#?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn pipeline(&self) -> Value {
        let path = format!("/v1/pipelines/{}", self.name);

        self.get(&path).await.has_status(200).body
    }

    async fn set_paused(&self, is_paused: bool) -> Value {
        let what = if is_paused { "pause" } else { "resume" };
        let path = format!("/v1/pipelines/{}/{what}", self.name);

        self.post(&path, &json!({})).await.has_status(200).body
    }

    /// Lets the schedule's last look be so long ago, as if no service had been there since.
    async fn was_away(&self, interval: &str) {
        let state = self.servers.connect(&format!("{}_state", self.name)).await;
        let sql = format!(
            "update icefront.pipelines set scheduled_until = clock_timestamp() - interval '{interval}'"
        );
        state.batch_execute(&sql).await.expect("a state");
    }
}

#[tokio::test]
async fn each_time_of_a_schedule_has_one_run_although_three_services_keep_it() {
    let mut service = Service::items()
        .defined(&format!("{ITEMS}schedule: every 2s\n"))
        .start()
        .await;
    service.add_replica();
    service.add_replica();

    let runs = service.has_runs("schedule", 3).await;

    let mut periods: Vec<i64> = runs
        .iter()
        .map(|run| {
            let created = run["created_at"].as_str().expect("a time");
            let created: jiff::Timestamp = created.parse().expect("a time");
            created.as_second() / 2
        })
        .collect();
    periods.dedup();
    assert_eq!(periods.len(), runs.len(), "{runs:#?}");
    assert!(runs.iter().all(|run| run["succeeded"] == true), "{runs:#?}");
    let pipeline = service.pipeline().await;
    assert_eq!(pipeline["schedule"], "every 2s");
    assert!(pipeline["next_run_at"].is_string(), "{pipeline:#}");
}

#[tokio::test]
async fn times_that_passed_while_no_service_was_there_have_one_run_together() {
    let mut service = Service::items()
        .defined(&format!("{ITEMS}schedule: \"0 * * * *\"\n"))
        .start()
        .await;
    while service.pipeline().await["next_run_at"].is_null() {}
    tokio::time::sleep(Duration::from_millis(500)).await;
    service.end().await;
    service.was_away("5 hours").await;
    service.restart().await;
    service.add_replica();

    service.has_runs("schedule", 1).await;

    tokio::time::sleep(Duration::from_secs(2)).await;
    let runs = service.runs_by("schedule").await;
    assert_eq!(runs.len(), 1, "{runs:#?}");
}

#[tokio::test]
async fn a_paused_pipeline_starts_no_run_by_itself_even_after_a_restart() {
    let mut service = Service::items()
        .defined(&format!("{ITEMS}poll: 1s\nschedule: every 1s\n"))
        .start()
        .await;
    service.has_runs("schedule", 1).await;
    let paused = service.set_paused(true).await;
    assert_eq!(paused["paused"], true, "{paused:#}");
    assert!(paused["next_run_at"].is_null(), "{paused:#}");
    // One that was accepted before may still run.
    service.has_runs("schedule", 1).await;
    service.restart().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    let before = service.runs_by("schedule").await.len() + service.runs_by("poll").await.len();

    tokio::time::sleep(Duration::from_secs(3)).await;

    let after = service.runs_by("schedule").await.len() + service.runs_by("poll").await.len();
    assert_eq!(before, after);
    service.run().await.succeeds();
    assert_eq!(service.count("marts.items").await, 1);
    service.set_paused(false).await;
    service.has_runs("schedule", before + 1).await;
}

#[tokio::test]
async fn a_poll_rests_after_a_run_that_was_given_up_also_in_the_next_service() {
    let mut service = Service::items()
        .defined(&format!("{ITEMS}poll: 1s\n"))
        .start()
        .await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    service.has_runs("poll", 1).await;
    let state = service.connect_to_state().await;
    let give_up = "update icefront.runs set state = 'failed', finished_at = clock_timestamp() - $1::float8 * interval '1 minute',
        error = '{\"type\": \"urn:icefront:problem:given-up\", \"retryable\": true}'";
    state.execute(give_up, &[&9.5]).await.expect("given up");
    service.log(&[insert(2, 2, 2, "b")]).await;
    service.restart().await;
    let before = service.runs_by("poll").await.len();

    tokio::time::sleep(Duration::from_secs(4)).await;

    assert_eq!(service.runs_by("poll").await.len(), before);
    state.execute(give_up, &[&10.5]).await.expect("given up");
    service.has_runs("poll", before + 1).await;
    assert_eq!(service.count("marts.items").await, 2);
}

const MODEL: &str =
    "{{ config(materialized='incremental', unique_key='name', target_lag='3 seconds') }}
    select name, count(*) as items, max(id) as last_known from {{ ref('items') }} group by name";

#[tokio::test]
async fn a_model_is_kept_within_its_target_lag_and_an_idle_source_costs_no_run() {
    let mut service = Service::items().start().await;
    service.write_model("by_name.sql", MODEL);
    service.restart().await;
    service.log(&[insert(1, 1, 1, "a")]).await;

    let runs = service.has_runs("target_lag", 1).await;
    assert_eq!(runs[0]["succeeded"], true, "{runs:#?}");
    service.log(&[insert(2, 2, 2, "a")]).await;
    let begun = Instant::now();
    while service.current("by_name", "items").await != json!([[2]]) {
        assert!(begun.elapsed() < IN_TIME, "the model is not refreshed");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    let count = service.has_runs("target_lag", 2).await.len();
    // It takes one look at the source to see that nothing happened.
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert_eq!(service.runs_by("target_lag").await.len(), count);
    let freshness = service
        .get(&format!("/v1/models/{}.by_name/freshness", service.name))
        .await
        .has_status(200)
        .body;
    assert_eq!(freshness["status"], "pass", "{freshness:#}");
    assert_eq!(freshness["target_lag_seconds"], 3, "{freshness:#}");
    let lag = freshness["lag_seconds"].as_f64().expect("a lag");
    assert!(lag < 4.5, "{freshness:#}");
    let share = freshness["share_within_target"].as_f64().expect("a share");
    assert!((0.0..=1.0).contains(&share), "{freshness:#}");
    let mean = freshness["mean_lag_seconds"].as_f64().expect("a mean");
    let most = freshness["max_lag_seconds"].as_f64().expect("a maximum");
    assert!(mean <= most, "{freshness:#}");
}

#[tokio::test]
async fn a_model_that_waits_for_readers_is_refreshed_as_often_as_the_most_eager_of_them() {
    let mut service = Service::items().start().await;
    let downstream = MODEL.replace("3 seconds", "downstream");
    service.write_model("by_name.sql", &downstream);
    service.write_model("alone.sql", &downstream);
    service.write_model("seen.sql", "select * from {{ ref('by_name') }}");
    service.write_model(
        "total.sql",
        "{{ config(materialized='table', target_lag='2h') }} select sum(items) as items from {{ ref('seen') }}",
    );
    service.restart().await;

    let answer = service.get("/v1/freshness").await.has_status(200);

    let lags: Vec<&Value> = answer.body["data"]
        .as_array()
        .expect("a list")
        .iter()
        .filter(|one| one["model"] != Value::Null)
        .map(|model| &model["target_lag_seconds"])
        .collect();
    let mut hours = 0;
    for lag in &lags {
        hours += i32::from(**lag == json!(7200));
    }
    assert_eq!((lags.len(), hours), (4, 2), "{:#}", answer.body);
}
