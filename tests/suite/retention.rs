//! What is old goes once a day, and what something needs stays.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::harness::{ITEMS, Run, Servers, Service, insert, update};

const IN_TIME: Duration = Duration::from_secs(40);
/// Runs that ended long ago, all older than the real ones. Each has two events beside its last, and a statement about a table.
const OLD_RUNS: &str = "
insert into icefront.runs (id, pipeline, state, request, task, attempt, created_at, started_at, finished_at)
select
  ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, $1, 'succeeded', '{}', '{\"kind\": \"build\"}', 1,
  clock_timestamp() - interval '100 days', clock_timestamp() - interval '100 days', clock_timestamp() - interval '100 days'
from generate_series(1, 300) as n";
const THEIR_EVENTS: &str = "
insert into icefront.run_events (run_id, number, name, data)
select id, number, 'run', '{}' from icefront.runs, generate_series(2, 3) as number where id < '00000000-0000-7000-9000-000000000000'";
const THEIR_LAST_EVENT: &str =
    "update icefront.runs set last_event = 3 where id < '00000000-0000-7000-9000-000000000000'";
const THEIR_STATEMENTS: &str = "
insert into icefront.statements (id, run_id, pipeline, step, attempt, target, sql, state, started_at)
overriding system value
select
  n - 1000, ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, $1, 'mart.items', 1,
  case when n = 150 then 'lake.other.table' else $2 end, 'merge', case when n = 150 then 'sent' else 'succeeded' end,
  clock_timestamp() - interval '100 days'
from generate_series(1, 300) as n";
const COUNT_OLD: &str =
    "select count(*) from icefront.runs where id < '00000000-0000-7000-9000-000000000000'";

async fn count(state: &Client, sql: &str) -> i64 {
    state.query_one(sql, &[]).await.expect("a count").get(0)
}

impl Service {
    async fn maintains(&self, dry_run: bool) -> Run {
        let body = json!({"pipeline": self.name, "dry_run": dry_run});

        self.post_run("/v1/maintenance/runs", &body)
            .await
            .succeeds()
    }

    /// Gives the pipeline 300 runs that ended 100 days ago.
    async fn has_old_runs(&self) -> Client {
        let state = self.connect_to_state().await;
        let table = self.table("marts.items");
        let made = async {
            state.execute(OLD_RUNS, &[&self.name]).await?;
            state.execute(THEIR_LAST_EVENT, &[]).await?;
            state.execute(THEIR_EVENTS, &[]).await?;
            state.execute(THEIR_STATEMENTS, &[&self.name, &table]).await
        };
        made.await.expect("old runs");

        state
    }

    async fn runs_of_maintenance(&self) -> Vec<Value> {
        let path = format!("/v1/runs?pipeline={}&kind=maintenance", self.name);
        let answer = self.get(&path).await.has_status(200);

        answer.body["data"].as_array().expect("a list").clone()
    }
}

#[tokio::test]
async fn old_runs_events_and_sql_go_and_a_dry_run_says_the_same_numbers_and_deletes_nothing() {
    let service = Service::items().start().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    service.run().await.succeeds();
    let state = service.has_old_runs().await;
    let emptied = "select count(*) from icefront.statements where id > 0 and sql = ''";

    let would = service.maintains(true).await;

    assert_eq!(would["kind"], "maintenance");
    assert_eq!(would["request"]["dry_run"], true);
    assert_eq!(count(&state, COUNT_OLD).await, 300);
    let went = service.maintains(false).await;
    // The first run, the last 20 builds and the one with a lost statement stay.
    for run in [&would, &went] {
        run.counts("runs_expired", 279)
            .counts("events_expired", 600)
            .counts("sql_expired", 299)
            .counts("snapshots_expired", 0);
    }
    assert_eq!(count(&state, COUNT_OLD).await, 21);
    assert_eq!(count(&state, emptied).await, 0, "statements of today");
    let left = "select count(*) from icefront.statements where id < 0 and sql <> ''";
    assert_eq!(count(&state, left).await, 1, "the lost one");
    service
        .get("/v1/runs/00000000-0000-7000-8000-000000000064")
        .await
        .has_status(404);
    service.maintains(false).await.counts("runs_expired", 0);
    service.log(&[update(2, 1, 2, "b")]).await;
    service.run().await.succeeds().counts("updated", 1);
}

