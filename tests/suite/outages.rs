//! An object store that hangs or dies in the middle: the run fails in time, and the next one lands everything once.

use std::fmt::Write;
use std::time::{Duration, Instant};

use object_store::{ObjectStoreExt, PutPayload};
use serde_json::{Value, json};

use crate::harness::{Flow, Proxy, Service, items_trigger};

const EVENTS: &str = "
pipeline: PIPELINE
source: {kind: postgres_audit_log, connection: shop}
tables: {items: {from: public.items, key: [id]}}
";
/// Rows that compress badly.
const ROWS: &str = "select n, (select string_agg(md5((n * 8 + k)::text), '') from generate_series(1, 8) as k) from generate_series(1, 40000) as n";
/// The longest time until a run fails: a request is given up after a minute, the last retry takes some seconds.
const IN_TIME: Duration = Duration::from_secs(110);

/// A wire to the S3 server of the stack.
async fn wire() -> Proxy {
    let endpoint = std::env::var("AWS_ENDPOINT").expect("an S3 server: tests/stack/up --tests");

    Proxy::start(endpoint.trim_start_matches("http://")).await
}

/// Starts the service as a process that connects to S3 by a wire. Trino connects to S3 directly.
async fn start(wire: &Proxy, pipeline: &str, tables: &str) -> Service {
    let mut service = Service::of(pipeline).on_s3().tables(tables).start().await;
    let endpoint = format!("http://{}", wire.address);
    service
        .restart_as_process(&[("AWS_ENDPOINT", &endpoint)])
        .await;

    service
}

/// Runs the pipeline and changes the wire's flow after some bytes have passed. Gives the problem.
async fn run_into(service: &Service, wire: &Proxy, bytes: u64, flow: Flow) -> Value {
    let begun = Instant::now();
    wire.set(Flow::Slow);
    let outage = async {
        wire.pass(bytes).await;
        wire.set(flow);
    };
    let (run, ()) = tokio::join!(service.run(), outage);
    assert!(begun.elapsed() < IN_TIME, "{:?}", begun.elapsed());
    assert_eq!(
        run["error"]["retryable"],
        true,
        "{run:#}\n{}",
        service.program_log()
    );
    wire.set(Flow::Open);

    run["error"].clone()
}

async fn hashes(service: &Service) -> Vec<Vec<Value>> {
    service
        .query("select id, lower(to_hex(md5(to_utf8(name)))) from {marts.items} order by id")
        .await
}

async fn an_outage_while_a_batch_is_written_loses_and_doubles_nothing(flow: Flow) {
    let tables = format!(
        "create table items (id bigint primary key, name text); {} insert into items {ROWS}",
        items_trigger()
    );
    let wire = wire().await;
    let service = start(&wire, EVENTS, &tables).await;

    let problem = run_into(&service, &wire, 3_000_000, flow).await;

    let kind = "urn:icefront:problem:landing-unavailable";
    assert_eq!(problem["type"], kind, "{problem:#}");
    let change =
        "update items set name = 'changed' where id % 10 = 0; delete from items where id % 10 = 1";
    service.write(change).await;
    service.run().await.succeeds();
    let source = service
        .shop
        .query("select id, md5(name) from items order by id", &[])
        .await
        .expect("rows");
    let source: Vec<_> = source
        .iter()
        .map(|row| vec![json!(row.get::<_, i64>(0)), json!(row.get::<_, String>(1))])
        .collect();
    assert!(hashes(&service).await == source, "current rows differ");
    let counts = "select count(*), count(distinct audit_event_id), (select count(*) from {staging.items}) from {landing.PIPELINE_events}";
    assert_eq!(
        service.rows(counts).await,
        json!([[48_000, 48_000, 48_000]])
    );
    service.run().await.succeeds().counts("events", 0);
}

#[tokio::test]
async fn a_store_that_hangs_while_a_batch_is_written_loses_and_doubles_nothing() {
    an_outage_while_a_batch_is_written_loses_and_doubles_nothing(Flow::Held).await;
}

#[tokio::test]
async fn a_store_that_dies_while_a_batch_is_written_loses_and_doubles_nothing() {
    an_outage_while_a_batch_is_written_loses_and_doubles_nothing(Flow::Cut).await;
}

/// The given number of files with the given number of rows, of half a kilobyte each.
async fn an_outage_while_files_are_read_loses_and_doubles_nothing(
    (files, rows): (usize, usize),
    flow: Flow,
) {
    let folder = format!("s3://ice/drops/{}/", uuid::Uuid::now_v7().simple());
    let pipeline = format!(
        "
pipeline: PIPELINE
source: {{kind: files, path: '{folder}'}}
tables: {{items: {{from: '*.csv', key: [id]}}}}
"
    );
    let (store, root) = icefront::landing::open_store(&folder).expect("a store");
    let name = "0123456789abcdef".repeat(32);
    for file in 0..files {
        let mut text = String::from("id,name\n");
        for id in file * rows..(file + 1) * rows {
            writeln!(text, "{id},{name}").expect("written");
        }
        let path = root.clone().join(format!("{file:02}.csv"));
        let text = PutPayload::from(text.into_bytes());
        store.put(&path, text).await.expect("written");
    }
    let wire = wire().await;
    let service = start(&wire, &pipeline, "").await;

    let problem = run_into(&service, &wire, 2_000_000, flow).await;

    let kind = "urn:icefront:problem:files-unavailable";
    assert_eq!(problem["type"], kind, "{problem:#}");
    service.run().await.succeeds().counts("files_landed", files);
    let counts = "select (select count(*) from {marts.items}), (select count(distinct id) from {staging.items}), (select count(*) from {staging.items}), count(*) from {landing.PIPELINE_events}";
    let all = files * rows;
    assert_eq!(service.rows(counts).await, json!([[all, all, all, all]]));
    service.run().await.succeeds().counts("events", 0);
}

#[tokio::test]
async fn at_night_a_store_that_hangs_is_not_waited_for_once_more_for_each_file() {
    an_outage_while_files_are_read_loses_and_doubles_nothing((20, 2_000), Flow::Held).await;
}

#[tokio::test]
async fn at_night_a_store_that_dies_while_a_large_file_is_read_loses_and_doubles_nothing() {
    an_outage_while_files_are_read_loses_and_doubles_nothing((1, 30_000), Flow::Cut).await;
}
