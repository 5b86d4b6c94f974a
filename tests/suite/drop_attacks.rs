//! Whoever drops a file or writes a definition cannot read what is outside of the roots, nor take the memory of the service.

use std::fmt::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression as Packing, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::json;

use crate::harness::{Drops, EVENTS, Servers, Service};

const MIB: usize = 1 << 20;
/// The most MiB that a service may ever have taken. A test build without work takes about 150.
const MOST_MEMORY: u64 = 900;

/// What the service says of a definition with this `source.path`; nothing if it is right.
async fn refused(service: &Service, path: &str) -> String {
    let text = format!(
        "pipeline: drops\nsource: {{kind: files, path: '{path}'}}\ntables: {{orders: {{from: '*.csv', key: [id]}}}}\n"
    );
    let answer = service
        .post(
            "/v1/pipelines/validate",
            &json!({"files": {"pipeline.yaml": text}}),
        )
        .await
        .has_status(200);
    let mut said = String::new();
    for finding in answer.body["findings"].as_array().expect("findings") {
        write!(
            said,
            "{} {} ",
            finding["detail"].as_str().unwrap_or_default(),
            finding["remedy"].as_str().unwrap_or_default()
        )
        .expect("text");
    }

    said
}

#[tokio::test]
async fn a_folder_outside_of_the_roots_is_refused_with_the_setting_that_allows_it() {
    let mut service = Service::of(EVENTS).audit_log().start().await;
    for (roots, path, says) in [
        ("[]", "file:///data/drops/", "`files.roots` lists none"),
        ("[]", "s3://bucket/drops/", ""),
        ("['file:///data/drops']", "file:///data/drops/", ""),
        (
            "['file:///data/drops/']",
            "file:///data/drops/acme/*.csv",
            "",
        ),
        ("['file:///data/drops/']", "s3://bucket/drops/", ""),
        (
            "['file:///srv/', 'file:///data/drops/']",
            "file:///data/drops2/",
            "`file:///data/drops/` is the nearest",
        ),
        ("['file:///data/drops/']", "file:///etc/", "`files.roots`"),
        (
            "['file:///data/drops/']",
            "file:///data/drops/../secret/",
            "has a part `.` or `..`",
        ),
        (
            "['file:///data/drops/']",
            "file:///data/drops/%2e%2E/secret/",
            "has a part `.` or `..`",
        ),
        (
            "['file:///data/drops/']",
            "file:///data/drops/*/../../secret/",
            "has a part `..`",
        ),
        (
            "['s3://bucket/drops/']",
            "s3://bucket/other/",
            "`s3://bucket/drops/` is the nearest",
        ),
        ("['s3://bucket/drops/']", "s3://bucket/drops/acme/", ""),
    ] {
        service.configure(&format!("files.roots = {roots}"));
        service.restart().await;
        let said = refused(&service, path).await;
        assert!(said.contains(says), "{roots} {path}: {said}");
        assert_eq!(said.is_empty(), says.is_empty(), "{roots} {path}: {said}");
    }
}

#[tokio::test]
async fn a_folder_that_overlaps_the_landing_folder_is_refused_on_both_stores() {
    for servers in [Servers::find(), Servers::find_s3()] {
        let (landing, _) = servers.landing.clone();
        let (above, _) = landing.rsplit_once('/').expect("a folder");
        let service = Service::of(EVENTS).audit_log().on(servers).start().await;
        for path in [
            format!("{landing}/"),
            format!("{landing}/shop/"),
            format!("{above}/"),
        ] {
            let said = refused(&service, &path).await;
            assert!(said.contains("`landing.write_to`"), "{path}: {said}");
        }
        assert_eq!(refused(&service, &format!("{above}/drops/")).await, "");
    }
}

/// Puts a link where a file or a folder is, in one step.
fn replace_by_link(place: &Path, to: &Path) {
    let aside = place.with_file_name(".link");
    symlink(to, &aside).expect("a link");
    if place.is_dir() {
        std::fs::rename(place, place.with_file_name(".gone")).expect("moved away");
    }
    std::fs::rename(&aside, place).expect("in its place");
}

