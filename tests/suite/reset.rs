//! A reset begins a table anew: nothing of it is left but what its source gives again.

use serde_json::{Value, json};

use crate::harness::{
    AuditRow, Drops, EVENTS, ITEMS, Moment, Proxy, Service, Then, Trap, depth, hold, insert,
    items_trigger, update,
};

const PEOPLE: &str = "
pipeline: PIPELINE
source: {kind: postgres_table, connection: shop}
tables:
  people: {from: public.customers, key: [id], cursor: updated_at, overlap: 0s}
";
const CUSTOMERS: &str = "
create table customers (id bigint primary key, name text, updated_at timestamptz not null default now());
";

/// The body that confirms the reset of a table.
fn confirmation(service: &Service, table: &str) -> Value {
    json!({"confirm": format!("{}.{table}", service.name)})
}

/// The table is what its source has now, and holds nothing else: no event, no version.
async fn is_begun_anew(service: &Service, context: &str) {
    let source = service
        .shop
        .query("select id, name from customers order by id", &[])
        .await
        .expect("read");
    let rows: Vec<Value> = source
        .iter()
        .map(|row| json!([row.get::<_, i64>(0), row.get::<_, String>(1)]))
        .collect();
    let count = i64::try_from(rows.len()).expect("small");
    let current = service.current("people", "id, name").await;
    assert_eq!(current, json!(rows), "{context}");
    assert_eq!(service.sizes("people").await, [count; 3], "{context}");
    let landed = service.count("landing.PIPELINE_events").await;
    assert_eq!(landed, count, "{context}");
    service.verifies("people").await;
}

#[tokio::test]
async fn a_reset_needs_the_name_and_tells_before_what_it_deletes() {
    let service = Service::of(PEOPLE).tables(CUSTOMERS).start().await;
    service
        .write("insert into customers select n, 'n' || n, now() - interval '1 hour' from generate_series(1, 9) as n")
        .await;
    service.run().await.succeeds();
    service
        .write("update customers set name = 'changed', updated_at = now() where id = 1")
        .await;
    service.run().await.succeeds();
    service.write("delete from customers where id = 2").await;
    let table = format!("{}.people", service.name);
    let consumer = service.request(reqwest::Method::PUT, "/v1/consumers/copy");
    service
        .call(consumer.json(&json!({"table": table})))
        .await
        .has_status(200);
    let changes = format!("{}/changes/rows?limit=1000", service.table_path("people"));
    let cursor = service.get(&changes).await.has_status(200).body["cursor"].clone();
    let reset = format!("{}/reset", service.table_path("people"));

    for body in [json!({}), json!({"confirm": "people"})] {
        service
            .post(&reset, &body)
            .await
            .is_problem(422, "invalid-request")
            .about("confirm")
            .saying("dry_run=true")
            .saying(&format!("{{\"confirm\": \"{table}\"}}"));
    }
    let plan = service
        .post(&format!("{reset}?dry_run=true"), &json!({}))
        .await
        .has_status(200)
        .body;
    let [events, rows, versions] = service.sizes("people").await;
    let landed = service.count("landing.PIPELINE_events").await;
    assert_eq!([events, rows, versions], [10, 9, 10]);
    assert_eq!(
        plan["deletes"],
        json!([
            {"trino_table": service.table("marts.people"), "action": "drop_table", "rows": rows},
            {"trino_table": service.table("marts.people_history"), "action": "drop_table", "rows": versions},
            {"trino_table": service.table("staging.people"), "action": "drop_table", "rows": events},
            {"trino_table": service.table(&format!("landing.{}_events", service.name)), "action": "delete_rows", "rows": landed},
        ]),
        "{plan:#}"
    );
    assert_eq!(plan["consumers"], json!(["copy"]));
    let lost = plan["lost_detail"].as_str().expect("a sentence");
    assert!(lost.contains("the history begins anew"), "{plan:#}");
    assert_eq!(service.sizes("people").await, [events, rows, versions]);

    service
        .post_table("people", "reset", &confirmation(&service, "people"))
        .await
        .succeeds()
        .counts("landed_deleted", landed)
        .counts("tables_dropped", 3)
        .counts("inserted", 8);
    is_begun_anew(&service, "after the reset").await;
    let cursor = cursor.as_str().expect("a cursor");
    service
        .get(&format!("{changes}&after={cursor}"))
        .await
        .is_problem(410, "changes-gone");
    let all = service.get(&changes).await.has_status(200).body;
    assert_eq!(all["data"].as_array().map(Vec::len), Some(8), "{all:#}");
    service.run().await.succeeds().counts("events", 0);
}

