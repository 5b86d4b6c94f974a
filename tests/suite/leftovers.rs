//! What a removed table, model or pipeline left behind is listed and deleted, and nothing else is.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{
    Answer, AuditRow, Drops, ITEMS, Moment, Proxy, Run, Service, Then, Trap, depth, insert, update,
    write_pipeline,
};

const OTHERS: &str = "
pipeline: PIPELINE
source: {kind: postgres_audit_log, connection: shop}
max_clock_skew: 1d
tables:
  others: {from: public.others, key: [id]}
";
const POLLED: &str = "
pipeline: PIPELINE
source: {kind: postgres_table, connection: shop}
tables:
  people: {from: public.customers, key: [id], cursor: updated_at, overlap: 0s}
  places: {from: public.places, key: [id], cursor: updated_at, overlap: 0s}
";
const CUSTOMERS: &str = "
create table customers (id bigint primary key, name text, updated_at timestamptz not null default now());
create table places (id bigint primary key, name text, updated_at timestamptz not null default now());
";

/// The pipeline of both tables.
fn both() -> String {
    format!("{ITEMS}  others: {{from: public.others, key: [id]}}\n")
}

/// A service over both tables, with two rows of each, and a reject of each.
async fn filled() -> Service {
    let service = Service::items()
        .tables("create table others (id bigint, amount numeric(10,2), name text);")
        .defined(&both())
        .start()
        .await;
    let of_others = |row: AuditRow| AuditRow {
        table: "others".into(),
        ..row
    };
    service
        .log(&[
            insert(1, 1, 1, "first"),
            update(2, 1, 2, "second"),
            insert(3, 2, "x", "no number"),
            of_others(insert(4, 1, 1, "other")),
            of_others(insert(5, 2, "x", "no number")),
        ])
        .await;
    service.run().await.succeeds().counts("rejected", 2);

    service
}

/// Starts the service again over another definition.
async fn redefine(service: &mut Service, pipeline: &str) {
    service.define(pipeline);
    service.restart().await;
}

/// Starts the service again without the folder of the pipeline.
async fn remove_pipeline(service: &mut Service) {
    let folder = service.folder.path().join("pipelines").join(&service.name);
    std::fs::remove_dir_all(folder).expect("removed");
    service.restart().await;
}

async fn ask_to_delete(service: &Service, name: &str, query: &str) -> Answer {
    let path = format!("/v1/leftovers/{}.{name}?{query}", service.name);

    service.call(service.request(Method::DELETE, &path)).await
}

/// Deletes a leftover, to the end of the run.
async fn delete(service: &Service, name: &str) -> Run {
    let query = format!("confirm={}.{name}", service.name);
    let started = ask_to_delete(service, name, &query).await.has_status(202);

    service.ended(&started.body).await.succeeds()
}

/// The leftovers: name, kind, whether the pipeline is declared, and the tables in Trino without catalog and name of the test.
async fn leftovers(service: &Service) -> Value {
    let list = service.get("/v1/leftovers").await.has_status(200).body;
    let listed = list["data"].as_array().expect("a list").iter();
    let listed = listed.map(|one| {
        let text = one["trino_names"].to_string();
        let tables = text.replace(
            &format!("{}.{}_", service.servers.catalog, service.name),
            "",
        );
        let tables: Value = serde_json::from_str(&tables).expect("JSON");
        let name = one["name"].as_str().expect("a name");
        let name = name.replace(&format!("{}.", service.name), "");
        json!([name, one["kind"], one["pipeline_declared"], tables])
    });

    Value::Array(listed.collect())
}

/// The names of all tables and views in the schemas of the test.
async fn in_trino(service: &Service) -> Vec<String> {
    let sql = format!(
        "select table_schema || '.' || table_name from {}.information_schema.tables where table_schema like '{}%' order by 1",
        service.servers.catalog, service.name
    );
    let rows = service.servers.query(&sql).await;
    let name = |row: &Vec<Value>| {
        let name = row[0].as_str().expect("a name");
        name.replace(&format!("{}_", service.name), "")
    };

    rows.iter().map(name).collect()
}

/// Two tables, one with the name that the history of the other would have.
const ALIKE: &str = "
pipeline: PIPELINE
source: {kind: postgres_audit_log, connection: shop}
max_clock_skew: 1d
tables:
  items: {from: public.items, key: [id], trino_name: web_items}
  items_history: {from: public.others, key: [id]}
