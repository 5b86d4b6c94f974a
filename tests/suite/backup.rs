//! The state database is restored from a backup that is older than the tables. Batches are counted on, and every event counts once.

use serde_json::{Value, json};

use crate::harness::{Drops, Service, insert, update};

const PEOPLE: &str = "
pipeline: PIPELINE
source: {kind: postgres_table, connection: shop}
tables:
  people: {from: public.people, key: [id], cursor: updated_at, overlap: 0s}
";
const PEOPLE_TABLE: &str = "
create table people (id bigint primary key, name text, updated_at timestamptz not null default now());
";
const VERSIONS: &str = "
select id, name, cast(valid_from as varchar), cast(valid_to as varchar)
from {marts.people_history} order by id, valid_from
";

const AMOUNTS: &str = "
{{ config(materialized = 'incremental', unique_key = 'name') }}
select name, sum(amount) as amount from {{ ref('items') }} group by name
";

/// A copy of the state database at some time.
struct Backup {
    database: String,
}

impl Service {
    /// Copies the state database, as `pg_dump` and `pg_restore` would. The service is stopped meanwhile.
    async fn back_up(&mut self) -> Backup {
        let backup = Backup {
            database: format!("{}_backup", self.name),
        };
        self.end().await;
        self.copy(&format!("{}_state", self.name), &backup.database)
            .await;
        self.restart().await;

        backup
    }

    /// Replaces the state database by the copy, and starts the service over it.
    async fn restore(&mut self, backup: &Backup) {
        self.end().await;
        let state = format!("{}_state", self.name);
        self.on_server(&format!("drop database {state} with (force)"))
            .await;
        self.copy(&backup.database, &state).await;
        self.restart().await;
    }

