//! Forgotten keys: no file has them any more, and everything else is exact.

use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::DeflateDecoder;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::{Value, json};
use tokio_postgres::Client;

use super::{MODELS, NEW_YEAR, shop};
use crate::harness::{AuditRow, Drops, Run, Service};

/// Models that read customers, orders, or both.
const READING: [&str; 4] = [
    "priced_orders.sql",
    "by_day.sql",
    "by_region.sql",
    "idle_customers.sql",
];
/// In each text of customer 3, and in no other.
const SECRET: &str = "hidden-valley";
const MINUTE: i64 = 60_000_000;

fn event(id: i64, operation: &str, table: &str, row: &Value) -> AuditRow {
    AuditRow {
        id: Some(id),
        operation: Some(operation.into()),
        occurred_at: Some(NEW_YEAR + id * MINUTE),
        table: table.into(),
        data: Some(row.to_string()),
    }
}

fn customer(id: i64, key: impl Into<Value>, region: &str) -> AuditRow {
    let mut row = json!({"region": region});
    row["id"] = key.into();

    event(id, "U", "customers", &row)
}

fn order(id: i64, customer: i64) -> AuditRow {
    let row = json!({"id": id, "customer_id": customer, "day": "2026-01-02", "amount": "1.50"});

    event(id, "I", "orders", &row)
}

/// All files below a folder.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files_below(&path));
        } else {
            found.push(path);
        }
    }

    found
}

/// The blocks of an Avro container, unpacked: a manifest has the least and greatest values of files there. Each ends with the mark that also
/// ends the file, and begins with two lengths.
fn avro_blocks(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mark = &bytes[bytes.len() - 16..];
    let marks: Vec<usize> = (0..=bytes.len() - 16)
        .filter(|at| &bytes[*at..at + 16] == mark)
        .collect();

    marks
        .windows(2)
        .map(|ends| {
            let block = &bytes[ends[0] + 16..ends[1]];
            let lengths = |from: usize| {
                from + block[from..]
                    .iter()
                    .position(|byte| *byte < 128)
                    .expect("a length")
                    + 1
            };
            let packed = &block[lengths(lengths(0))..];
            let mut unpacked = Vec::new();
            let mut reader = DeflateDecoder::new(packed);
            reader.read_to_end(&mut unpacked).expect("a deflated block");
            unpacked
        })
        .collect()
}