";

#[tokio::test]
async fn a_leftover_with_the_name_of_a_history_leaves_the_history_of_its_neighbour() {
    let mut service = Service::items()
        .tables("create table others (id bigint, amount numeric(10,2), name text);")
        .defined(ALIKE)
        .start()
        .await;
    let other = AuditRow {
        table: "others".into(),
        ..insert(2, 1, 1, "other")
    };
    service.log(&[insert(1, 1, 1, "first"), other]).await;
    service.run().await.succeeds();
    let items_alone = ALIKE.replace("  items_history: {from: public.others, key: [id]}\n", "");
    redefine(&mut service, &items_alone).await;

    delete(&service, "items_history").await;

    let left = in_trino(&service).await;
    for kept in [
        "marts.web_items",
        "marts.web_items_history",
        "staging.web_items",
    ] {
        assert!(left.iter().any(|table| table == kept), "{kept}: {left:?}");
    }
    assert!(
        !left
            .iter()
            .any(|table| table == "marts.items_history_history"),
        "{left:?}"
    );
    service.run().await.succeeds();
}

#[tokio::test]
async fn a_removed_table_is_deleted_by_its_name_and_its_neighbours_stay() {
    let mut service = filled().await;
    let name = format!("{}.items", service.name);
    ask_to_delete(&service, "items", &format!("confirm={name}"))
        .await
        .is_problem(409, "still-declared")
        .saying("remove it from its definition");
    let consumer = service.request(Method::PUT, "/v1/consumers/copy");
    service
        .call(consumer.json(&json!({"table": name})))
        .await
        .has_status(200);
    service
        .query("create table {marts.somebody} as select 1 as id")
        .await;
    redefine(&mut service, OTHERS).await;

    let own = ["marts.items", "marts.items_history", "staging.items"];
    assert_eq!(
        leftovers(&service).await,
        json!([["items", "table", true, own]])
    );
    let before = in_trino(&service).await;
    let plan = ask_to_delete(&service, "items", "dry_run=true")
        .await
        .has_status(200)
        .body;
    let [events, rejects] = ["landing.PIPELINE_events", "staging.PIPELINE_rejects"]
        .map(|table| service.table(&table.replace("PIPELINE", &service.name)));
    assert_eq!(
        plan["deletes"],
        json!([
            {"trino_table": service.table(own[0]), "action": "drop_table", "rows": 1},
            {"trino_table": service.table(own[1]), "action": "drop_table", "rows": 2},
            {"trino_table": service.table(own[2]), "action": "drop_table", "rows": 2},
            {"trino_table": rejects, "action": "delete_rows", "rows": 1},
            {"trino_table": events, "action": "delete_rows", "rows": 3},
        ]),
        "{plan:#}"
    );
    assert_eq!(plan["kept"], json!([]));
    assert_eq!(plan["consumers"], json!(["copy"]));
    for query in ["", "confirm=items"] {
        ask_to_delete(&service, "items", query)
            .await
            .is_problem(422, "invalid-request")
            .about("confirm")
            .saying(&format!("then send `confirm={name}`"));
    }
    assert_eq!(
        in_trino(&service).await,
        before,
        "a dry run deletes nothing"
    );

    let run = delete(&service, "items").await;

    run.counts("tables_dropped", 3)
        .counts("tables_kept", 0)
        .counts("landed_deleted", 3)
        .counts("rejects_deleted", 1);
    assert_eq!(run["kind"], "delete");
    assert_eq!(leftovers(&service).await, json!([]));
    let left: Vec<String> = before
        .into_iter()
        .filter(|table| !own.contains(&table.as_str()))
        .collect();
    assert_eq!(in_trino(&service).await, left);
    assert_eq!(service.sizes("others").await, [1, 1, 1]);
    assert_eq!(service.count("staging.PIPELINE_rejects").await, 1);
    service.get("/v1/consumers/copy").await.has_status(404);
    ask_to_delete(&service, "items", &format!("confirm={name}"))
        .await
        .is_problem(404, "not-found");
    service.run().await.succeeds().counts("events", 0);
    service.verifies("others").await;
}