    /// Copies a database; whoever is still connected is cut off.
    async fn copy(&self, from: &str, to: &str) {
        let cut = format!(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{from}'"
        );
        let copy = format!("create database {to} template {from}");
        let server = self.servers.connect("postgres").await;
        for _ in 0..100 {
            server.batch_execute(&cut).await.expect("cut off");
            // A session that is cut off needs a moment to end.
            if server.batch_execute(&copy).await.is_ok() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("`{from}` cannot be copied");
    }

    async fn on_server(&self, sql: &str) {
        let server = self.servers.connect("postgres").await;
        server.batch_execute(sql).await.expect(sql);
    }

    /// The batches in the landing table, with the number of their events.
    async fn landed(&self) -> Value {
        let sql = "select _batch_id, count(*) from {landing.PIPELINE_events} group by 1 order by 1";

        self.rows(sql).await
    }
}

#[tokio::test]
async fn an_audit_log_is_read_again_from_the_backup_on_and_no_event_counts_twice() {
    let mut service = Service::items().start().await;
    service
        .log(&[insert(1, 1, 10, "a"), insert(2, 2, 20, "b")])
        .await;
    service.run().await.succeeds();
    let backup = service.back_up().await;
    service
        .log(&[update(3, 1, 11, "a"), insert(4, 3, 30, "c")])
        .await;
    service.run().await.succeeds();
    service.log(&[update(5, 1, 12, "a")]).await;
    service.run().await.succeeds();
    service.log(&[update(6, 2, 21, "late")]).await;

    service.restore(&backup).await;
    let run = service.run().await.succeeds();

    run.counts("events", 4)
        .counts("duplicate", 3)
        .counts("inserted", 0)
        .counts("updated", 1);
    assert_eq!(
        service.landed().await,
        json!([[1, 2], [2, 2], [3, 1], [4, 4]]),
        "batches are counted on from those that landed"
    );
    assert_eq!(service.sizes("items").await, [6, 3, 6]);
    assert_eq!(
        service
            .current("items", "id, cast(amount as varchar), name")
            .await,
        json!([[1, "12.00", "a"], [2, "21.00", "late"], [3, "30.00", "c"]])
    );
    service.verifies("items").await;
    service.log(&[update(7, 3, 31, "c")]).await;
    service.run().await.succeeds().counts("updated", 1);
    assert_eq!(service.sizes("items").await, [7, 3, 7]);
    service
        .post_table("items", "restage", &json!({}))
        .await
        .succeeds();
    assert_eq!(service.sizes("items").await, [7, 3, 7]);
}

#[tokio::test]
async fn at_night_a_model_equals_its_query_although_a_change_after_the_backup_was_taken_back() {
    let mut service = Service::items().start().await;
    let models = service
        .folder
        .path()
        .join(format!("pipelines/{}/models", service.name));
    std::fs::create_dir_all(&models).expect("a folder");
    std::fs::write(models.join("amounts.sql"), AMOUNTS).expect("a model");
    service.restart().await;
    service
        .log(&[insert(1, 1, 10, "a"), insert(2, 2, 20, "b")])
        .await;
    service.run().await.succeeds();
    let backup = service.back_up().await;
    service.log(&[update(3, 1, 11, "a")]).await;
    service.run().await.succeeds();
    service.log(&[update(4, 1, 10, "a")]).await;

    service.restore(&backup).await;
    service.run().await.succeeds();

    let rows = service
        .rows("select name, cast(amount as varchar) from {marts.amounts} order by 1")
        .await;
    assert_eq!(rows, json!([["a", "10.00"], ["b", "20.00"]]));
}

#[tokio::test]
async fn at_night_a_polled_table_shows_what_changed_after_a_backup_that_was_restored() {
    let mut service = Service::of(PEOPLE).tables(PEOPLE_TABLE).start().await;
    let change = |id: i64, name: &str| {
        format!(
            "insert into people values ({id}, '{name}', now())
             on conflict (id) do update set name = excluded.name, updated_at = excluded.updated_at"
        )
    };
    service.write(&change(1, "a")).await;
    service.write(&change(2, "b")).await;
    service.run().await.succeeds();
    let backup = service.back_up().await;
    service.write(&change(1, "a2")).await;
    service.run().await.succeeds();
    service.write(&change(1, "a3")).await;
    service.write(&change(3, "c")).await;
    service.run().await.succeeds();
    service.write(&change(1, "a4")).await;
    service.write(&change(2, "b2")).await;

    service.restore(&backup).await;
    service.run().await.succeeds();

    assert_eq!(
        service.current("people", "id, name").await,
        json!([[1, "a4"], [2, "b2"], [3, "c"]])
    );
    let versions = service.query(VERSIONS).await;
    let names: Vec<&Value> = versions.iter().map(|version| &version[1]).collect();
    assert_eq!(
        json!(names),
        json!(["a", "a2", "a3", "a4", "b", "b2", "c"]),
        "{versions:?}"
    );
    service.verifies("people").await;
    service.write(&change(3, "c2")).await;
    service.run().await.succeeds().counts("updated", 1);
    assert_eq!(
        service.current("people", "id, name").await,
        json!([[1, "a4"], [2, "b2"], [3, "c2"]])
    );
}

#[tokio::test]
async fn at_night_files_that_landed_after_a_backup_are_read_again_and_their_rows_count_once() {
    let mut drops = Drops::start(", occurred_at: at").await;
    let file = |rows: &str| format!("id,amount,note,at\n{rows}");
    drops
        .put("orders1.csv", file("1,1,a,2026-01-01 00:00:00\n"))
        .await;
    drops.run().await.succeeds();
    let backup = drops.service.back_up().await;
    drops
        .put(
            "orders2.csv",
            file("1,2,b,2026-01-02 00:00:00\n2,5,c,2026-01-02 00:00:00\n"),
        )
        .await;
    drops.run().await.succeeds();
    drops
        .put("orders3.csv", file("2,6,d,2026-01-03 00:00:00\n"))
        .await;

    drops.service.restore(&backup).await;
    drops
        .run()
        .await
        .succeeds()
        .counts("events", 3)
        .counts("duplicate", 2)
        .counts("updated", 1);

    assert_eq!(
        drops.rows().await,
        json!([[1, "2.00", "b"], [2, "6.00", "d"]])
    );
    assert_eq!(drops.service.sizes("orders").await, [4, 2, 4]);
    drops.service.verifies("orders").await;
    drops.run().await.succeeds().counts("events", 0);
}

#[tokio::test]
async fn at_night_files_of_a_batch_that_a_backup_knows_as_half_read_stay_if_it_landed() {
    let mut service = Service::items().start().await;
    service.log(&[insert(1, 1, 10, "a")]).await;
    service.run().await.succeeds();
    service.log(&[insert(2, 2, 20, "b")]).await;
    let run = service.run().await.succeeds();
    // What a backup holds that was taken while batch 2 was read.
    let state = service.connect_to_state().await;
    let half_read = format!(
        "begin;
        update icefront.cursors set (position, covered_until) = (select position, covered_until from icefront.batches where id = 1);
        delete from icefront.batch_events where batch_id = 2;
        update icefront.batches set state = 'reading', position = null, landed_at = null, events = 0, files = 0 where id = 2;
        update icefront.tables set staged_batch = 1, current_batch = 1, history_batch = 1;
        delete from icefront.changes where run_id = '{}';
        commit",
        run["id"].as_str().expect("an id")
    );
    state.batch_execute(&half_read).await.expect("changed");
    service.restart().await;
    service.log(&[insert(3, 3, 30, "c")]).await;

    service
        .run()
        .await
        .succeeds()
        .counts("events", 2)
        .counts("duplicate", 1);

    assert_eq!(service.landed().await, json!([[1, 1], [2, 1], [3, 2]]));
    assert_eq!(service.sizes("items").await, [3, 3, 3]);
    service.verifies("items").await;
}

#[tokio::test]
async fn calls_after_a_restore_find_none_of_the_runs_and_keys_that_came_after_the_backup() {
    let mut service = Service::items().start().await;
    let backup = service.back_up().await;
    service.log(&[insert(1, 1, 10, "a")]).await;
    let call = |service: &Service| {
        service
            .request(reqwest::Method::POST, &service.runs_path())
            .header("Idempotency-Key", "nightly")
            .json(&json!({}))
    };
    let first = service.call(call(&service)).await.has_status(202);
    service.ended(&first.body).await.succeeds();

    service.restore(&backup).await;
    let forgotten = format!("/v1/runs/{}", first.run_id());
    service.get(&forgotten).await.is_problem(404, "not-found");
    let second = service.call(call(&service)).await.has_status(202);

    assert_ne!(first.run_id(), second.run_id());
    service.ended(&second.body).await.succeeds();
    assert_eq!(service.sizes("items").await, [1, 1, 1]);
}