/// Whether the bytes of a file, the blocks of an Avro file or the rows of a Parquet file have a text.
fn has_text(file: &Path, text: &str) -> bool {
    let bytes = std::fs::read(file).unwrap_or_default();
    let has = |bytes: &[u8]| {
        bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    if has(&bytes) {
        return true;
    }
    if bytes.starts_with(b"Obj\x01") {
        return avro_blocks(&bytes).iter().any(|block| has(block));
    }
    let parquet = SerializedFileReader::new(bytes::Bytes::from(bytes));
    let Some(reader) = parquet.ok() else {
        return false;
    };
    let mut rows = reader.get_row_iter(None).expect("rows");

    rows.any(|row| row.expect("a row").to_string().contains(text))
}

impl Service {
    /// The files of the pipeline's tables and of its landing folder that have a text.
    fn files_with(&self, text: &str) -> Vec<PathBuf> {
        let warehouse = std::env::var("ICEFRONT_TEST_WAREHOUSE").expect("a folder");
        let mut files = files_below(Path::new(&warehouse));
        files.retain(|file| file.to_string_lossy().contains(&self.name) && has_text(file, text));

        files
    }

    async fn forgets(&self, table: &str, keys: &Value) -> Run {
        let body = json!({"keys": keys, "confirm": format!("{}.{table}", self.name)});

        self.post_table(table, "forget", &body).await
    }

    async fn reasons(&self, table: &str) -> Vec<Value> {
        let path = format!("/v1/rejects?table={}.{table}", self.name);
        let answer = self.get(&path).await.has_status(200);
        let rejects = answer.body["data"].as_array().expect("a list");

        rejects
            .iter()
            .map(|reject| json!([reject["reason"], reject["raw_data"], reject["value"]]))
            .collect()
    }

    /// How many statements and runs of the state database have a text.
    async fn told_in_state(&self, state: &Client, text: &str) -> i64 {
        let count = "select
            (select count(*) from icefront.statements where sql like $1)
            + (select count(*) from icefront.runs where task::text like $1 or request::text like $1 or error::text like $1)
            + (select count(*) from icefront.steps where error::text like $1)
            + (select count(*) from icefront.run_events where data::text like $1)
            + (select count(*) from icefront.refreshes where problem::text like $1)
            + (select count(*) from icefront.idempotency_keys where body::text like $1)";
        let pattern = format!("%{text}%");

        state
            .query_one(count, &[&pattern])
            .await
            .expect("a count")
            .get(0)
    }
}

#[tokio::test]
async fn no_file_and_no_statement_has_a_forgotten_key_and_all_other_rows_are_exact() {
    let models: Vec<_> = MODELS
        .into_iter()
        .filter(|(file, _)| READING.contains(file))
        .collect();
    let service = shop(&models).await;
    service
        .log(&[
            customer(1, 3, "hidden-valley-1"),
            customer(2, 4, "north"),
            order(3, 3),
            order(4, 4),
        ])
        .await;
    service.run().await.succeeds();
    service
        .log(&[customer(5, "03", "hidden-valley-2"), order(6, 3)])
        .await;
    service.run().await.succeeds();
    // Neither its field nor its file is a row of the log yet.
    service
        .log(&[customer(7, 3, "hidden-valley-3"), customer(8, 5, "south")])
        .await;
    service
        .run_with(&json!({"steps": ["extract"]}))
        .await
        .succeeds();
    assert!(!service.files_with(SECRET).is_empty());

    let forgot = service
        .forgets("customers", &json!([{"id": 3}]))
        .await
        .succeeds();

    forgot.counts("landed_forgotten", 3);
    assert_eq!(forgot["kind"], "forget");
    assert_eq!(forgot["request"]["selected_keys"], 1);
    assert_eq!(service.files_with(SECRET), Vec::<PathBuf>::new());
    let current = service.current("customers", "id, region").await;
    assert_eq!(current, json!([[4, "north"], [5, "south"]]));
    for table in ["customers", "orders"] {
        service.verifies(table).await;
    }
    for model in ["by_day", "by_region", "idle_customers"] {
        service.is_exact(model).await;
    }
    // Events of it that come later, in whatever form, are not taken.
    service
        .log(&[
            customer(9, 3, "hidden-valley-4"),
            customer(10, "+3", "hidden-valley-5"),
            customer(11, 4, "west"),
            order(12, 3),
        ])
        .await;
    service.run().await.succeeds();
    assert_eq!(service.files_with(SECRET), Vec::<PathBuf>::new());
    let forgotten = json!(["forgotten", null, null]);
    assert_eq!(service.reasons("customers").await, vec![forgotten; 5]);
    let current = service.current("customers", "id, region").await;
    assert_eq!(current, json!([[4, "west"], [5, "south"]]));
    for table in ["customers", "orders"] {
        service.verifies(table).await;
    }
    for model in ["by_day", "by_region", "idle_customers"] {
        service.is_exact(model).await;
    }
}

#[tokio::test]
async fn a_killed_erasure_is_finished_and_its_keys_are_kept_nowhere() {
    let mut service = shop(&[]).await;
    let secret = |id| {
        event(
            id,
            "U",
            "customers",
            &json!({"id": 40_711_740, "region": SECRET}),
        )
    };
    service.log(&[secret(1), customer(2, 4, "north")]).await;
    service.run().await.succeeds();
    let keys = json!([{"id": 40_711_740}]);
    let rebuild = format!("/v1/tables/{}.customers/rebuild", service.name);
    for (key, id, problem) in [
        ("right", json!(40_711_740), false),
        ("wrong", json!("x40711740"), true),
    ] {
        let asked = service
            .request(reqwest::Method::POST, &rebuild)
            .header("idempotency-key", key)
            .json(&json!({"keys": [{"id": id}]}));
        let started = service.call(asked).await.has_status(202);
        let ended = service.ended(&started.body).await;
        assert_eq!(ended["state"] == "failed", problem, "{ended:?}");
    }
    let state = service.connect_to_state().await;
    assert!(service.told_in_state(&state, "40711740").await > 0);
    service.restart_as_process(&[]).await;
    let body = json!({"keys": keys, "confirm": format!("{}.customers", service.name)});
    let path = format!("/v1/tables/{}.customers/forget", service.name);
    let ask = |service: &Service| {
        service
            .request(reqwest::Method::POST, &path)
            .header("idempotency-key", "erase-40711740")
            .json(&body)
    };
    let started = service.call(ask(&service)).await.has_status(202);
    let run = started.body.clone();
    let has_emptied = "select count(*) from icefront.steps where name = 'forget.customers' and state = 'succeeded'";
    while state
        .query_one(has_emptied, &[])
        .await
        .expect("a count")
        .get::<_, i64>(0)
        == 0
    {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    service.signal("KILL");

    service.restart_as_process(&[]).await;
    service.ended(&run).await.succeeds();

    assert_eq!(service.files_with(SECRET), Vec::<PathBuf>::new());
    let current = service.current("customers", "id, region").await;
    assert_eq!(current, json!([[4, "north"]]));
    assert_eq!(service.told_in_state(&state, "40711740").await, 0);
    let again = service.call(ask(&service)).await;
    assert_eq!(
        again.body["id"], run["id"],
        "the same call is the same run: {:#}",
        again.body
    );
    service.verifies("customers").await;
}

#[tokio::test]
async fn at_night_a_forgotten_key_may_come_in_any_batch_of_a_pipeline_that_allows_no_rejects() {
    let strict = super::SHOP.replace("tables:", "max_rejects: {share: 0, at_least: 0}\ntables:");
    let service = Service::of(&strict)
        .audit_log()
        .tables(super::TABLES)
        .start()
        .await;
    service
        .log(&[customer(1, 3, SECRET), customer(2, 4, "north")])
        .await;
    service.run().await.succeeds();
    service
        .forgets("customers", &json!([{"id": 3}]))
        .await
        .succeeds();

    service.log(&[customer(3, 3, SECRET)]).await;

    service.run().await.succeeds().counts("rejected", 1);
    let table = service
        .get(&service.table_path("customers"))
        .await
        .has_status(200);
    assert_eq!(
        table.body["rejects"], 0,
        "nobody can repair it: {:#}",
        table.body
    );
    service
        .post_table("customers", "restage", &json!({}))
        .await
        .succeeds();
    service.verifies("customers").await;
}

#[tokio::test]
async fn at_night_a_key_is_forgotten_where_rows_are_polled_and_where_files_are_dropped() {
    let polled = "
pipeline: PIPELINE
source: {kind: postgres_table, connection: shop}
tables:
  people: {from: public.people, key: [id], cursor: updated_at, overlap: 0s}
";
    let service = Service::of(polled)
        .tables("create table people (id bigint primary key, name text, updated_at timestamptz not null default now());")
        .start()
        .await;
    service
        .write("insert into people values (3, 'hidden-valley'), (4, 'Bob')")
        .await;
    service.run().await.succeeds();
    service
        .forgets("people", &json!([{"id": 3}]))
        .await
        .succeeds();
    assert_eq!(service.files_with(SECRET), Vec::<PathBuf>::new());
    service
        .write("update people set updated_at = now(), name = name || '!'")
        .await;
    service.run().await.succeeds();
    assert_eq!(service.files_with(SECRET), Vec::<PathBuf>::new());
    assert_eq!(
        service.current("people", "id, name").await,
        json!([[4, "Bob!"]])
    );
    service
        .post_table("people", "resync", &json!({}))
        .await
        .succeeds();
    assert_eq!(service.files_with(SECRET), Vec::<PathBuf>::new());
    assert_eq!(
        service.current("people", "id, name").await,
        json!([[4, "Bob!"]])
    );
    service.verifies("people").await;

    let drops = Drops::start("").await;
    drops
        .put(
            "orders_1.csv",
            format!("id,amount,note\n3,1.00,{SECRET}\n4,2.00,plain\n"),
        )
        .await;
    drops.run().await.succeeds();
    drops
        .service
        .forgets("orders", &json!([{"id": 3}]))
        .await
        .succeeds();
    drops
        .put(
            "orders_2.csv",
            format!("id,amount,note\n3,1.50,{SECRET}\n4,2.50,plain\n"),
        )
        .await;
    drops.run().await.succeeds();
    assert_eq!(drops.service.files_with(SECRET), Vec::<PathBuf>::new());
    assert_eq!(drops.rows().await, json!([[4, "2.50", "plain"]]));
    drops.service.verifies("orders").await;
    // A reset reads all files again, before anybody knows their columns.
    let confirm = json!({"confirm": format!("{}.orders", drops.service.name)});
    let reset = drops.service.post_table("orders", "reset", &confirm).await;
    reset.succeeds();
    assert_eq!(drops.service.files_with(SECRET), Vec::<PathBuf>::new());
    assert_eq!(drops.rows().await, json!([[4, "2.50", "plain"]]));
}

#[tokio::test]
async fn at_night_a_key_is_forgotten_by_its_exact_value_in_whatever_text_it_comes() {
    let things = "
pipeline: PIPELINE
source: {kind: postgres_audit_log, connection: shop}
max_clock_skew: 1d
tables:
  things: {from: public.things, key: [code, price]}
";
    let service = Service::of(things)
        .audit_log()
        .tables("create table things (code bytea, price numeric(5,1), note text);")
        .start()
        .await;
    let thing = |id: i64, price: f64, note: &str| {
        let row = json!({"code": "\\xab", "price": price, "note": note});
        event(id, "U", "things", &row)
    };
    service
        .log(&[thing(1, 7.5, SECRET), thing(2, 7.6, "plain")])
        .await;
    service.run().await.succeeds();

    let between = json!([{"code": "\\xAB", "price": 7.55}]);
    let refused = service.forgets("things", &between).await.fails();
    refused.saying("`keys[0]` has a value that is not of its column's type");
    let exact = json!([{"code": "\\xAB", "price": "7.50"}]);
    let forgot = service.forgets("things", &exact).await.succeeds();
    forgot.counts("landed_forgotten", 1);

    service
        .log(&[thing(3, 7.5, SECRET), thing(4, 7.6, "plain again")])
        .await;
    service.run().await.succeeds();
    assert_eq!(service.files_with(SECRET), Vec::<PathBuf>::new());
    let current = service.current("things", "price, note").await;
    assert_eq!(current, json!([["7.6", "plain again"]]));
    let rebuild = json!({"keys": [{"code": "\\xab", "price": "7.6"}]});
    service
        .post_table("things", "rebuild", &rebuild)
        .await
        .succeeds();
    service.verifies("things").await;
}

#[tokio::test]
async fn at_night_a_suspended_or_removed_model_that_may_have_the_rows_is_named_before_anything_is_erased()
 {
    let by_region = MODELS
        .into_iter()
        .filter(|(file, _)| *file == "by_region.sql");
    let mut service = shop(&by_region.collect::<Vec<_>>()).await;
    service.log(&[customer(1, 3, SECRET), order(2, 3)]).await;
    service.run().await.succeeds();
    let model = service.model_path("by_region");
    let suspend = format!("{model}/suspend");
    service.post(&suspend, &json!({})).await.has_status(200);

    let refused = service.forgets("customers", &json!([{"id": 3}])).await;

    let refused = refused.fails_at("forget.customers").with("model-suspended");
    let current = service.current("customers", "id").await;
    assert_eq!(current, json!([[3]]), "nothing is erased");
    let resume = format!("{model}/resume");
    service.post(&resume, &json!({})).await.has_status(200);
    service.retry(&refused).await.has_status(202);
    service.ended(&refused).await.succeeds();
    assert_eq!(service.files_with(SECRET), Vec::<PathBuf>::new());
    service.is_exact("by_region").await;

    // The tables of a model that is not declared any more.
    service.log(&[customer(3, 5, SECRET), order(4, 5)]).await;
    service.run().await.succeeds();
    let pipeline = service.folder.path().join("pipelines").join(&service.name);
    std::fs::remove_file(pipeline.join("models/by_region.sql")).expect("removed");
    service.restart().await;
    let refused = service.forgets("customers", &json!([{"id": 5}])).await;
    let refused = refused.fails().saying("of an earlier definition");
    let leftover = format!(
        "/v1/leftovers/{0}.by_region?confirm={0}.by_region",
        service.name
    );
    let delete = service.request(reqwest::Method::DELETE, &leftover);
    let deleted = service.call(delete).await.has_status(202);
    service.ended(&deleted.body).await.succeeds();
    service.retry(&refused).await.has_status(202);
    service.ended(&refused).await.succeeds();
    assert_eq!(service.files_with(SECRET), Vec::<PathBuf>::new());
}
