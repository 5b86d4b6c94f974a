//! What is told of models beside their rows: views for dashboards, freshness, changes.

use serde_json::{Value, json};

use super::{Changes, MODELS, shop};
use crate::harness::link;

#[tokio::test]
async fn dashboards_find_counts_of_events_and_freshness_in_trino() {
    let service = shop(&MODELS[..2]).await;
    service.log(&Changes::new(1).batch(50)).await;
    service.run().await.succeeds();

    let monitored = service
        .query("select table_name, change_type, sum(events), min(first_event_at) <= max(last_event_at) from {marts.PIPELINE_monitoring} group by 1, 2 order by 1, 2")
        .await;
    let counted = service
        .query("select * from (select 'customers', if(_operation = 'I', 'insert', if(_operation = 'U', 'update', 'delete')), count(*), true from {staging.customers} group by 1, 2 union all select 'orders', if(_operation = 'I', 'insert', if(_operation = 'U', 'update', 'delete')), count(*), true from {staging.orders} group by 1, 2) order by 1, 2")
        .await;
    assert_eq!(monitored, counted);
    let fresh = service
        .rows("select kind, name, status, lag_seconds >= 0, written_at >= covered_until from {marts.PIPELINE_freshness} order by 1, 2")
        .await;
    assert_eq!(
        fresh,
        json!([
            ["model", "by_day", "pass", true, true],
            ["table", "customers", "pass", true, true],
            ["table", "orders", "pass", true, true]
        ])
    );
}

#[tokio::test]
async fn changes_of_models_are_summed_beside_those_of_tables() {
    let service = shop(&MODELS[..2]).await;
    let mut changes = Changes::new(1);
    service.log(&changes.batch(50)).await;
    service.run().await.succeeds();
    service.log(&changes.batch(50)).await;
    let run = service.run().await.succeeds();

    let of_run = service
        .get(link(&run, "changes"))
        .await
        .has_status(200)
        .body;
    let path = format!("/v1/changes?by=day&model={}.by_day", service.name);
    let of_day = service.get(&path).await.has_status(200).body;

    let refresh = service.last_refresh("by_day").await;
    let one = &of_run["data"]
        .as_array()
        .and_then(|sums| sums.iter().find(|sum| sum["model"] != Value::Null))
        .expect("a sum");
    for count in ["inserted", "updated", "deleted"] {
        assert_eq!(one[count], refresh[count], "{of_run:#}");
        assert_eq!(of_day["data"][0][count], refresh[count], "{of_day:#}");
    }
    let sums = [
        &of_day["data"][0]["refreshes"],
        &of_day["data"][0]["full_refreshes"],
    ];
    assert_eq!(sums, [2, 1], "{of_day:#}");
    assert_eq!(
        of_day["data"].as_array().map(Vec::len),
        Some(1),
        "{of_day:#}"
    );
}
