//! A deleted row leaves nothing to read. A key comparison finds it.

use serde_json::json;

use crate::harness::{Servers, Service};

const CUSTOMERS: &str = "create table customers (id bigint primary key, name text unique, updated_at timestamptz not null default now());";
const COMPARED: &str = "
pipeline: PIPELINE
source: {kind: postgres_table, connection: shop}
tables:
  people: {from: public.customers, key: [id], cursor: updated_at, overlap: 0s, where: \"name <> 'hidden'\", deletes: {compare_keys: each_run}}
";

async fn names(service: &Service) -> serde_json::Value {
    service.current("people", "id, name").await
}

/// Lands all new events, and publishes nothing.
async fn extract(service: &Service) {
    service
        .run_with(&json!({"steps": ["extract"]}))
        .await
        .succeeds();
}

#[tokio::test]
async fn rows_that_went_are_found_by_their_keys_in_the_snapshot_of_the_rows() {
    for servers in [Servers::find(), Servers::find_s3()] {
        let service = Service::of(COMPARED)
            .on(servers)
            .tables(CUSTOMERS)
            .start()
            .await;
        service
            .write("insert into customers select n, 'n' || n from generate_series(1, 5) as n")
            .await;
        service.run().await.succeeds();
        service.write("delete from customers where id in (2, 3); update customers set name = 'hidden', updated_at = now() where id = 4; insert into customers values (6, 'six')").await;
        service
            .run()
            .await
            .succeeds()
            .counts("deleted", 3)
            .counts("inserted", 1);
        assert_eq!(
            names(&service).await,
            json!([[1, "n1"], [5, "n5"], [6, "six"]])
        );
        service.run().await.succeeds().counts("events", 0);
        service
            .write("insert into customers values (2, 'again')")
            .await;
        service.run().await.succeeds();
        assert_eq!(
            names(&service).await,
            json!([[1, "n1"], [2, "again"], [5, "n5"], [6, "six"]])
        );
        service.write("delete from customers").await;
        service.run().await.succeeds();
        assert_eq!(names(&service).await, json!([]));
    }
}

#[tokio::test]
async fn a_row_that_went_before_it_was_published_is_not_there_once_it_is() {
    let service = Service::of(COMPARED).tables(CUSTOMERS).start().await;
    service
        .write("insert into customers values (1, 'stays')")
        .await;
    service.run().await.succeeds();
    service
        .write("insert into customers values (2, 'goes'), (3, 'comes back')")
        .await;
    extract(&service).await;
    service.write("delete from customers where id > 1").await;
    extract(&service).await;
    service
        .write("insert into customers values (3, 'back')")
        .await;
    service.run().await.succeeds().counts("rejected", 0);
    assert_eq!(names(&service).await, json!([[1, "stays"], [3, "back"]]));
}

#[tokio::test]
async fn a_row_that_went_before_anything_was_published_is_not_there_either() {
    let service = Service::of(COMPARED).tables(CUSTOMERS).start().await;
    service
        .write("insert into customers values (1, 'stays'), (2, 'goes')")
        .await;
    extract(&service).await;
    service.write("delete from customers where id = 2").await;
    extract(&service).await;
    service.run().await.succeeds().counts("events", 0);
    assert_eq!(names(&service).await, json!([[1, "stays"]]));
}

#[tokio::test]
async fn at_night_freshness_waits_for_deletes_of_more_rows_than_a_batch_takes() {
    let service = Service::of(COMPARED).tables(CUSTOMERS).start().await;
    service
        .write("insert into customers select n, 'n' || n from generate_series(1, 100001) as n")
        .await;
    service.run().await.succeeds();
    let covered = async || service.freshness("people").await["covered_until"].clone();
    let before = covered().await;
    assert!(before.is_string(), "{before}");
    service.write("delete from customers where id > 0").await;
    service.run().await.succeeds().counts("deleted", 100_000);
    assert_eq!(covered().await, before);
    service.run().await.succeeds().counts("deleted", 1);
    assert_ne!(covered().await, before);
    assert_eq!(names(&service).await, json!([]));
}

#[tokio::test]
async fn keys_are_compared_by_the_first_run_after_so_long() {
    let hourly = COMPARED.replace("each_run", "every 1h");
    let mut service = Service::of(&hourly).tables(CUSTOMERS).start().await;
    let write = "insert into customers values (1, 'stays'), (2, 'goes')";
    service.write(write).await;
    service.run().await.succeeds();
    let delete = "delete from customers where id = 2";
    service.write(delete).await;
    service.run().await.succeeds().counts("deleted", 0);
    service.define(&COMPARED.replace("each_run", "every 1s"));
    service.restart().await;
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    service.run().await.succeeds().counts("deleted", 1);
    assert_eq!(names(&service).await, json!([[1, "stays"]]));
}

#[tokio::test]
async fn at_night_keys_of_any_type_are_compared_as_what_they_are() {
    let kinds = "
pipeline: PIPELINE
source: {kind: postgres_table, connection: shop}
tables:
  kinds: {from: public.kinds, key: [a, b, c, d, e, f], cursor: updated_at, overlap: 0s, deletes: {compare_keys: each_run}}
";
    let table = "create table kinds (a text, b numeric(20,4), c timestamptz, d bytea, e date, f double precision, updated_at timestamptz not null default now());";
    let service = Service::of(kinds).tables(table).start().await;
    service.write("insert into kinds select 'k''\"' || n, n + 0.5, timestamptz '2026-01-01 00:00:00.123456+02' + n * interval '1 day', decode('00ff', 'hex'), date '2026-01-01' + n, n / 3.0 from generate_series(1, 4) as n").await;
    service.run().await.succeeds();
    service
        .write("delete from kinds where b in (2.5, 3.5)")
        .await;
    service
        .run()
        .await
        .succeeds()
        .counts("deleted", 2)
        .counts("rejected", 0);
    service
        .write("update kinds set updated_at = now(); update kinds set f = 'NaN' where b = 1.5")
        .await;
    extract(&service).await;
    let run = service.run().await.succeeds();
    assert_eq!(
        run["counts"]["events"], 0,
        "what waits is compared with what it is: {run:#}"
    );
    assert_eq!(
        service.current("kinds", "cast(b as varchar)").await,
        json!([["4.5000"]])
    );
}

#[tokio::test]
async fn keys_are_not_compared_while_the_definition_has_another_key() {
    let mut service = Service::of(COMPARED).tables(CUSTOMERS).start().await;
    let write = "insert into customers select n, 'n' || n from generate_series(1, 3) as n";
    service.write(write).await;
    service.run().await.succeeds();
    service.define(&COMPARED.replace("key: [id]", "key: [name]"));
    service.restart().await;
    service.run().await.fails();
    service.define(COMPARED);
    service.restart().await;
    service.run().await.succeeds();
    assert_eq!(
        names(&service).await,
        json!([[1, "n1"], [2, "n2"], [3, "n3"]])
    );
}

#[tokio::test]
async fn a_row_that_comes_back_as_it_was_is_there_however_late_it_is_staged() {
    let overlapping = COMPARED.replace("overlap: 0s", "overlap: 10m");
    let service = Service::of(&overlapping).tables(CUSTOMERS).start().await;
    service.write("insert into customers values (1, 'a'), (2, 'b'); create table kept as select * from customers").await;
    service.run().await.succeeds();
    for change in [
        "delete from customers where id = 1",
        "insert into customers select * from kept where id = 1",
    ] {
        service.write(change).await;
        let extract = service.run_with(&json!({"steps": ["extract"]})).await;
        assert_eq!(extract["succeeded"], true, "{extract:#}");
    }

    let run = service.run().await.succeeds();

    assert_eq!(
        names(&service).await,
        json!([[1, "a"], [2, "b"]]),
        "{run:#}"
    );
    service.run().await.succeeds().counts("staged", 0);
}

#[tokio::test]
async fn at_night_another_condition_has_the_table_loaded_again_and_what_it_hides_deleted() {
    let mut service = Service::of(COMPARED).tables(CUSTOMERS).start().await;
    let write = "insert into customers select n, case n when 3 then 'hidden' else 'n' || n end, now() - interval '1 day' from generate_series(1, 4) as n";
    service.write(write).await;
    service.run().await.succeeds();
    let wider = COMPARED.replace("where: \"name <> 'hidden'\", ", "");
    let narrower = COMPARED.replace("name <> 'hidden'", "id < 3");
    for (definition, ids) in [
        (wider, json!([[1], [2], [3], [4]])),
        (narrower.replace("each_run", "off"), json!([[1], [2]])),
    ] {
        service.define(&definition);
        service.restart().await;
        service.run().await.succeeds();
        service.run().await.succeeds();
        assert_eq!(service.current("people", "id").await, ids, "{definition}");
        service.run().await.succeeds().counts("staged", 0);
    }
}

#[tokio::test]
async fn a_view_is_refused_because_its_rows_tell_no_transaction() {
    let view = COMPARED.replace("public.customers", "public.shown");
    let tables = format!("{CUSTOMERS} create view shown as select * from customers;");
    let service = Service::of(&view).tables(&tables).start().await;
    let path = format!("/v1/sources/{}/check", service.name);
    let check = service.post(&path, &json!({})).await;
    let findings = check.body["findings"].as_array().expect("findings");
    let refused = findings
        .iter()
        .any(|finding| finding["check"] == "table" && finding["status"] == "error");
    assert!(refused, "{check:?}");
    service
        .run()
        .await
        .fails()
        .saying("name the table behind it");
}
