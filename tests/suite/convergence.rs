//! At rest the current rows equal the source, row for row and value for value. No fault of the audit log can hide from this check.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use icefront_generate::GenerateShop;
use serde_json::json;

use crate::harness::{Service, depth};

const SHOP: &str = "
pipeline: PIPELINE
source: {kind: postgres_audit_log, connection: shop}
tables:
  orders: {from: public.orders, key: [order_id]}
  customers: {from: public.customers, key: [customer_id]}
";

/// The columns as text, the same in Postgres and in Trino; a float is compared by its bits.
const ORDERS: (&str, &str) = (
        "select order_id::text, customer_id::text, status, order_sum::text, discount::text, quantity::text, weight_kg::text, express::text,
           description, attributes::text, ordered_on::text, to_char(order_timestamp at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'),
           to_char(updated_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US') from orders",
        "select cast(order_id as varchar), cast(customer_id as varchar), status, cast(order_sum as varchar), cast(discount as varchar),
           cast(quantity as varchar), cast(weight_kg as varchar), cast(express as varchar), description, attributes, cast(ordered_on as varchar),
           cast(cast(order_timestamp at time zone 'UTC' as timestamp(6)) as varchar),
           cast(cast(updated_at at time zone 'UTC' as timestamp(6)) as varchar) from {marts.orders}",
);
const CUSTOMERS: (&str, &str) = (
    "select customer_id::text, name, email, country::text, to_jsonb(tags)::text,
       to_char(created_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS.US'), profile::text from customers",
    "select cast(customer_id as varchar), name, email, country, tags, cast(cast(created_at at time zone 'UTC' as timestamp(6)) as varchar), profile
       from {marts.customers}",
);
const FLOAT: usize = 6;

#[tokio::test]
async fn tables_equal_the_source_after_eight_writers_have_ended() {
    let service = Service::of(SHOP).start().await;
    writers(&service, 4_000).run().await.expect("written");

    service.run().await.succeeds();

    assert_equal_to_the_source(&service).await;
}

#[tokio::test]
async fn at_night_tables_equal_the_source_when_runs_went_on_while_eight_writers_wrote() {
    runs_beside_writers(false).await;
}

#[tokio::test]
async fn at_night_tables_equal_the_source_when_the_log_does_not_tell_transactions() {
    runs_beside_writers(true).await;
}

async fn runs_beside_writers(no_xid: bool) {
    let service = Service::of(SHOP).start().await;
    // The tables must be there before the first run looks for them.
    let beside = |rows| GenerateShop {
        no_xid,
        ..writers(&service, rows)
    };
    beside(100).run().await.expect("written");
    let is_enough = AtomicBool::new(false);
    let writing = async {
        while !is_enough.load(Ordering::Relaxed) {
            beside(1_000).run().await.expect("written");
        }
    };
    let running = async {
        for _ in 0..depth::rounds(2) {
            service.run().await.succeeds();
        }
        is_enough.store(true, Ordering::Relaxed);
    };
    tokio::join!(writing, running);

    service.run().await.succeeds();

    assert_equal_to_the_source(&service).await;
}

fn writers(service: &Service, rows: u64) -> GenerateShop {
    let url = service.servers.database(&format!("{}_shop", service.name));
    GenerateShop {
        rows: Some(rows),
        rate: Some(600),
        concurrency: 8,
        extremes: true,
        ..GenerateShop::quietly(&url)
    }
}

async fn assert_equal_to_the_source(service: &Service) {
    for (postgres, trino) in [ORDERS, CUSTOMERS] {
        let source: BTreeSet<Vec<Option<String>>> = service
            .shop
            .query(postgres, &[])
            .await
            .expect("rows")
            .iter()
            .map(|row| (0..row.len()).map(|at| normal(at, row.get(at))).collect())
            .collect();
        let rows = service.query(trino).await;
        let current: BTreeSet<Vec<Option<String>>> = rows
            .iter()
            .map(|row| {
                let texts = row.iter().enumerate();
                texts
                    .map(|(at, value)| normal(at, value.as_str().map(ToOwned::to_owned)))
                    .collect()
            })
            .collect();
        assert!(!source.is_empty());
        assert_eq!(rows.len(), current.len(), "no row is there twice");
        assert_eq!(
            source.difference(&current).next(),
            None,
            "in the source, not in the table: {trino}"
        );
        assert_eq!(
            current.difference(&source).next(),
            None,
            "in the table, not in the source: {trino}"
        );
    }
    let open = "select (select count(*) from {marts.orders}), (select count(*) from {marts.orders_history} where is_current)";
    let counts = service.query(open).await;
    assert_eq!(
        counts[0][0], counts[0][1],
        "every current row is an open version"
    );
    let rejects = "select count(*) from {staging.PIPELINE_rejects}";
    assert_eq!(service.rows(rejects).await, json!([[0]]));
}

fn normal(at: usize, value: Option<String>) -> Option<String> {
    let float = value
        .as_ref()
        .filter(|_| at == FLOAT)
        .and_then(|text| text.parse::<f64>().ok());
    match float {
        Some(float) => Some(format!("{float:?}")),
        None => value,
    }
}
