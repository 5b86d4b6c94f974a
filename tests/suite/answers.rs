//! An answer of Trino without a column that the service reads: the run fails, and nothing counts as zero.

use serde_json::json;

use crate::harness::{EVENTS, Proxy, Service};
use crate::suite::faults::{ITEMS, rows};

/// Runs while the answers have another name for a column, then once more with the right name.
async fn a_renamed_column_fails_the_run(column: &'static str, other: &'static str) {
    let mut service = Service::of(EVENTS).audit_log().tables(ITEMS).start().await;
    let wire = Proxy::before_trino(&service.servers).await;
    service.configure(&format!("trino.url = 'http://{}'", wire.address));
    service.restart().await;
    service.log(&rows(0..10)).await;
    service.run().await.succeeds();
    service.log(&rows(10..30)).await;

    wire.swap(column, other);
    service.run().await.fails_with("internal");

    wire.swap(column, column);
    service.run().await.succeeds().counts("inserted", 20);
    let sql =
        "select (select count(*) from {marts.items}), (select count(*) from {marts.items_history})";
    assert_eq!(service.rows(sql).await, json!([[30, 30]]));
}

#[tokio::test]
async fn a_ledger_without_a_count_fails_the_run() {
    a_renamed_column_fails_the_run(r#""superseded""#, r#""supercedes""#).await;
}

#[tokio::test]
async fn at_night_a_snapshot_without_its_count_of_rows_fails_the_run() {
    a_renamed_column_fails_the_run(r#""rows_before""#, r#""rows_behind""#).await;
}