#[tokio::test]
async fn what_a_pipeline_needs_stays_and_counts_of_changes_outlive_their_runs() {
    let service = Service::items().start().await;
    for (id, name) in [(1, "a"), (2, "b"), (3, "c")] {
        service.log(&[insert(id, id, 1, name)]).await;
        service.run().await.succeeds().counts("inserted", 1);
    }
    let state = service.connect_to_state().await;
    // Later builds are the last 20; the ends of all are long ago.
    let later = "insert into icefront.runs (id, pipeline, state, request, task, created_at, started_at, finished_at)
        select ('ffffffff-ffff-7fff-bfff-' || lpad(to_hex(n), 12, '0'))::uuid, $1, 'succeeded', '{}', '{\"kind\": \"build\"}',
          clock_timestamp(), clock_timestamp(), clock_timestamp()
        from generate_series(1, 20) as n";
    state.execute(later, &[&service.name]).await.expect("runs");
    let age = "update icefront.runs set finished_at = finished_at - interval '200 days'";
    state.batch_execute(age).await.expect("aged");
    let age = "update icefront.statements set started_at = started_at - interval '200 days'";
    state.batch_execute(age).await.expect("aged");

    // The first run is the pipeline's first, the third wrote its tables last.
    service.maintains(false).await.counts("runs_expired", 1);

    let changes = format!("/v1/changes?table={}.items&by=run&limit=10", service.name);
    let sums = service.get(&changes).await.has_status(200).body;
    assert_eq!(sums["data"].as_array().map(Vec::len), Some(3), "{sums:#}");
    service.log(&[update(4, 1, 2, "d")]).await;
    service.run().await.succeeds().counts("updated", 1);
    service.verifies("items").await;
}

