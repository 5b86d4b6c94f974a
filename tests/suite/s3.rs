//! The main paths with everything on S3: landing files, Iceberg tables, dropped files.

use futures::StreamExt;
use object_store::{ObjectStoreExt, PutPayload};
use serde_json::json;

use crate::harness::{ITEMS, LOOSE_AUDIT_TABLE, Servers, Service, item, log};

#[tokio::test]
async fn an_audit_log_becomes_tables_on_s3_also_when_the_service_is_killed() {
    let tables = format!(
        "{LOOSE_AUDIT_TABLE}create table items (id bigint, amount numeric(10,2), name text);"
    );
    let mut service = Service::start_on(Servers::find_s3(), ITEMS, &tables, "").await;
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

#[tokio::test]
async fn files_that_are_dropped_into_a_bucket_are_a_table() {
    let servers = Servers::find_s3();
    let folder = format!("s3://ice/drops/{}/", uuid::Uuid::now_v7().simple());
    let pipeline = format!(
        "
pipeline: PIPELINE
source: {{kind: files, path: '{folder}', after: move}}
tables: {{orders: {{from: 'orders*', key: [id]}}}}
"
    );
    let service = Service::start_on(servers, &pipeline, "", "").await;
    let (store, root) = icefront::landing::open_store(&folder).expect("a store");
    let put = async |name: &str, text: &str| {
        let text = PutPayload::from(text.to_owned().into_bytes());
        store
            .put(&root.clone().join(name), text)
            .await
            .expect("written");
    };
    put("orders1.csv", "id,note\n1,a\n2,b\n").await;
    put("orders2.jsonl", "{\"id\": \"3\", \"note\": \"c\"}\n").await;
    put("orders3.csv", "note\nno key\n").await;
    let run = service.run().await;
    assert_eq!(run["counts"]["inserted"], 3, "{run:#}");
    assert!(store.head(&root.clone().join("orders1.csv")).await.is_err());
    let done = store.list(Some(&root.clone().join("_done")));
    assert_eq!(done.count().await, 2, "both that could be read");
    put("orders1.csv", "id,note\n1,later\n").await;
    let run = service.run().await;
    assert_eq!(run["counts"]["updated"], 1, "{run:#}");
    assert_eq!(run["counts"]["events"], 1, "{run:#}");
}