#[tokio::test]
async fn at_night_a_table_that_is_declared_again_after_its_deletion_has_every_event_of_the_log() {
    let mut service = filled().await;
    redefine(&mut service, OTHERS).await;
    delete(&service, "items").await;
    // Events of a table that nobody tracks land, too.
    service.log(&[update(6, 1, 6, "meanwhile")]).await;
    service.run().await.succeeds();
    service.run().await.succeeds();

    // By another name it is the same source.
    let renamed = both().replace("  items:", "  things:");
    redefine(&mut service, &renamed).await;
    service.run().await.succeeds();

    let versions = "select name, is_current from {marts.things_history} order by valid_from";
    assert_eq!(
        service.rows(versions).await,
        json!([["first", false], ["second", false], ["meanwhile", true]])
    );
    assert_eq!(service.sizes("things").await, [3, 1, 3]);
    service.verifies("things").await;
    service.verifies("others").await;
    service.log(&[update(7, 1, 7, "later")]).await;
    service.run().await.succeeds().counts("events", 1);
}

#[tokio::test]
async fn at_night_a_renamed_table_keeps_the_events_of_its_source() {
    let mut service = filled().await;
    redefine(&mut service, &both().replace("  items:", "  things:")).await;
    service.run().await.succeeds();
    assert_eq!(service.sizes("things").await, [2, 1, 2]);

    let run = delete(&service, "items").await;

    run.counts("tables_dropped", 3);
    assert_eq!(run["counts"]["landed_deleted"], Value::Null, "{run:#}");
    let landed = "select count(*) from {landing.PIPELINE_events} where tbl_name = 'items'";
    assert_eq!(service.rows(landed).await, json!([[3]]));
    service
        .post_table("things", "restage", &json!({}))
        .await
        .succeeds();
    assert_eq!(service.sizes("things").await, [2, 1, 2]);
}

#[tokio::test]
async fn a_removed_pipeline_is_deleted_to_the_last_table_and_can_begin_anew() {
    let mut service = filled().await;
    remove_pipeline(&mut service).await;
    let tables = |name: &str| {
        json!([
            format!("marts.{name}"),
            format!("marts.{name}_history"),
            format!("staging.{name}")
        ])
    };
    assert_eq!(
        leftovers(&service).await,
        json!([
            ["items", "table", false, tables("items")],
            ["others", "table", false, tables("others")],
        ])
    );
    let path = format!("/v1/leftovers?limit=1&kind=table&pipeline={}", service.name);
    let page = service.get(&path).await.has_status(200).body;
    let next = page["next"].as_str().expect("another page");
    let page = service.get(&format!("{path}&after={next}")).await.body;
    assert_eq!(page["data"][0]["name"], format!("{}.others", service.name));
    assert_eq!(page["next"], Value::Null);

    delete(&service, "items").await.counts("landed_deleted", 3);
    assert_eq!(service.count("landing.PIPELINE_events").await, 2);
    delete(&service, "others").await;

    assert_eq!(leftovers(&service).await, json!([]));
    assert_eq!(in_trino(&service).await, Vec::<String>::new());
    service
        .get(&path)
        .await
        .is_problem(422, "unknown-name")
        .about("pipeline");
    redefine(&mut service, &both()).await;
    service.run().await.succeeds().counts("events", 5);
    assert_eq!(service.sizes("items").await, [2, 1, 2]);
    assert_eq!(service.sizes("others").await, [1, 1, 1]);
    service.verifies("items").await;
}

#[tokio::test]
async fn at_night_a_removed_polled_table_is_read_in_full_when_it_is_declared_again() {
    let mut service = Service::of(POLLED).tables(CUSTOMERS).start().await;
    service
        .write("insert into customers select n, 'n' || n from generate_series(1, 9) as n; insert into places values (1, 'a')")
        .await;
    service.run().await.succeeds();
    let without = POLLED.replace("  people:", "  #people:");
    redefine(&mut service, &without).await;

    delete(&service, "people").await.counts("landed_deleted", 9);
    service.run().await.succeeds().counts("events", 0);
    redefine(&mut service, POLLED).await;
    service.run().await.succeeds();

    assert_eq!(service.sizes("people").await, [9, 9, 9]);
    assert_eq!(service.sizes("places").await, [1, 1, 1]);
    service.verifies("people").await;
}

