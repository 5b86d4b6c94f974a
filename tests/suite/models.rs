//! SQL models equal their queries after every refresh, and say why they were computed as they were.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use icefront_queries::{Case, Generator, Table};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::{Value, json};

use crate::harness::{AuditRow, Moment, Proxy, Run, Service, Then, Trap, depth};

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
        let folder = self
            .folder
            .path()
            .join("pipelines")
            .join(&self.name)
            .join("models");
        std::fs::create_dir_all(&folder).expect("a folder");
        let text = text.replace("PIPELINE", &self.name);
        std::fs::write(folder.join(file), text).expect("a model");
    }

    fn model_path(&self, model: &str) -> String {
        format!("/v1/models/{}.{model}", self.name)
    }

    /// The last refresh of a model.
    async fn last_refresh(&self, model: &str) -> Value {
        let path = format!("{}/refreshes?limit=1", self.model_path(model));
        let answer = self.get(&path).await.has_status(200);

        answer.body["refreshes"][0].clone()
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

#[tokio::test]
async fn a_run_that_changes_nothing_sends_no_statement_for_a_model() {
    let service = shop(&MODELS).await;
    service.log(&Changes::new(1).batch(50)).await;
    service.run().await.succeeds();

    let run = service.run().await.succeeds();

    for model in names().skip(1) {
        let refresh = service.last_refresh(model).await;
        assert_eq!(refresh["action"], "no_data", "{model}: {refresh:#}");
        let path = format!("/v1/runs/{}/steps/model.{model}/sql", id(&run));
        let statements = service.get(&path).await;
        assert_eq!(statements.body["statements"], json!([]), "{statements:?}");
    }
}

fn id(run: &Run) -> &str {
    run["run_id"].as_str().expect("an id")
}

/// A random query over tables of a declared source. All its columns are the key.
struct Random {
    case: Case,
    number: usize,
}

impl Random {
    fn table(&self, table: &Table) -> String {
        format!("q{}_{}", self.number, table.name)
    }

    fn model(&self) -> String {
        format!("m{}", self.number)
    }

    /// Each row of the query once, with how often it is there.
    fn text(&self) -> String {
        let mut sql = self.case.sql.clone();
        for table in &self.case.tables {
            let reference = format!("{{{{ source('random', '{}') }}}}", self.table(table));
            for follows in [" ", ")", ","] {
                sql = sql.replace(
                    &format!(" {}{follows}", table.name),
                    &format!(" {reference}{follows}"),
                );
            }
        }
        let columns = self.case.output.join(", ");
        let key: Vec<String> = self
            .case
            .output
            .iter()
            .map(|name| format!("'{name}'"))
            .collect();

        format!(
            "{{{{ config(materialized='incremental', unique_key=[{}]) }}}}
            select {columns}, count(*) as copies from (\n{sql}\n) as random group by {columns}",
            key.join(", ")
        )
    }
}

#[tokio::test]
async fn random_models_over_declared_sources_equal_their_queries_after_a_change() {
    let first = std::env::var("ICEFRONT_TEST_SEED").map_or_else(
        |_| u64::from(rand::random::<u32>()),
        |seed| seed.parse().expect("a number"),
    );
    let cases: Vec<Random> = (0..depth::seeds(20))
        .map(|number| Random {
            case: Generator::new(first + number).case(),
            number: usize::try_from(number).expect("small"),
        })
        .collect();
    println!("ICEFRONT_TEST_SEED={first}");
    let mut service = shop(&[]).await;
    let schema = format!("{}_marts", service.name);
    let mut yaml = format!("sources:\n  - name: random\n    schema: {schema}\n    tables:\n");
    let create = format!(
        "create schema if not exists {}.{schema}",
        service.servers.catalog
    );
    service.servers.query(&create).await;
    for random in &cases {
        for table in &random.case.tables {
            writeln!(yaml, "      - name: {}", random.table(table)).expect("a text");
            service.make_table(random, table).await;
        }
        service.write_model(&format!("{}.sql", random.model()), &random.text());
    }
    service.write_model("sources.yml", &yaml);
    service.restart().await;
    let only_models = json!({"steps": ["models"]});

    // Trino refuses some of the queries, whose models then fail.
    let _ = service.run_with(&only_models).await;
    let mut actions: BTreeMap<String, u32> = BTreeMap::new();
    for random in &cases {
        for table in &random.case.tables {
            service.change_table(random, table).await;
        }
    }
    let _ = service.run_with(&only_models).await;
    for random in &cases {
        let refresh = service.last_refresh(&random.model()).await;
        let action = refresh["action"].as_str().unwrap_or("refused").to_owned();
        if action != "refused" {
            // The time of a refresh is not that of the comparison.
            if random.case.sql.contains("current_date") {
                let path = format!("{}/verify", service.model_path(&random.model()));
                service.post_run(&path, &json!({})).await.succeeds();
            } else {
                service.is_exact(&random.model()).await;
            }
        }
        *actions.entry(action).or_default() += 1;
    }
    println!("{actions:?}");
    assert!(actions.contains_key("incremental"), "{actions:?}");
}

impl Service {
    async fn make_table(&self, random: &Random, table: &Table) {
        let name = self.table(&format!("marts.{}", random.table(table)));
        let columns: Vec<String> = table
            .columns
            .iter()
            .map(|column| format!("{} {}", column.name, column.data_type))
            .collect();
        let create = format!("create table {name} ({})", columns.join(", "));
        self.servers.query(&create).await;
        self.insert(&name, &table.old).await;
    }

    /// Brings a table to its second state, in two commits.
    async fn change_table(&self, random: &Random, table: &Table) {
        if table.old == table.new {
            return;
        }
        let name = self.table(&format!("marts.{}", random.table(table)));
        self.servers.query(&format!("delete from {name}")).await;
        self.insert(&name, &table.new).await;
    }

    async fn insert(&self, name: &str, rows: &[icefront_queries::Row]) {
        if rows.is_empty() {
            return;
        }
        let values: Vec<String> = rows
            .iter()
            .map(|row| format!("({})", row.join(", ")))
            .collect();
        let insert = format!("insert into {name} values {}", values.join(", "));
        self.servers.query(&insert).await;
    }
}

#[tokio::test]
async fn a_model_tells_its_scope_and_why_it_was_refreshed_as_it_was() {
    let service = shop(&MODELS).await;
    let path = service.model_path("by_region");
    let before = service.get(&path).await.has_status(200);
    assert_eq!(before.body["refresh"]["verdict"], "unknown", "{before:?}");
    service.log(&Changes::new(1).batch(50)).await;
    service.run().await.succeeds();

    let model = service.get(&path).await.has_status(200).body;
    assert_eq!(model["refresh"]["verdict"], "incremental", "{model:#}");
    assert_eq!(model["refresh"]["scope"], json!(["day"]), "{model:#}");
    let inputs = model["refresh"]["inputs"].as_array().expect("a list");
    assert!(
        inputs.iter().all(|input| input["full_because"].is_null()),
        "{model:#}"
    );
    let refresh = service.last_refresh("by_region").await;
    assert_eq!(refresh["reason"], "it is built for the first time");
    let totals = service.get(&service.model_path("totals")).await.body;
    assert_eq!(totals["refresh"]["verdict"], "full", "{totals:#}");
}

#[tokio::test]
async fn a_changed_query_is_planned_and_built_again_in_one_commit() {
    let mut service = shop(&MODELS[..2]).await;
    service.log(&Changes::new(1).batch(50)).await;
    service.run().await.succeeds();
    service.write_model(
        "by_day.sql",
        "{{ config(materialized='incremental', unique_key='day') }}
        select day, count(*) as orders, min(amount) as lowest from {{ ref('priced_orders') }} group by day",
    );
    service.restart().await;
    let plan = format!("/v1/pipelines/{}/plan", service.name);
    let plan = service.get(&plan).await.has_status(200);
    assert_eq!(
        plan.body["models"][1]["rebuild"], "its SQL changed",
        "{plan:?}"
    );

    service.run().await.succeeds();

    assert_eq!(
        service.last_refresh("by_day").await["reason"],
        "its SQL changed"
    );
    service.is_exact("by_day").await;
}

#[tokio::test]
async fn a_key_that_is_not_unique_publishes_nothing() {
    let mut service = shop(&MODELS[..2]).await;
    service.log(&Changes::new(1).batch(50)).await;
    service.run().await.succeeds();
    let rows = service.current("by_day", "day, orders").await;
    service.write_model(
        "by_day.sql",
        "{{ config(materialized='incremental', unique_key='day') }}
        select day, 1 as orders, amount as revenue from {{ ref('orders') }}",
    );
    service.restart().await;

    service
        .run()
        .await
        .fails_at("model.by_day")
        .with("model-broken")
        .saying("is not unique");

    assert_eq!(service.current("by_day", "day, orders").await, rows);
}

#[tokio::test]
async fn a_failed_test_publishes_nothing_and_models_below_wait() {
    let service = shop(&MODELS[..3]).await;
    service.log(&Changes::new(1).batch(50)).await;
    service.run().await.succeeds();
    let rows = service.current("by_month", "month, revenue").await;
    let mut service = service;
    service.write_model(
        "schema.yml",
        "models:
  - name: by_day
    columns:
      - name: orders
        data_tests: [{dbt_utils.accepted_range: {max_value: 0}}]",
    );
    service.restart().await;
    service.log(&Changes::new(2).batch(20)).await;

    let run = service
        .run()
        .await
        .fails_at("model.by_day")
        .with("test-failed");

    assert!(
        run.detail().contains("accepted_range_by_day_orders"),
        "{run}"
    );
    assert_eq!(service.current("by_month", "month, revenue").await, rows);
    let refresh = service.last_refresh("by_month").await;
    assert_eq!(refresh["state"], "upstream_failed", "{refresh:#}");
    service.write_model("schema.yml", "models: []");
    service.restart().await;
    service.run().await.succeeds();
    service.is_exact("by_day").await;
    service.is_exact("by_month").await;
}

#[tokio::test]
async fn a_run_takes_the_models_that_words_of_dbt_select() {
    let service = shop(&MODELS).await;
    service.log(&Changes::new(1).batch(50)).await;
    service.run().await.succeeds();

    let run = service
        .run_with(&json!({"steps": ["models"], "select": ["+by_month"], "exclude": ["by_day"]}))
        .await
        .succeeds();
    let path = format!("/v1/runs/{}/steps", id(&run));
    let steps = service.get(&path).await.body;
    let steps = steps["steps"].as_array().expect("steps");
    let names: BTreeSet<&str> = steps
        .iter()
        .filter_map(|step| step["name"].as_str())
        .collect();
    assert_eq!(
        names,
        BTreeSet::from(["model.priced_orders", "model.by_month"])
    );

    let path = service.runs_path();
    let wrong = service.post(&path, &json!({"select": ["by_mont"]})).await;
    assert_eq!(wrong.status, 404, "{wrong:?}");
    assert!(
        wrong.body["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("did you mean `by_month`?")),
        "{wrong:?}"
    );
}

#[tokio::test]
async fn trino_names_the_line_of_a_model_that_it_does_not_take() {
    let mut service = shop(&MODELS[..1]).await;
    service.log(&Changes::new(1).batch(5)).await;
    service.run().await.succeeds();
    service.write_model(
        "broken.sql",
        "{{ config(materialized='table') }}\nselect\n  id,\n  amont\nfrom {{ ref('orders') }}",
    );
    service.restart().await;

    let path = format!("/v1/pipelines/{}/validate", service.name);
    let answer = service.post(&path, &json!({})).await.has_status(200);

    assert_eq!(answer.body["are_valid"], false, "{answer:?}");
    let broken = answer.body["models"]
        .as_array()
        .expect("models")
        .iter()
        .find(|model| model["is_valid"] == false)
        .expect("a broken one");
    assert_eq!(
        (&broken["file"], &broken["line"], &broken["column"]),
        (&json!("models/broken.sql"), &json!(4), &json!(3)),
        "{broken:#}"
    );
}

/// Kills the service at one request after the other that a model's step sends to Trino.
#[tokio::test]
async fn a_service_that_is_killed_at_any_request_of_a_refresh_leaves_models_right() {
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