#[tokio::test]
async fn a_kill_between_two_chunks_loses_nothing_and_the_next_attempt_deletes_the_rest() {
    let mut service = Service::items().start().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    service.run().await.succeeds();
    let state = service.has_old_runs().await;
    // Deletion begins with the oldest end, and waits at the run that is held.
    let order = "update icefront.runs set finished_at = finished_at + ('x' || right(id::text, 8))::bit(32)::integer * interval '1 second'
        where id < '00000000-0000-7000-9000-000000000000'";
    state.batch_execute(order).await.expect("ordered");
    service.restart_as_process(&[]).await;
    let blocker = service.connect_to_state().await;
    let hold = "begin; select id from icefront.runs where id = '00000000-0000-7000-8000-000000000078' for update";
    blocker.batch_execute(hold).await.expect("held");

    let body = json!({"pipeline": service.name});
    let started = service.post("/v1/maintenance/runs", &body).await;
    let started = started.has_status(202).body;
    let begun = Instant::now();
    while count(&state, COUNT_OLD).await > 250 {
        assert!(begun.elapsed() < IN_TIME, "nothing is deleted");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    service.signal("KILL");
    blocker.batch_execute("rollback").await.expect("released");
    service.restart().await;

    service.ended(&started).await.succeeds();
    assert_eq!(count(&state, COUNT_OLD).await, 21);
    service.log(&[update(2, 1, 2, "b")]).await;
    service.run().await.succeeds().counts("updated", 1);
}

#[tokio::test]
async fn the_daily_time_starts_one_maintenance_over_two_services() {
    let mut service = Service::items()
        .settings("retention.at = '03:00'")
        .start()
        .await;
    let state = service.connect_to_state().await;
    let begun = Instant::now();
    let counted = "select count(*) from icefront.pipelines where maintained_until is not null";
    while count(&state, counted).await == 0 {
        assert!(begun.elapsed() < IN_TIME, "no time is noted");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    service.end().await;
    let away =
        "update icefront.pipelines set maintained_until = clock_timestamp() - interval '3 days'";
    state.batch_execute(away).await.expect("away");
    service.restart().await;
    service.add_replica();

    let begun = Instant::now();
    while service.runs_of_maintenance().await.is_empty() {
        assert!(begun.elapsed() < IN_TIME, "no run is started");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let runs = service.runs_of_maintenance().await;
    assert_eq!(runs.len(), 1, "{runs:#?}");
    let run = service.ended(&runs[0]).await.succeeds();
    assert_eq!(run["trigger"], "schedule");
    let scheduled = run["scheduled_for_at"].as_str().expect("a time");
    assert!(scheduled.contains("T03:00:00"), "{scheduled}");
}

/// Settings by which every snapshot is old at once.
fn nothing_kept() -> String {
    let catalog = Servers::find().catalog;

    format!(
        "retention.snapshots = '0s'\ntrino.session = {{ '{catalog}.expire_snapshots_min_retention' = '0s' }}"
    )
}

#[tokio::test]
async fn snapshots_expire_but_a_model_that_lags_behind_still_refreshes_incrementally() {
    let mut service = Service::items().settings(&nothing_kept()).start().await;
    service.write_model(
        "by_name.sql",
        "{{ config(materialized='incremental', unique_key='name') }}
        select name, count(*) as items, sum(amount) as amount from {{ ref('items') }} group by name",
    );
    service.restart().await;
    service
        .log(&[insert(1, 1, 1, "a"), insert(2, 2, 2, "b")])
        .await;
    service.run().await.succeeds();
    // By more than the margin of maintenance.
    tokio::time::sleep(Duration::from_secs(6)).await;
    service.log(&[update(3, 2, 3, "b")]).await;
    service.run().await.succeeds();
    let tables = json!({"steps": ["extract", "staging", "marts"]});
    for id in [4, 5] {
        service.log(&[update(id, 1, id, "a")]).await;
        service.run_with(&tables).await.succeeds();
    }
    let current = service.table("marts.items");
    let (catalog_and_schema, table) = current.rsplit_once('.').expect("a table");
    let snapshots = format!("select count(*) from {catalog_and_schema}.\"{table}$snapshots\"");
    let before = service.query(&snapshots).await;

    service.maintains(false).await;

    let after = service.query(&snapshots).await;
    assert!(
        after[0][0].as_i64() < before[0][0].as_i64(),
        "{before:?} {after:?}"
    );
    service.run().await.succeeds();
    let path = format!("/v1/models/{}.by_name/refreshes?limit=1", service.name);
    let refresh = service.get(&path).await.has_status(200).body;
    assert_eq!(refresh["data"][0]["action"], "incremental", "{refresh:#}");
    let rows = service
        .query("select name, items, cast(amount as varchar) from {marts.by_name} order by name");
    assert_eq!(
        rows.await,
        [
            [json!("a"), json!(1), json!("5.00")],
            [json!("b"), json!(1), json!("3.00")]
        ]
    );
    service.log(&[update(6, 1, 6, "a")]).await;
    service.run().await.succeeds();
    service.verifies("items").await;
}

#[tokio::test]
async fn at_night_row_changes_are_gone_with_their_snapshots_but_a_consumer_keeps_its_own() {
    let service = Service::items().settings(&nothing_kept()).start().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    service.run().await.succeeds();
    let changes = format!("{}/changes/rows", service.table_path("items"));
    let end = service.get(&format!("{changes}?from=end")).await;
    let cursor = end.has_status(200).body["cursor"].clone();
    let cursor = cursor.as_str().expect("a cursor").to_owned();
    // By more than the margin of maintenance.
    tokio::time::sleep(Duration::from_secs(6)).await;
    for id in [2, 3, 4] {
        service.log(&[update(id, 1, id, "b")]).await;
        service.run().await.succeeds();
    }
    let consumer = format!("/v1/consumers/reader_of_{}", service.name);
    let body = json!({"table": format!("{}.items", service.name), "cursor": cursor});
    let put = service.request(reqwest::Method::PUT, &consumer).json(&body);
    service.call(put).await.has_status(200);

    service.maintains(false).await;
    let after = format!("{changes}?after={cursor}");
    service.get(&after).await.has_status(200);
    let delete = service.request(reqwest::Method::DELETE, &consumer);
    service.call(delete).await.has_status(200);
    service.maintains(false).await;

    service
        .get(&after)
        .await
        .is_problem(410, "changes-gone")
        .saying("expired");
}

#[tokio::test]
async fn old_rejects_go_if_the_settings_limit_their_age_and_younger_ones_stay() {
    let service = Service::items()
        .settings("retention.rejects = '30d'")
        .start()
        .await;
    let events = [
        insert(1, 1, 1, "a"),
        insert(2, 2, "x", "b"),
        insert(3, 3, "y", "c"),
    ];
    service.log(&events).await;
    service.run().await.succeeds().counts("rejected", 2);
    let age = "update {staging.PIPELINE_rejects} set rejected_at = rejected_at - interval '31' day where audit_event_id = 2";
    service.query(age).await;
    let rejects = "select audit_event_id from {staging.PIPELINE_rejects} order by 1";

    let would = service.maintains(true).await;

    would.counts("rejects_expired", 1);
    assert_eq!(service.rows(rejects).await, json!([[2], [3]]));
    let did = service.maintains(false).await;
    did.counts("rejects_expired", 1);
    assert_eq!(service.rows(rejects).await, json!([[3]]));
    service.log(&[insert(4, 4, 4, "d")]).await;
    service.run().await.succeeds();
    service.verifies("items").await;
}

#[tokio::test]
async fn settings_that_keep_too_little_are_refused_with_words() {
    let mut service = Service::of(ITEMS)
        .audit_log()
        .tables("create table items (id bigint, amount numeric(10,2), name text);")
        .start()
        .await;
    service.end().await;
    for (settings, words) in [
        ("retention.runs = '1d'", "`retention.sql` is longer"),
        ("retention.sql = '1h'", "`retention.sql` is less than 1 d"),
        (
            "retention.snapshots = '1d'",
            "`retention.snapshots` is less than 7 d",
        ),
        ("runs.keep_keys = '400d'", "shorter than `runs.keep_keys`"),
        ("retention.at = '3am'", "`03:00`, or `off`"),
        (
            "retention.rejects = '1h'",
            "`retention.rejects` is less than 1 d",
        ),
        ("retention.rejects = 'never'", "such as `400d`, or `off`"),
    ] {
        service.configure(settings);
        let read =
            icefront::config::Config::load(Some(&service.folder.path().join("icefront.toml")));
        let fault = read.expect_err(settings).to_string();
        assert!(fault.contains(words), "{settings}: {fault}");
    }
}

#[tokio::test]
async fn what_is_old_is_found_by_an_index_among_many_young_rows() {
    let service = Service::items().start().await;
    service.ready().await;
    let state = service.has_old_runs().await;
    let young = "insert into icefront.runs (id, pipeline, state, request, finished_at)
        select gen_random_uuid(), $1, 'succeeded', '{}', clock_timestamp() from generate_series(1, 20000)";
    state.execute(young, &[&service.name]).await.expect("runs");
    let young =
        "insert into icefront.statements (run_id, pipeline, step, attempt, target, sql, state)
        select id, pipeline, 'mart.items', 1, 'lake.marts.items', 'merge', 'succeeded'
        from icefront.runs where finished_at > clock_timestamp() - interval '1 day'";
    state.execute(young, &[]).await.expect("statements");
    state.batch_execute("analyze").await.expect("analysed");
    let file = include_str!("../../sql/statements/state/retention.sql");

    for (name, index) in [
        ("count_old_sql", "statements_with_sql"),
        ("count_old_events", "runs_ended"),
    ] {
        let (_, rest) = file
            .split_once(&format!("-- name: {name}\n"))
            .expect("a statement");
        let statement = rest.split("\n-- name: ").next().expect("a statement");
        let statement = statement
            .replace("$1", &format!("'{}'", service.name))
            .replace("$2", "now() - interval '90 days'");
        let explain = format!("explain\n{statement}");
        let plan = state.query(&explain, &[]).await.expect(name);
        let lines: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
        assert!(
            lines.iter().any(|line| line.contains(index)),
            "{name}: {lines:#?}"
        );
    }
}