#[tokio::test]
async fn a_reset_reads_all_of_a_log_again_and_touches_no_other_table() {
    begins_a_logged_table_anew("").await;
}

#[tokio::test]
async fn at_night_a_reset_reads_all_of_a_log_without_transactions_again() {
    begins_a_logged_table_anew("alter table audit_log_dml drop column audit_transaction_id;").await;
}

async fn begins_a_logged_table_anew(log: &str) {
    let pipeline = format!("{ITEMS}  others: {{from: public.others, key: [id]}}\n");
    let service = Service::items()
        .tables("create table others (id bigint, amount numeric(10,2), name text);")
        .tables(log)
        .defined(&pipeline)
        .start()
        .await;
    let other = AuditRow {
        table: "others".into(),
        ..insert(3, 1, 1, "other")
    };
    service
        .log(&[insert(1, 1, 1, "first"), update(2, 1, 2, "second"), other])
        .await;
    service.run().await.succeeds();
    service.log(&[insert(4, 2, "x", "no number")]).await;
    service.run().await.succeeds().counts("rejected", 1);
    service
        .write("delete from audit_log_dml where audit_event_id = 1")
        .await;

    let run = service
        .post_table("items", "reset", &confirmation(&service, "items"))
        .await
        .succeeds();
    run.counts("landed_deleted", 3);
    run.counts("rejects_deleted", 1);
    run.counts("events", 2);
    run.counts("rejected", 1);
    assert_eq!(service.sizes("items").await, [1, 1, 1]);
    assert_eq!(service.sizes("others").await, [1, 1, 1]);
    let landed = "select tbl_name, audit_event_id from {landing.PIPELINE_events} order by 2";
    assert_eq!(
        service.rows(landed).await,
        json!([["items", 2], ["others", 3], ["items", 4]])
    );
    let table = service.get(&service.table_path("items")).await;
    assert_eq!(table.body["rejects"], 1, "{table:?}");
    service.log(&[update(5, 1, 5, "third")]).await;
    service.run().await.succeeds().counts("events", 1);
    let versions = "select name, is_current from {marts.items_history} order by valid_from";
    assert_eq!(
        service.rows(versions).await,
        json!([["second", false], ["third", true]])
    );
    service.verifies("items").await;
    service.verifies("others").await;
}

#[tokio::test]
async fn a_reset_of_a_logged_table_reads_the_rows_from_before_the_log_again() {
    let tables = format!(
        "create table items (seed integer, id bigint, v text, primary key (seed, id)); insert into items select 1, n, 'before' from generate_series(1, 5) as n; {}",
        items_trigger()
    );
    let service = Service::of(EVENTS).tables(&tables).start().await;
    service
        .write("update items set v = 'logged' where id = 4")
        .await;
    service.run().await.succeeds();
    service.write("set session_replication_role = replica; update items set v = 'hidden' where id = 1; delete from items where id = 2; reset session_replication_role").await;

    service
        .post_table("items", "reset", &confirmation(&service, "items"))
        .await
        .succeeds();

    assert_eq!(
        service.current("items", "id, v").await,
        json!([[1, "hidden"], [3, "before"], [4, "logged"], [5, "before"]])
    );
    assert_eq!(service.sizes("items").await, [4, 4, 4]);
    service
        .write("update items set v = 'later' where id = 1")
        .await;
    service.run().await.succeeds().counts("events", 1);
    service.verifies("items").await;
}

