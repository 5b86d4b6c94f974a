//! An audit log with everything on S3: landing files and Iceberg tables. Dropped files on S3 are in `drops`, `redelivery` and `unreadable`.

use serde_json::json;

use crate::harness::{Service, delete, insert, update};

#[tokio::test]
async fn an_audit_log_becomes_tables_on_s3_also_when_the_service_is_killed() {
    let mut service = Service::items().on_s3().start().await;
    json!(1);
    service
        .log(&[insert(1, 1, 1, "a"), insert(2, 2, 1, "b")])
        .await;
    service.run().await.succeeds().counts("inserted", 2);
    service
        .log(&[update(3, 1, 1, "c"), delete(4, 2, 1, "b")])
        .await;
    let queued = service.start(&json!({})).await.body;
    tokio::time::sleep(std::time::Duration::from_millis(400)).await;
    service.restart().await;
    service.ended(&queued).await.succeeds();
    assert_eq!(
        service.current("items", "id, name").await,
        json!([[1, "c"]])
    );
    assert_eq!(service.count("marts.items_history").await, 3);
}