#[tokio::test]
async fn a_link_that_replaces_a_file_or_a_folder_after_the_listing_is_not_followed() {
    let mut drops = Drops::start("").await;
    let definition = drops.definition("").replace("'orders*'", "'**/orders*'");
    drops.service.define(&definition);
    drops.service.restart().await;
    drops.run().await.succeeds();
    let outside = tempfile::TempDir::new().expect("a folder");
    for name in ["secret.csv", "orders_f.csv"] {
        std::fs::write(outside.path().join(name), "id,amount,note\n666,6,secret\n")
            .expect("a secret");
    }
    // The first file takes a while to land, and those after the eighth are opened only then.
    let mut large = String::from("id,amount,note\n");
    let note = "x".repeat(1_000);
    for id in 1_000..16_000 {
        writeln!(large, "{id},1,{note}").expect("a row");
    }
    drops.put("orders_0.csv", large).await;
    for at in 1..12 {
        let row = format!("id,amount,note\n{at},1,a\n");
        drops.put(&format!("orders_{at:02}.csv"), row).await;
    }
    drops
        .put("sub/orders_f.csv", "id,amount,note\n90,1,a\n")
        .await;
    drops.put("orders_z.csv", "id,amount,note\n91,1,a\n").await;

    let swap = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let folder = drops.folder();
        replace_by_link(
            &folder.join("orders_z.csv"),
            &outside.path().join("secret.csv"),
        );
        replace_by_link(&folder.join("sub"), outside.path());
    };
    let (run, ()) = tokio::join!(drops.run(), swap);

    run.succeeds();
    let sql = "select count(*) filter (where id = 666), count(*) filter (where id < 90) from {marts.orders}";
    assert_eq!(drops.service.rows(sql).await, json!([[0, 11]]));
    for (name, state, reason) in drops.ledger().await {
        if state != "landed" {
            assert!(
                reason.contains("links are not followed"),
                "{name}: {reason}"
            );
        }
    }
    drops.run().await.succeeds();
    assert_eq!(drops.service.rows(sql).await, json!([[0, 11]]));
}

#[tokio::test]
async fn a_pipe_or_a_linked_folder_below_the_root_is_not_opened() {
    let mut drops = Drops::start("").await;
    let made = std::process::Command::new("mkfifo")
        .arg(drops.folder().join("orders_pipe.csv"))
        .status();
    assert!(made.expect("mkfifo").success());
    drops.put("orders.csv", "id,amount,note\n1,1,a\n").await;
    drops.run().await.succeeds().counts("files_landed", 1);

    // The folder of a source is a link out of the root.
    let secrets = tempfile::TempDir::new().expect("a folder");
    std::fs::write(secrets.path().join("orders.csv"), "id,note\n666,secret\n").expect("a secret");
    symlink(secrets.path(), drops.folder().join("linked")).expect("a link");
    let definition = drops
        .definition("")
        .replace(&drops.url, &format!("{}linked/", drops.url));
    drops.service.define(&definition);
    drops
        .service
        .configure(&format!("files.roots = ['{}']", drops.url));
    drops.service.restart().await;
    drops.run().await.fails_with("files-unavailable");
    assert_eq!(drops.rows().await, json!([[1, "1.00", "a"]]));
}

/// Many rows with a note of 8 MiB.
fn repeated_rows(mut to: impl std::io::Write) {
    to.write_all(b"id,amount,note\n").expect("packed");
    let note = vec![b'x'; 8 * MIB];
    for id in 0..40 {
        write!(to, "{id},1,").expect("packed");
        to.write_all(&note).expect("packed");
        to.write_all(b"\n").expect("packed");
    }
}

fn gzip_bomb() -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    repeated_rows(&mut packed);
    packed.finish().expect("packed")
}

fn zstd_bomb() -> Vec<u8> {
    let mut packed = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
    repeated_rows(&mut packed);
    packed.finish().expect("packed")
}

/// A frame that asks for a window of 1 GiB.
fn zstd_window() -> Vec<u8> {
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 20 << 3];
    frame.extend([1, 0, 0]);
    frame
}

/// Rows that all have the same note.
fn parquet_of(rows: i64, note: &str, has_dictionary: bool) -> Vec<u8> {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
    let notes: ArrayRef = Arc::new(StringArray::from_iter_values((0..rows).map(|_| note)));
    let batch = RecordBatch::try_from_iter([("id", ids), ("note", notes)]).expect("a batch");
    let properties = WriterProperties::builder()
        .set_compression(Packing::ZSTD(ZstdLevel::try_new(1).expect("a level")))
        .set_dictionary_enabled(has_dictionary)
        .set_dictionary_page_size_limit(32 * MIB)
        .set_data_page_size_limit(256 * MIB)
        .build();
    let mut writer =
        ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).expect("a writer");
    for _ in 0..if has_dictionary { 20 } else { 1 } {
        writer.write(&batch).expect("written");
    }

    writer.into_inner().expect("written")
}

