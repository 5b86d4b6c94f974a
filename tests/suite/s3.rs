//! An audit log with everything on S3: landing files and Iceberg tables. Dropped files on S3 are in `drops`, `redelivery` and `unreadable`.

use serde_json::json;

use crate::harness::{ITEMS, LOOSE_AUDIT_TABLE, Service, item, log};

#[tokio::test]
async fn an_audit_log_becomes_tables_on_s3_also_when_the_service_is_killed() {
    let tables = format!(
        "{LOOSE_AUDIT_TABLE}create table items (id bigint, amount numeric(10,2), name text);"
    );
    let mut service = Service::of(ITEMS).on_s3().tables(&tables).start().await;
    let one = json!(1);
    log(
        &mut service.shop,
        &[item(1, 1, "I", &one, "a"), item(2, 2, "I", &one, "b")],
    )
    .await;
    let first = service.run().await;
    assert_eq!(first["counts"]["inserted"], 2, "{first:#}");
    log(
        &mut service.shop,
        &[item(3, 1, "U", &one, "c"), item(4, 2, "D", &one, "b")],
    )
    .await;
    let path = format!("/v1/pipelines/{}/runs", service.name);
    let queued = service.post(&path, &json!({})).await.body;
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    service.restart().await;
    let second = service.ended(&queued).await;
    assert_eq!(second["state"], "succeeded", "{second:#}");
    let rows = service.query("select id, name from {marts.items}").await;
    assert_eq!(json!(rows), json!([[1, "c"]]));
    let versions = service
        .query("select count(*) from {marts.items_history}")
        .await;
    assert_eq!(json!(versions), json!([[3]]));
}