#[tokio::test]
async fn the_files_of_a_removed_table_are_read_again_when_it_is_declared_again() {
    let mut drops = Drops::start("").await;
    drops
        .put("orders1.csv", "id,amount,note\n1,1,a\n2,2,b\n")
        .await;
    drops.run().await.succeeds();
    let definition = drops.definition("");
    remove_pipeline(&mut drops.service).await;

    delete(&drops.service, "orders").await;
    assert_eq!(in_trino(&drops.service).await, Vec::<String>::new());
    redefine(&mut drops.service, &definition).await;
    drops.run().await.succeeds().counts("inserted", 2);

    assert_eq!(
        drops.rows().await,
        json!([[1, "1.00", "a"], [2, "2.00", "b"]])
    );
}

#[tokio::test]
async fn only_what_a_run_wrote_is_dropped() {
    let mut service = filled().await;
    // Somebody else took the place of the current rows; of the history only the name.
    service.query("drop table {marts.items}").await;
    service
        .query("create table {marts.items} as select 1 as somebody")
        .await;
    service.query("drop table {marts.items_history}").await;
    service
        .query("create view {marts.items_history} as select 1 as somebody")
        .await;
    redefine(&mut service, OTHERS).await;

    let plan = ask_to_delete(&service, "items", "dry_run=true").await.body;
    let kept = plan["kept"].as_array().expect("a list").iter();
    let kept: Value = kept.map(|kept| kept["trino_table"].clone()).collect();
    let foreign = ["marts.items", "marts.items_history"].map(|table| service.table(table));
    assert_eq!(kept, json!(foreign), "{plan:#}");
    delete(&service, "items")
        .await
        .counts("tables_kept", 2)
        .counts("tables_dropped", 1);

    assert_eq!(service.count("marts.items").await, 1);
    assert_eq!(service.count("marts.items_history").await, 1);
    assert_eq!(leftovers(&service).await, json!([]));
}

#[tokio::test]
async fn a_table_that_another_pipeline_writes_by_now_stays() {
    let mut service = filled().await;
    remove_pipeline(&mut service).await;
    // The folder was renamed, and the schemas are the same.
    let heir = format!("{}_heir", service.name);
    let pipeline = ITEMS.replace("PIPELINE", &heir);
    write_pipeline(service.folder.path(), &heir, &pipeline);
    service.restart().await;

    let run = delete(&service, "items").await;

    run.counts("tables_dropped", 0).counts("tables_kept", 3);
    assert_eq!(service.sizes("items").await, [2, 1, 2]);
}

#[tokio::test]
async fn what_a_broken_definition_may_declare_is_no_leftover() {
    let mut service = filled().await;
    redefine(&mut service, "pipeline: [").await;

    assert_eq!(leftovers(&service).await, json!([]));
    ask_to_delete(&service, "items", "dry_run=true")
        .await
        .is_problem(409, "pipeline-broken");
    redefine(&mut service, &both()).await;
    service.run().await.succeeds();
}

#[tokio::test]
async fn a_removed_model_is_deleted_with_what_stands_beside_it() {
    let models = [
        (
            "totals.sql",
            "{{ config(materialized='incremental', unique_key='name') }} select name, sum(amount) as amount from {{ ref('items') }} group by name",
        ),
        (
            "names.sql",
            "{{ config(materialized='view') }} select name from {{ ref('items') }}",
        ),
    ];
    let mut service = Service::items().start().await;
    let folder = service.folder.path().join("pipelines").join(&service.name);
    let folder = folder.join("models");
    std::fs::create_dir_all(&folder).expect("a folder");
    for (file, text) in models {
        std::fs::write(folder.join(file), text).expect("a model");
    }
    service.restart().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    service.run().await.succeeds();
    service.log(&[insert(2, 2, 2, "a")]).await;
    service.run().await.succeeds();
    let before = in_trino(&service).await;
    for (file, _) in models {
        std::fs::remove_file(folder.join(file)).expect("removed");
    }
    service.restart().await;

    let left = leftovers(&service).await;
    assert_eq!(left[0], json!(["names", "model", true, ["marts.names"]]));
    assert_eq!(left[1][0], "totals");
    delete(&service, "names").await.counts("tables_dropped", 1);
    let run = delete(&service, "totals").await;

    assert_eq!(run["kind"], "delete_model");
    assert_eq!(leftovers(&service).await, json!([]));
    let is_of_model = |table: &String| {
        ["marts.names", "marts.totals"]
            .iter()
            .any(|name| table.starts_with(name))
    };
    let kept: Vec<String> = before
        .into_iter()
        .filter(|name| !is_of_model(name))
        .collect();
    assert_eq!(in_trino(&service).await, kept);
    service.run().await.succeeds();
    for (file, text) in models {
        std::fs::write(folder.join(file), text).expect("a model");
    }
    service.restart().await;
    service.run().await.succeeds();
    let totals = "select name, cast(amount as varchar) from {marts.totals}";
    assert_eq!(service.rows(totals).await, json!([["a", "3.00"]]));
    assert_eq!(service.count("marts.names").await, 2);
}