#[tokio::test]
async fn a_reset_of_files_reads_those_that_are_still_there() {
    let drops = Drops::start("").await;
    drops
        .put("orders1.csv", "id,amount,note\n1,1,a\n2,2,b\n")
        .await;
    drops.put("orders2.csv", "id,amount,note\n3,3,c\n").await;
    drops.run().await.succeeds();
    drops.remove("orders1.csv").await;

    drops
        .service
        .post_table("orders", "reset", &confirmation(&drops.service, "orders"))
        .await
        .succeeds()
        .counts("inserted", 1);

    assert_eq!(drops.rows().await, json!([[3, "3.00", "c"]]));
    assert_eq!(drops.ledger().await.len(), 1);
    drops.run().await.succeeds().counts("events", 0);
    drops.remove("orders2.csv").await;
    drops
        .service
        .post_table("orders", "reset", &confirmation(&drops.service, "orders"))
        .await
        .succeeds();
    // Without a file the table is not made.
    drops.run().await.succeeds();
    drops.put("orders3.csv", "id,amount\n4,4\n").await;
    drops.run().await.succeeds().counts("inserted", 1);
    assert_eq!(
        drops
            .service
            .current("orders", "id, cast(amount as varchar)")
            .await,
        json!([[4, "4.00"]])
    );
}

#[tokio::test]
async fn a_reset_waits_for_the_run_that_writes_and_of_a_table_that_never_ran_it_is_a_build() {
    let service = Service::items().start().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    let reset = format!("{}/reset", service.table_path("items"));
    let plan = service
        .post(&format!("{reset}?dry_run=true"), &json!({}))
        .await
        .has_status(200);
    assert_eq!(plan.body["deletes"], json!([]));
    service
        .post_table("items", "reset", &confirmation(&service, "items"))
        .await
        .counts("inserted", 1);
    let blocker = hold(&service).await;
    let run = service.start(&json!({})).await.body;
    service.begins(&run).await;

    let waiting = service
        .post(&reset, &confirmation(&service, "items"))
        .await
        .has_status(202)
        .body;

    assert_eq!(service.state_of(&waiting).await, "queued");
    drop(blocker);
    service.ended(&run).await.succeeds();
    let reset = service.ended(&waiting).await.succeeds();
    assert_eq!(reset["kind"], "reset");
    reset.counts("tables_dropped", 3);
    assert_eq!(service.sizes("items").await, [1, 1, 1]);
}

#[tokio::test]
async fn a_reset_drops_a_view_and_never_a_table_that_is_not_its_own() {
    let view = ITEMS.replace("key: [id]}", "key: [id], current: view}");
    let service = Service::items().defined(&view).start().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    service.run().await.succeeds();
    let path = format!("{}/reset?dry_run=true", service.table_path("items"));
    let plan = service.post(&path, &json!({})).await.has_status(200).body;
    assert_eq!(plan["deletes"][0]["action"], "drop_view", "{plan:#}");
    service
        .post_table("items", "reset", &confirmation(&service, "items"))
        .await
        .succeeds()
        .counts("tables_dropped", 3);
    assert_eq!(service.sizes("items").await, [1, 1, 1]);

    let without = ITEMS.replace("key: [id]}", "key: [id], history: off}");
    let service = Service::items().defined(&without).start().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    service.run().await.succeeds();
    service
        .query("create table {marts.items_history} (somebody varchar)")
        .await;
    service
        .post_table("items", "reset", &confirmation(&service, "items"))
        .await
        .succeeds()
        .counts("tables_dropped", 2);
    assert_eq!(service.count("marts.items_history").await, 0);
}

