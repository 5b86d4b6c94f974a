//! Rows that went leave no row to read: they are found by comparing keys.

use serde_json::json;

use crate::harness::Service;

const CUSTOMERS: &str = "create table customers (id bigint primary key, name text unique, updated_at timestamptz not null default now());";
const COMPARED: &str = "
pipeline: PIPELINE
source: {kind: postgres_table, connection: shop}
tables:
  customers: {from: public.customers, key: [id], cursor: updated_at, overlap: 0s, where: \"name <> 'hidden'\", deletes: {compare_keys: each_run}}
";

async fn names(service: &Service) -> serde_json::Value {
    json!(
        service
            .query("select id, name from {marts.customers} order by id")
            .await
    )
}

#[tokio::test]
async fn rows_that_went_are_found_by_their_keys_in_the_snapshot_of_the_rows() {
    let service = Service::start(COMPARED, CUSTOMERS).await;
    let write = async |sql: &str| service.shop.batch_execute(sql).await.expect("written");
    write("insert into customers select n, 'n' || n from generate_series(1, 5) as n").await;
    service.run().await;
    write("delete from customers where id in (2, 3); update customers set name = 'hidden', updated_at = now() where id = 4; insert into customers values (6, 'six')").await;
    let run = service.run().await;
    assert_eq!(run["counts"]["deleted"], 3, "{run:#}");
    assert_eq!(run["counts"]["inserted"], 1, "{run:#}");
    assert_eq!(
        names(&service).await,
        json!([[1, "n1"], [5, "n5"], [6, "six"]])
    );
    let idle = service.run().await;
    assert_eq!(idle["counts"]["events"], 0, "{idle:#}");
    write("insert into customers values (2, 'again')").await;
    service.run().await;
    assert_eq!(
        names(&service).await,
        json!([[1, "n1"], [2, "again"], [5, "n5"], [6, "six"]])
    );
    write("delete from customers").await;
    service.run().await;
    assert_eq!(names(&service).await, json!([]));
}

#[tokio::test]
async fn keys_of_any_type_are_compared_as_what_they_are() {
    let kinds = "
pipeline: PIPELINE
source: {kind: postgres_table, connection: shop}
tables:
  kinds: {from: public.kinds, key: [a, b, c, d, e, f], cursor: updated_at, overlap: 0s, deletes: {compare_keys: each_run}}
";
    let table = "create table kinds (a text, b numeric(20,4), c timestamptz, d bytea, e date, f double precision, updated_at timestamptz not null default now());";
    let service = Service::start(kinds, table).await;
    let write = async |sql: &str| service.shop.batch_execute(sql).await.expect("written");
    write("insert into kinds select 'k''\"' || n, n + 0.5, timestamptz '2026-01-01 00:00:00.123456+02' + n * interval '1 day', decode('00ff', 'hex'), date '2026-01-01' + n, n / 3.0 from generate_series(1, 4) as n").await;
    service.run().await;
    write("delete from kinds where b in (2.5, 3.5)").await;
    let run = service.run().await;
    assert_eq!(run["counts"]["deleted"], 2, "{run:#}");
    assert_eq!(run["counts"]["rejected"], 0, "{run:#}");
    let left = service
        .query("select cast(b as varchar) from {marts.kinds} order by 1")
        .await;
    assert_eq!(json!(left), json!([["1.5000"], ["4.5000"]]));
}

#[tokio::test]
async fn keys_are_not_compared_while_the_definition_has_another_key() {
    let mut service = Service::start(COMPARED, CUSTOMERS).await;
    let write = "insert into customers select n, 'n' || n from generate_series(1, 3) as n";
    service.shop.batch_execute(write).await.expect("written");
    service.run().await;
    service.define(&COMPARED.replace("key: [id]", "key: [name]"));
    service.restart().await;
    let run = service.run_once().await;
    assert_eq!(run["state"], "failed", "{run:#}");
    service.define(COMPARED);
    service.restart().await;
    service.run().await;
    assert_eq!(
        names(&service).await,
        json!([[1, "n1"], [2, "n2"], [3, "n3"]])
    );
}
