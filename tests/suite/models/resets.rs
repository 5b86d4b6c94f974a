//! Models equal their queries after a table that they read was reset.

use serde_json::json;

use super::{Changes, MODELS, names, shop};

#[tokio::test]
async fn at_night_models_equal_their_queries_after_a_reset_that_lost_events() {
    let service = shop(&MODELS).await;
    let mut changes = Changes::new(7);
    service.log(&changes.batch(120)).await;
    service.run().await.succeeds();
    service.log(&changes.batch(20)).await;
    service.run().await.succeeds();
    service
        .write("delete from audit_log_dml where tbl_name = 'orders' and audit_event_id % 3 = 0")
        .await;
    let table = format!("{}.orders", service.name);
    let path = format!("/v1/tables/{table}/reset");
    let plan = service
        .post(&format!("{path}?dry_run=true"), &json!({}))
        .await
        .has_status(200)
        .body;
    assert_eq!(plan["models"].as_array().map(Vec::len), Some(9), "{plan:#}");

    let confirmation = json!({"confirm": table});
    service
        .post_table("orders", "reset", &confirmation)
        .await
        .succeeds();

    for model in names() {
        service.is_exact(model).await;
    }
    let refresh = service.last_refresh("events_by_operation").await;
    assert_eq!(refresh["action"], "full", "{refresh:#}");
    service.log(&changes.batch(20)).await;
    service.run().await.succeeds();
    for model in names() {
        service.is_exact(model).await;
    }
}