#[tokio::test]
async fn a_reset_of_a_source_that_cannot_be_read_deletes_nothing() {
    let service = Service::of(PEOPLE).tables(CUSTOMERS).start().await;
    service.write("insert into customers values (1, 'a')").await;
    service.run().await.succeeds();
    service
        .write("alter table customers rename to elsewhere")
        .await;

    service
        .post_table("people", "reset", &confirmation(&service, "people"))
        .await
        .fails_at("reset.people");

    assert_eq!(service.sizes("people").await, [1, 1, 1]);
    service
        .write("alter table elsewhere rename to customers")
        .await;
    service.run().await.succeeds();
    is_begun_anew(&service, "nothing was deleted").await;
}

/// A service over customers, behind a wire to Trino.
async fn behind_a_wire() -> (Service, Proxy) {
    let mut service = Service::of(PEOPLE).tables(CUSTOMERS).start().await;
    let wire = Proxy::before_trino(&service.servers).await;
    service.configure(&format!("trino.url = 'http://{}'", wire.address));
    service.restart().await;

    (service, wire)
}

/// Changes that the table shows, then one that the source does not tell.
async fn change(service: &Service, round: usize) {
    let id = round + 1;
    service
        .write(&format!(
            "insert into customers values ({id}, 'new', now() - interval '1 hour'), ({}, 'gone', now() - interval '1 hour')",
            id + 1_000
        ))
        .await;
    service.run().await.succeeds();
    service
        .write(&format!(
            "update customers set name = 'changed {id}', updated_at = now() where id = {id}; delete from customers where id > 1000"
        ))
        .await;
    service.run().await.succeeds();
}

/// Kills the service at one request after the other that the reset sends to Trino.
#[tokio::test]
async fn at_night_a_reset_that_is_killed_at_any_request_goes_on_and_deletes_nothing_twice() {
    let (mut service, wire) = behind_a_wire().await;
    let every = if depth::is_deep() { 2 } else { 11 };

    for pass in (0..).step_by(every) {
        change(&service, pass).await;
        let (kill, mut killed) = tokio::sync::mpsc::unbounded_channel();
        wire.arm(Trap {
            request: "/reset.people/",
            pass,
            later: 0,
            moment: Moment::Answered,
            spring: Box::new(move || {
                let _ = kill.send(());
                Then::Cut
            }),
        });
        let path = format!("{}/reset", service.table_path("people"));
        let run = service
            .post(&path, &confirmation(&service, "people"))
            .await
            .has_status(202)
            .body;
        let was_killed = tokio::select! {
            _ = killed.recv() => true,
            _ = service.ended(&run) => false,
        };
        if was_killed {
            service.restart().await;
        } else {
            wire.disarm();
        }
        service.ended(&run).await.succeeds();
        is_begun_anew(&service, &format!("killed at request {pass}")).await;
        if !was_killed {
            assert!(pass > 20, "only {pass} requests were seen");
            return;
        }
    }
}

#[tokio::test]
async fn a_reset_that_is_cancelled_after_it_began_to_delete_is_finished_by_the_next_run() {
    let (service, wire) = behind_a_wire().await;
    change(&service, 0).await;
    let (sprung, mut has_sprung) = tokio::sync::mpsc::unbounded_channel();
    wire.arm(Trap {
        request: "drop table if exists",
        pass: 0,
        later: 0,
        moment: Moment::After,
        spring: Box::new(move || {
            let _ = sprung.send(());
            Then::GoOn
        }),
    });
    let path = format!("{}/reset", service.table_path("people"));
    let run = service
        .post(&path, &confirmation(&service, "people"))
        .await
        .has_status(202)
        .body;
    has_sprung.recv().await;
    service.cancel(&run).await;
    service.ended(&run).await.was_cancelled();
    let freshness = service.freshness("people").await;
    assert_eq!(freshness["status"], "unknown", "{freshness:#}");

    let run = service.run().await.succeeds();

    let steps = service.steps(&run).await;
    let finishes = |step: &Value| step["name"] == "reset.people" && step["state"] == "succeeded";
    assert!(steps.iter().any(finishes), "{steps:#?}");
    is_begun_anew(&service, "finished by another run").await;
    service.run().await.succeeds().counts("events", 0);
}
