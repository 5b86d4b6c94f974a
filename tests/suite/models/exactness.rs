//! Models equal their queries after every batch, and after a kill.

use std::path::Path;

use icefront_generate::GenerateShop;
use serde_json::{Value, json};

use super::{Changes, MINUTE, MODELS, NEW_YEAR, names, shop};
use crate::harness::{AuditRow, Moment, Proxy, Service, Then, Trap, depth};
use crate::suite::samples::sample;

#[tokio::test]
async fn models_equal_their_queries_after_every_batch() {
    let seed = u64::from(rand::random::<u32>());
    println!("seed {seed}");
    let service = shop(&MODELS).await;
    let mut changes = Changes::new(seed);
    for batch in 0..depth::batches(5) {
        service
            .log(&changes.batch(if batch == 0 { 150 } else { 12 }))
            .await;
        if batch == 3 {
            let truncate = AuditRow {
                id: Some(changes.next),
                operation: Some("T".into()),
                occurred_at: Some(NEW_YEAR + changes.next * MINUTE),
                table: "customers".into(),
                data: None,
            };
            changes.next += 1;
            service.log(&[truncate]).await;
        }
        service.run().await.succeeds();
        for model in names() {
            service.is_exact(model).await;
        }
        for model in names().skip(1).filter(|model| *model != "totals") {
            let refresh = service.last_refresh(model).await;
            let is_expected = match batch {
                0 => refresh["action"] == "full",
                _ => refresh["action"] == "incremental" || refresh["action"] == "no_data",
            };
            assert!(is_expected, "batch {batch} of {model}: {refresh:#}");
        }
    }
    for model in names().skip(1) {
        let path = format!("{}/verify", service.model_path(model));
        service.post_run(&path, &json!({})).await.succeeds();
    }
}

/// What Postgres itself computes of the shop's orders, in the columns of the sample's model `orders_aggregated`.
const AGGREGATED: &str = "
with derived as (
  select date_trunc('month', ordered_on)::date::text as order_month, customer_id, status, quantity, discount,
    round(order_sum * (1 - coalesce(discount, 0)), 2) as revenue,
    case when order_sum >= 300 then 'large' when order_sum >= 100 then 'medium' else 'small' end as value_segment
  from orders
)
select to_jsonb(array_agg(jsonb_build_array(order_month, value_segment, orders, customers, revenue, delivered, returned, doubtful)))
from (
  select order_month, value_segment, count(*) as orders, count(distinct customer_id) as customers,
    sum(revenue)::text as revenue, count(*) filter (where status = 'delivered') as delivered,
    count(*) filter (where status = 'returned') as returned,
    count(*) filter (where quantity < 1 or coalesce(discount, 0) >= 1) as doubtful
  from derived group by 1, 2 order by 1, 2
) as aggregated";

/// The models of the sample `shop`, over the shop that the service generates.
#[tokio::test]
async fn at_night_the_samples_models_equal_what_the_source_computes_after_every_batch() {
    let mut service = Service::of(&sample("shop")).start().await;
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("sql/pipelines/shop/models");
    for entry in std::fs::read_dir(models).expect("models") {
        let entry = entry.expect("a model");
        let text = std::fs::read_to_string(entry.path()).expect("a text");
        service.write_model(&entry.file_name().to_string_lossy(), &text);
    }
    let url = service.servers.database(&format!("{}_shop", service.name));
    for seed in 1..=depth::seeds(3) {
        let generate = GenerateShop {
            rows: Some(if seed == 1 { 2_000 } else { 200 }),
            seed,
            ..GenerateShop::quietly(&url)
        };
        generate.run().await.expect("orders");
        if seed == 1 {
            service.restart().await;
        }
        service.run().await.succeeds();

        let row = service.shop.query_one(AGGREGATED, &[]).await;
        let expected: Value = row.expect("computed").get(0);
        let held = "select cast(order_month as varchar), value_segment, orders, customers,
            cast(revenue as varchar), delivered, returned, doubtful
            from {marts.orders_aggregated} order by 1, 2";
        assert_eq!(service.rows(held).await, expected, "seed {seed}");
        for model in [
            "daily_revenue",
            "customer_lifetime",
            "largest_orders",
            "idle_customers",
        ] {
            service.is_exact(model).await;
        }
    }
    let refresh = service.last_refresh("orders_aggregated").await;
    assert_eq!(refresh["action"], "incremental", "{refresh:#}");
}

/// Kills the service at one request after the other that a model's step sends to Trino.
#[tokio::test]
async fn at_night_a_service_that_is_killed_at_any_request_of_a_refresh_leaves_models_right() {
    let mut service = shop(&MODELS[..3]).await;
    let wire = Proxy::before_trino(&service.servers).await;
    service.configure(&format!("trino.url = 'http://{}'", wire.address));
    service.restart().await;
    let mut changes = Changes::new(3);
    service.log(&changes.batch(60)).await;
    service.run().await.succeeds();
    let every = if depth::is_deep() { 1 } else { 3 };

    for pass in (0..).step_by(every) {
        service.log(&changes.batch(8)).await;
        let (kill, mut killed) = tokio::sync::mpsc::unbounded_channel();
        wire.arm(Trap {
            request: "/model.by_day/",
            pass,
            later: 0,
            moment: Moment::Answered,
            spring: Box::new(move || {
                let _ = kill.send(());
                Then::Cut
            }),
        });
        let run = service.start(&json!({})).await.body;
        let was_killed = tokio::select! {
            _ = killed.recv() => true,
            _ = service.ended(&run) => false,
        };
        if was_killed {
            service.restart().await;
        } else {
            wire.disarm();
        }
        service.ended(&run).await;
        service.run().await.succeeds();
        for model in ["by_day", "by_month"] {
            service.is_exact(model).await;
        }
        if !was_killed {
            assert!(pass > 5, "only {pass} requests were seen");
            return;
        }
    }
}
