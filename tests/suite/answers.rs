//! An answer of Trino without a column that the service reads: the run fails, and nothing counts as zero.

use serde_json::{Value, json};

use crate::harness::{EVENTS, Proxy, Service, log};
use crate::suite::faults::{ITEMS, rows};

/// Runs while the answers have another name for a column, then once more with the right name.
async fn a_renamed_column_fails_the_run(column: &'static str, other: &'static str) {
    let mut service = Service::of(EVENTS).audit_log().tables(ITEMS).start().await;
    let address = service
        .servers
        .trino
        .trim_start_matches("http://")
        .to_owned();
    let wire = Proxy::start(address.trim_end_matches('/')).await;
    service.configure(&format!("trino.url = 'http://{}'", wire.address));
    service.restart().await;
    log(&mut service.shop, &rows(0..10)).await;
    service.run().await;
    log(&mut service.shop, &rows(10..30)).await;

    wire.swap(column, other);
    let run = service.run_once().await;

    assert_eq!(run["state"], "failed", "{run:#}");
    assert_eq!(run["error"]["type"], "urn:icefront:problem:internal");

    wire.swap(column, column);
    let run = service.run().await;

    assert_eq!(run["counts"]["inserted"], 20, "{run:#}");
    let counts: Vec<Vec<Value>> = service
        .query("select (select count(*) from {marts.items}), (select count(*) from {marts.items_history})")
        .await;
    assert_eq!(json!(counts), json!([[30, 30]]));
}

#[tokio::test]
async fn a_ledger_without_a_count_fails_the_run() {
    a_renamed_column_fails_the_run(r#""superseded""#, r#""supercedes""#).await;
}

#[tokio::test]
async fn a_snapshot_without_its_count_of_rows_fails_the_run() {
    a_renamed_column_fails_the_run(r#""rows_before""#, r#""rows_behind""#).await;
}
