//! Random queries over tables of a declared source, which change.

use std::collections::BTreeMap;
use std::fmt::Write;

use icefront_queries::{Case, Generator, Table};
use serde_json::json;

use super::shop;
use crate::harness::{Service, depth};

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
async fn at_night_random_models_over_declared_sources_equal_their_queries_after_a_change() {
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