#[tokio::test]
async fn the_same_key_gives_the_deletion_that_it_started() {
    let mut service = filled().await;
    redefine(&mut service, OTHERS).await;
    let path = format!("/v1/leftovers/{0}.items?confirm={0}.items", service.name);
    let ask = async || {
        let request = service.request(Method::DELETE, &path);
        service
            .call(request.header("Idempotency-Key", "once"))
            .await
    };

    let first = ask().await.has_status(202).body;
    service.ended(&first).await.succeeds();
    let again = ask().await.has_status(200);

    assert_eq!(again.body["id"], first["id"]);
    assert_eq!(again.headers["idempotency-replayed"], "true");
}

/// Kills the service at one request after the other that the deletion sends to Trino.
#[tokio::test]
async fn at_night_a_deletion_that_is_killed_at_any_request_ends_the_same_way() {
    let mut service = filled().await;
    let wire = Proxy::before_trino(&service.servers).await;
    service.configure(&format!("trino.url = 'http://{}'", wire.address));
    let every = if depth::is_deep() { 2 } else { 7 };
    let expected = json!([[1, "second"]]);

    for pass in (0..).step_by(every) {
        redefine(&mut service, OTHERS).await;
        let (kill, mut killed) = tokio::sync::mpsc::unbounded_channel();
        wire.arm(Trap {
            request: "/delete.items/",
            pass,
            later: 0,
            moment: Moment::Answered,
            spring: Box::new(move || {
                let _ = kill.send(());
                Then::Cut
            }),
        });
        let query = format!("confirm={}.items", service.name);
        let run = ask_to_delete(&service, "items", &query)
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
        let context = format!("killed at request {pass}");
        assert_eq!(leftovers(&service).await, json!([]), "{context}");
        assert_eq!(
            service.count("landing.PIPELINE_events").await,
            2,
            "{context}"
        );
        assert_eq!(service.sizes("others").await, [1, 1, 1], "{context}");

        redefine(&mut service, &both()).await;
        service.run().await.succeeds();
        assert_eq!(
            service.current("items", "id, name").await,
            expected,
            "{context}"
        );
        assert_eq!(service.sizes("items").await, [2, 1, 2], "{context}");
        if !was_killed {
            assert!(pass > 5, "only {pass} requests were seen");
            return;
        }
    }
}

#[tokio::test]
async fn at_night_a_table_that_is_declared_again_in_the_middle_of_its_deletion_begins_anew() {
    let mut service = filled().await;
    let wire = Proxy::before_trino(&service.servers).await;
    service.configure(&format!("trino.url = 'http://{}'", wire.address));
    redefine(&mut service, OTHERS).await;
    let (kill, mut killed) = tokio::sync::mpsc::unbounded_channel();
    wire.arm(Trap {
        request: "drop table if exists",
        pass: 1,
        later: 0,
        moment: Moment::Answered,
        spring: Box::new(move || {
            let _ = kill.send(());
            Then::Cut
        }),
    });
    let query = format!("confirm={}.items", service.name);
    let run = ask_to_delete(&service, "items", &query).await.body;
    killed.recv().await;
    redefine(&mut service, &both()).await;

    service
        .ended(&run)
        .await
        .fails_at("delete.items")
        .with("still-declared");
    service.run().await.succeeds();

    assert_eq!(service.sizes("items").await, [2, 1, 2]);
    service.verifies("items").await;
    service.verifies("others").await;
}
