//! SQL models over a small shop: its tables, its models, and random changes of it.

mod exactness;
mod forgetting;
mod lists;
mod plans;
mod random;
mod refreshes;
mod reports;
mod resets;
mod row_changes;
mod testing;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::harness::{AuditRow, Run, Service};

const SHOP: &str = "
pipeline: PIPELINE
source: {kind: postgres_audit_log, connection: shop}
max_clock_skew: 1d
tables:
  orders: {from: public.orders, key: [id]}
  customers: {from: public.customers, key: [id]}
";

const TABLES: &str = "
create table orders (id bigint, customer_id bigint, day date, amount numeric(10,2));
create table customers (id bigint, region text);";

/// The models of the shop: file and text.
const MODELS: [(&str, &str); 9] = [
    (
        "priced_orders.sql",
        "select id, customer_id, day, amount from {{ ref('orders') }} where amount is not null",
    ),
    (
        "by_day.sql",
        "{{ config(materialized='incremental', unique_key='day') }}
        select day, count(*) as orders, sum(amount) as revenue from {{ ref('priced_orders') }} group by day",
    ),
    (
        "by_month.sql",
        "{{ config(materialized='incremental', unique_key='month') }}
        select date_trunc('month', day) as month, sum(revenue) as revenue, count(*) as days
        from {{ ref('by_day') }} group by 1",
    ),
    (
        "by_region.sql",
        "{{ config(materialized='incremental', unique_key=['region', 'day']) }}
        select c.region, o.day, count(*) as orders, max(o.amount) as highest
        from {{ ref('orders') }} o left join {{ ref('customers') }} c on c.id = o.customer_id
        group by c.region, o.day",
    ),
    (
        "idle_customers.sql",
        "{{ config(materialized='incremental', unique_key='id') }}
        select id, region from {{ ref('customers') }} c
        where not exists (select 1 from {{ ref('orders') }} o where o.customer_id = c.id)",
    ),
    (
        "last_orders.sql",
        "{{ config(materialized='incremental', unique_key='customer_id') }}
        select customer_id, id, amount from (
          select customer_id, id, amount, row_number() over (partition by customer_id order by day desc, id desc) as place
          from {{ ref('orders') }}
        ) where place = 1",
    ),
    (
        "changes_by_order.sql",
        "{{ config(materialized='incremental', unique_key='id') }}
        select id, count(*) as versions, count_if(is_deleted) as deletes, max(valid_from) as changed_at
        from {{ ref('orders_history') }} group by id",
    ),
    (
        "events_by_operation.sql",
        "{{ config(materialized='incremental', unique_key=['_operation', 'customer_id']) }}
        select _operation, customer_id, count(*) as events from {{ source('PIPELINE', 'orders') }} group by 1, 2",
    ),
    (
        "totals.sql",
        "{{ config(materialized='table') }}
        select count(*) as orders, sum(amount) as revenue from {{ ref('orders') }}",
    ),
];

const NEW_YEAR: i64 = 1_767_225_600_000_000; // 2026-01-01
const MINUTE: i64 = 60_000_000;

/// Random changes of the shop, each an event of its audit log.
struct Changes {
    random: StdRng,
    next: i64,
    late: Vec<AuditRow>,
}

impl Changes {
    fn new(seed: u64) -> Self {
        Self {
            random: StdRng::seed_from_u64(seed),
            next: 1,
            late: Vec::new(),
        }
    }

    /// Some events. A few are held back, and come late with a later batch.
    fn batch(&mut self, count: usize) -> Vec<AuditRow> {
        let mut events = std::mem::take(&mut self.late);
        for _ in 0..count {
            let event = self.event();
            if self.random.random_bool(0.1) {
                self.late.push(event);
            } else {
                events.push(event);
            }
        }
        events
    }

    fn event(&mut self) -> AuditRow {
        let id = self.next;
        self.next += 1;
        let operation = *["I", "U", "U", "U", "D"]
            .get(self.random.random_range(0..5))
            .expect("five");
        let (table, row) = if self.random.random_bool(0.75) {
            ("orders", self.order())
        } else {
            ("customers", self.customer())
        };

        AuditRow {
            id: Some(id),
            operation: Some(operation.into()),
            occurred_at: Some(NEW_YEAR + id * MINUTE),
            table: table.into(),
            data: Some(row.to_string()),
        }
    }

    fn order(&mut self) -> Value {
        let amount = self.random.random_range(0..5);
        let day = self.random.random_range(1..60);
        let customer = self.random.random_range(0..8);
        json!({
            "id": self.random.random_range(1..40),
            "customer_id": (customer > 0).then_some(customer),
            "day": if day < 28 { format!("2026-01-{day:02}") } else { format!("2026-02-{:02}", day % 28 + 1) },
            "amount": (amount > 0).then(|| format!("{amount}.50")),
        })
    }

    fn customer(&mut self) -> Value {
        let region = ["north", "south", "west"].get(self.random.random_range(0..4));
        json!({"id": self.random.random_range(1..8), "region": region})
    }
}

impl Service {
    /// Writes a file of the pipeline's models. The service reads it at its next start.
    pub(crate) fn write_model(&self, file: &str, text: &str) {
        self.write_file(&format!("models/{file}"), text);
    }

    /// Writes a file of the pipeline's folder.
    fn write_file(&self, file: &str, text: &str) {
        let folder = self.folder.path().join("pipelines").join(&self.name);
        let file = folder.join(file);
        let parent = file.parent().expect("a folder");
        std::fs::create_dir_all(parent).expect("a folder");
        std::fs::write(&file, text.replace("PIPELINE", &self.name)).expect("a file");
    }

    fn model_path(&self, model: &str) -> String {
        format!("/v1/models/{}.{model}", self.name)
    }

    /// The last refresh of a model.
    async fn last_refresh(&self, model: &str) -> Value {
        let path = format!("{}/refreshes?limit=1", self.model_path(model));
        let answer = self.get(&path).await.has_status(200);

        answer.body["data"][0].clone()
    }

    /// The rows of a model that are not those of its query, and the other way round.
    async fn differences(&self, model: &str) -> Vec<Vec<Value>> {
        let path = format!("{}/sql", self.model_path(model));
        let answer = self.get(&path).await.has_status(200);
        let sql = answer.body["rendered"].as_str().expect("SQL");
        let table = self.table(&format!("marts.{model}"));
        // The query of a model may hold braces of its own.
        let both = format!(
            "(select 'missing', * from ({sql}\n) except all select 'missing', * from {table})
            union all (select 'unexpected', * from {table} except all select 'unexpected', * from ({sql}\n))"
        );

        self.servers.query(&both).await
    }

    async fn is_exact(&self, model: &str) {
        let differences = self.differences(model).await;
        assert!(
            differences.is_empty(),
            "{model}: {differences:#?}\n{:#}",
            self.last_refresh(model).await
        );
    }
}

/// A service over the shop, with these models.
async fn shop(models: &[(&str, &str)]) -> Service {
    let mut service = Service::of(SHOP).audit_log().tables(TABLES).start().await;
    for (file, text) in models {
        service.write_model(file, text);
    }
    service.restart().await;

    service
}

fn names() -> impl Iterator<Item = &'static str> {
    MODELS.iter().map(|(file, _)| file.trim_end_matches(".sql"))
}

fn id(run: &Run) -> &str {
    run["id"].as_str().expect("an id")
}