#[tokio::test]
async fn at_night_a_file_that_unpacks_to_far_more_than_its_size_is_refused_and_stops_no_other() {
    let mut drops = Drops::start("").await;
    drops.service.restart_as_process(&[]).await;
    drops.run().await.succeeds();
    let deep = format!("{{\"id\": 1, \"note\": {}", "[".repeat(100_000));
    let deep_rest = "]".repeat(100_000);
    let long = format!("{{\"id\": 1, \"note\": \"{}\"}}", "x".repeat(20 * MIB));
    let bombs: [(&str, Vec<u8>, &str); 9] = [
        ("orders_1.csv.gz", gzip_bomb(), "500 times its size"),
        ("orders_2.csv.zst", zstd_bomb(), "500 times its size"),
        ("orders_3.csv.zst", zstd_window(), "its zstd window"),
        (
            "orders_4.jsonl",
            format!("{deep}{deep_rest}}}").into(),
            "line 1: its values are nested more than 128 levels deep",
        ),
        (
            "orders_5.jsonl",
            long.clone().into(),
            "a row is larger than 16 MiB",
        ),
        (
            "orders_6.json",
            format!("[{long}]").into(),
            "a row is larger than 16 MiB",
        ),
        (
            "orders_7.parquet",
            parquet_of(1, &"x".repeat(200 * MIB), false),
            "a page says that it unpacks to 200 MiB",
        ),
        (
            "orders_8.parquet",
            parquet_of(10, &"x".repeat(8 * MIB), true),
            "1000 times its size",
        ),
        (
            "orders_9.parquet",
            parquet_of(1, &"x".repeat(20 * MIB), false),
            "row 1: a row is larger than 16 MiB",
        ),
    ];
    for (name, content, _) in &bombs {
        drops.put(name, content).await;
    }
    drops
        .put("orders_good.csv", "id,amount,note\n1,1,a\n")
        .await;

    drops.run().await.succeeds();

    assert_eq!(drops.rows().await, json!([[1, "1.00", "a"]]));
    let ledger = drops.ledger().await;
    for (bomb, _, expected) in &bombs {
        let (_, state, reason) = ledger
            .iter()
            .find(|(name, ..)| name == bomb)
            .expect("an entry");
        assert_eq!(state, "unreadable", "{bomb}");
        assert!(reason.contains(expected), "{bomb}: {reason}");
        assert!(!reason.contains("xxx"), "{bomb}: {reason}");
    }
    if let Some(most) = drops.service.most_memory() {
        assert!(most < MOST_MEMORY, "the service took {most} MiB");
    }
}

#[tokio::test]
async fn no_reason_quotes_a_value_of_a_row() {
    let drops = Drops::start("").await;
    let secret = "4111111111111111";
    let files = [
        ("orders_1.csv", format!("id,amount,note\n{secret},1\n")),
        ("orders_2.csv", format!("id,note\n1,\"{secret}\n")),
        (
            "orders_3.jsonl",
            format!("{{\"id\": {secret}, \"x\": {secret}x}}\n"),
        ),
        ("orders_4.json", format!("[{{\"id\": 1}}, \"{secret}\"]")),
        ("orders_5.json", format!("[{{\"id\": {secret}}} {secret}]")),
        ("orders_6.jsonl", format!("\"{secret}\"\n")),
    ];
    for (name, content) in &files {
        drops.put(name, content).await;
    }
    drops.run().await.succeeds();
    let ledger = drops.ledger().await;
    assert_eq!(ledger.len(), files.len(), "{ledger:?}");
    for (name, state, reason) in ledger {
        assert_eq!(state, "unreadable", "{name}");
        assert!(!reason.contains(secret), "{name}: {reason}");
    }
}

#[tokio::test]
async fn at_night_files_wait_for_the_memory_that_the_settings_give() {
    let mut drops = Drops::start("").await;
    drops
        .service
        .configure("files = { memory_bytes = 67108864, largest_row_bytes = 4194304 }");
    drops.service.restart().await;
    // Each of these rows takes all of the memory while it is read.
    let row = "x".repeat(3 * MIB);
    for at in 0..20 {
        let text = format!("id,amount,note\n{at},1,{row}\n{},1,{row}\n", at + 100);
        drops.put(&format!("orders_{at}.csv"), text).await;
    }
    drops.run().await.succeeds().counts("inserted", 40);
}
