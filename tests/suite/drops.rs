//! Files that are dropped into a folder: every file once, whole or not at all, whatever is wrong with the others.

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::harness::Service;
use crate::reference::Random;

/// A service over a folder of files.
struct Drops {
    folder: TempDir,
    service: Service,
}

impl Drops {
    /// Starts a service over an empty folder, with more keys of `source`, such as `, sequence: seq`.
    async fn start(more: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let pipeline = pipeline(&folder, more);

        Self {
            service: Service::start(&pipeline, "").await,
            folder,
        }
    }

    /// The definition, with more keys of `source`.
    fn pipeline(&self, more: &str) -> String {
        pipeline(&self.folder, more)
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        put(&self.folder.path().join(name), content);
    }

    /// The rows of the current table, by their keys.
    async fn rows(&self) -> Value {
        json!(
            self.service
                .query("select id, cast(amount as varchar), note from {marts.orders} order by id")
                .await
        )
    }

    /// Path, state and reason of each file in the ledger, by path.
    async fn ledger(&self) -> Vec<(String, String, String)> {
        let path = format!("/v1/sources/{}/files?limit=1000", self.service.name);
        let listed = self.service.get(&path).await;
        let text =
            |file: &Value, member: &str| file[member].as_str().unwrap_or_default().to_owned();
        let mut files: Vec<_> = listed.body["files"]
            .as_array()
            .expect("files")
            .iter()
            .map(|file| {
                let path = text(file, "path");
                let name = path.rsplit('/').next().unwrap_or_default().to_owned();
                (name, text(file, "state"), text(file, "reason"))
            })
            .collect();
        files.sort();
        files
    }
}

fn pipeline(folder: &TempDir, more: &str) -> String {
    format!(
        "
pipeline: PIPELINE
source: {{kind: files, path: 'file://{}/', settle: 0s{more}}}
tables:
  orders:
    from: 'orders*'
    key: [id]
    columns: [{{name: id, data_type: bigint}}, {{name: amount, data_type: 'decimal(18,2)'}}]
",
        folder.path().display()
    )
}

/// Writes a file beside its place and moves it there, as who drops files should.
fn put(path: &Path, content: impl AsRef<[u8]>) {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    let aside = path.with_file_name(".aside");
    std::fs::write(&aside, content).expect("written");
    std::fs::rename(&aside, path).expect("in its place");
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(text.as_bytes()).expect("packed");
    packed.finish().expect("packed")
}

#[tokio::test]
async fn rows_of_every_format_become_the_same_table() {
    let drops = Drops::start("").await;
    drops.put(
        "orders1.csv",
        "id,amount,note\n1,1.50,\"a, \"\"b\"\"\nc\"\n2,,\n",
    );
    drops.put("orders2.csv.gz", gzip("id,amount,note\n3,3.25,three\n"));
    drops.put(
        "orders3.csv.zst",
        zstd::encode_all(&b"id,amount,note\n4,4,four\n"[..], 1).expect("packed"),
    );
    drops.put("orders4.jsonl", "{\"id\": 5, \"amount\": 5.10, \"note\": \"f\\u00fcnf\"}\n\n{\"id\": 6, \"amount\": null}\n");
    drops.put(
        "orders5.json",
        "[{\"id\": 7, \"amount\": \"7\", \"note\": {\"x\": [1.0]}},\n {\"id\": 8}]",
    );
    drops.put("orders6.parquet", parquet());
    drops.put("_hidden/orders7.csv", "id,amount,note\n99,,\n");
    drops.put("other.csv", "id,amount,note\n98,,\n");
    let run = drops.service.run().await;
    assert_eq!(run["counts"]["inserted"], 10, "{run:#}");
    assert_eq!(
        drops.rows().await,
        json!([
            [1, "1.50", "a, \"b\"\nc"],
            [2, null, null],
            [3, "3.25", "three"],
            [4, "4.00", "four"],
            [5, "5.10", "fünf"],
            [6, null, null],
            [7, "7.00", "{\"x\": [1.0]}"],
            [8, null, null],
            [9, "12345.67", "nine"],
            [10, null, null],
        ])
    );
    let again = drops.service.run().await;
    assert_eq!(again["counts"]["events"], 0, "{again:#}");
    let files = drops.ledger().await;
    assert_eq!(files.len(), 6, "{files:?}");
    assert!(
        files.iter().all(|(_, state, _)| state == "landed"),
        "{files:?}"
    );
}

fn parquet() -> Vec<u8> {
    use std::sync::Arc;

    use arrow::array::{Decimal128Array, Int64Array, RecordBatch, StringArray};
    use parquet::arrow::ArrowWriter;
    use parquet::basic::Compression;
    use parquet::file::properties::WriterProperties;

    let amounts = Decimal128Array::from(vec![Some(1_234_567), None])
        .with_precision_and_scale(18, 2)
        .expect("a decimal");
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("id", Arc::new(Int64Array::from(vec![9, 10])) as _, false),
        ("amount", Arc::new(amounts) as _, true),
        (
            "note",
            Arc::new(StringArray::from(vec![Some("nine"), None])) as _,
            true,
        ),
    ])
    .expect("a batch");
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .build();
    let mut writer =
        ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).expect("a writer");
    writer.write(&batch).expect("written");
    writer.into_inner().expect("written")
}

#[tokio::test]
async fn what_cannot_be_read_is_told_with_its_reason_and_stops_nothing() {
    let drops = Drops::start("").await;
    drops.put("orders_good.csv", "id,amount,note\n1,1,good\n");
    let whole = gzip(&"id,amount,note\n2,2,truncated\n".repeat(200));
    drops.put("orders_truncated.csv.gz", &whole[..whole.len() / 2]);
    drops.put("orders_delimiter.csv", "id;amount;note\n3;3;semicolons\n");
    drops.put("orders_without_key.csv", "amount,note\n4,no key\n");
    drops.put("orders_narrow.csv", "id,amount,note\n5,5\n");
    drops.put("orders_utf16.csv", b"\xff\xfei\0d\0\n\0");
    drops.put("orders_latin1.csv", b"id,amount,note\n6,6,caf\xe9\n");
    drops.put("orders_empty.csv", "");
    drops.put("orders_twice.csv", "id,id\n7,7\n");
    drops.put("orders_broken.jsonl", "{\"id\": 8}\n{\"id\": \n");
    drops.put("orders_broken.json", "[{\"id\": 9}, {\"id\"");
    drops.put("orders_broken.parquet", b"PAR1 and nothing else");
    drops.put("orders_what", "id\n10\n");
    std::fs::create_dir(drops.folder.path().join("orders_folder.csv")).expect("a folder");
    let run = drops.service.run().await;
    assert_eq!(run["state"], "succeeded", "{run:#}");
    assert_eq!(drops.rows().await, json!([[1, "1.00", "good"]]));
    let files = drops.ledger().await;
    let reason = |name: &str| {
        let (_, state, reason) = files.iter().find(|(path, ..)| path == name).expect(name);
        if state == "landed" {
            "landed".to_owned()
        } else {
            format!("{state}: {reason}")
        }
    };
    for (name, expected) in [
        ("orders_good.csv", "landed"),
        ("orders_empty.csv", "landed"),
        (
            "orders_truncated.csv.gz",
            "unreadable: it ends in the middle",
        ),
        (
            "orders_delimiter.csv",
            "unreadable: it has no column `id`, which belongs to the key; its columns are `id;amount;note`; set `source.csv.delimiter`",
        ),
        (
            "orders_without_key.csv",
            "unreadable: it has no column `id`",
        ),
        (
            "orders_narrow.csv",
            "unreadable: line 2 has 2 values, not 3",
        ),
        ("orders_utf16.csv", "unreadable: it is UTF-16"),
        ("orders_latin1.csv", "unreadable: line 2: it is not UTF-8"),
        ("orders_twice.csv", "unreadable: it has two columns `id`"),
        (
            "orders_broken.jsonl",
            "unreadable: line 2: it is no JSON object",
        ),
        ("orders_broken.json", "unreadable: line 1, column"),
        (
            "orders_broken.parquet",
            "unreadable: it is no whole Parquet file",
        ),
        (
            "orders_what",
            "unreadable: its name does not tell what it is",
        ),
    ] {
        let reason = reason(name);
        assert!(reason.starts_with(expected), "{name}: {reason}");
    }
    assert_eq!(files.len(), 13, "{files:?}");

    drops.put("orders_narrow.csv", "id,amount,note\n5,5,mended\n");
    let run = drops.service.run().await;
    assert_eq!(run["counts"]["inserted"], 1, "{run:#}");
}

#[tokio::test]
async fn columns_come_and_stay_away_and_values_that_do_not_fit_are_rejects() {
    let drops = Drops::start("").await;
    drops.put("orders1.csv", "id,amount,note\n1,1,a\n");
    drops.service.run().await;
    drops.put("orders2.csv", "id,note\n2,without amount\n");
    drops.put(
        "orders3.csv",
        "id,amount,note,channel\n3,3,more,web\n4,many,wrong,web\n",
    );
    let run = drops.service.run().await;
    assert_eq!(run["counts"]["inserted"], 2, "{run:#}");
    assert_eq!(run["counts"]["rejected"], 1, "{run:#}");
    let rows = drops
        .service
        .query("select id, cast(amount as varchar), channel from {marts.orders} order by id")
        .await;
    assert_eq!(
        json!(rows),
        json!([[1, "1.00", null], [2, null, null], [3, "3.00", "web"]])
    );
    let rejects = drops
        .service
        .get(&format!("/v1/rejects?table={}.orders", drops.service.name))
        .await;
    assert_eq!(
        rejects.body["rejects"][0]["reason"], "bad_value",
        "{rejects:?}"
    );
    let files = drops
        .service
        .get(&format!("/v1/sources/{}/files", drops.service.name))
        .await;
    let rejects: i64 = files.body["files"]
        .as_array()
        .expect("files")
        .iter()
        .filter_map(|file| file["rejects"].as_i64())
        .sum();
    assert_eq!(rejects, 1, "{files:?}");
}

#[tokio::test]
async fn a_file_that_was_replaced_is_read_again_or_refused_as_the_definition_wants() {
    for (setting, expected) in [("", "2.00"), (", changed: reject", "1.00")] {
        let drops = Drops::start(setting).await;
        drops.put("orders.csv", "id,amount,note\n1,1,a\n");
        drops.service.run().await;
        drops.put("orders.csv", "id,amount,note\n1,2,longer than before\n");
        drops.service.run().await;
        assert_eq!(drops.rows().await[0][1], expected);
        let states: Vec<String> = drops
            .ledger()
            .await
            .into_iter()
            .map(|file| file.1)
            .collect();
        assert_eq!(
            states.contains(&"changed".to_owned()),
            !setting.is_empty(),
            "{states:?}"
        );
        let idle = drops.service.run().await;
        assert_eq!(idle["counts"]["events"], 0, "{idle:#}");
    }
}

#[tokio::test]
async fn a_half_written_file_is_waited_for() {
    let drops = Drops::start(", marker: _SUCCESS").await;
    drops.put("orders.csv", "id,amount,note\n1,1,a\n");
    let run = drops.service.run().await;
    assert_eq!(run["counts"]["events"], 0, "{run:#}");
    let source = drops
        .service
        .get(&format!("/v1/sources/{}", drops.service.name))
        .await;
    assert_eq!(source.body["now"]["backlog"], 0, "{source:?}");
    drops.put("_SUCCESS", "");
    let run = drops.service.run().await;
    assert_eq!(run["counts"]["inserted"], 1, "{run:#}");

    let drops = Drops::start("").await;
    drops.service.define(&format!(
        "
pipeline: PIPELINE
source: {{kind: files, path: 'file://{}/*.csv', settle: 2s}}
tables: {{orders: {{key: [id]}}}}
",
        drops.folder.path().display()
    ));
    let mut drops = drops;
    drops.service.restart().await;
    drops.put("orders.csv", "id,amount,note\n1,1,a\n");
    let run = drops.service.run().await;
    assert_eq!(run["counts"]["events"], 0, "{run:#}");
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    let run = drops.service.run().await;
    assert_eq!(run["counts"]["events"], 1, "{run:#}");
}

#[tokio::test]
async fn files_that_have_landed_are_moved_or_deleted_where_the_definition_wants_it() {
    for (setting, is_moved) in [(", after: move", true), (", after: delete", false)] {
        let drops = Drops::start(setting).await;
        drops.put("orders.csv", "id,amount,note\n1,1,a\n");
        drops.put("orders_broken.csv", "note\nno key\n");
        drops.service.run().await;
        let there = |name: &str| drops.folder.path().join(name).exists();
        assert!(!there("orders.csv"));
        assert!(there("orders_broken.csv"));
        let done = std::fs::read_dir(drops.folder.path().join("_done"));
        let moved: Vec<_> = done
            .map(|done| done.flatten().collect())
            .unwrap_or_default();
        assert_eq!(moved.len(), usize::from(is_moved), "{moved:?}");
        let idle = drops.service.run().await;
        assert_eq!(idle["counts"]["events"], 0, "{idle:#}");
    }
}

#[tokio::test]
async fn with_a_sequence_files_in_any_order_and_again_make_the_same_table() {
    in_any_order(", sequence: seq").await;
}

#[tokio::test]
async fn with_a_time_files_in_any_order_and_again_make_the_same_table() {
    in_any_order("").await;
}

/// Drops the same files in order, and shuffled and twice; with more keys of `source`.
async fn in_any_order(more: &str) {
    let source = format!(
        "{more}, operation: {{column: op, values: {{insert: [c], update: [u], delete: [d]}}}}, occurred_at: at"
    );
    let mut random = Random::new(7);
    let drops = Drops::start(&source).await;
    let mut files = Vec::new();
    for file in 0..10 {
        let mut text = String::from("seq,op,at,id,amount,note\n");
        for row in 0..20 {
            let seq = file * 20 + row;
            let op = ["c", "u", "u", "d"][random.below(4)];
            let id = random.below(12);
            writeln!(
                text,
                "{seq},{op},2026-01-01 00:{:02}:{:02},{id},{seq},n{seq}",
                seq / 60,
                seq % 60
            )
            .expect("a row");
        }
        files.push(text);
    }
    let in_order = drops.service.name.clone();
    for (at, text) in files.iter().enumerate() {
        drops.put(&format!("orders{at:02}.csv"), text);
        drops.service.run().await;
    }
    let shuffled = Drops::start(&source).await;
    let mut order: Vec<usize> = (0..10).collect();
    for at in (1..10).rev() {
        order.swap(at, random.below(at + 1));
    }
    for (at, from) in order.iter().enumerate() {
        shuffled.put(&format!("orders{at:02}.csv"), &files[*from]);
        if at % 2 == 0 {
            shuffled.service.run().await;
        }
        shuffled.put(&format!("orders{at:02}_again.csv"), &files[*from]);
        let run = shuffled.service.run().await;
        assert_eq!(run["counts"]["duplicate"], 20, "{run:#}");
    }
    assert_ne!(in_order, shuffled.service.name);
    let versions = "select id, cast(amount as varchar), note, cast(valid_from as varchar), cast(valid_to as varchar) from {marts.orders_history} order by id, valid_from";
    assert_eq!(drops.rows().await, shuffled.rows().await);
    assert_eq!(
        drops.service.query(versions).await,
        shuffled.service.query(versions).await
    );
}

#[tokio::test]
async fn rejects_that_came_twice_are_replayed_once_and_none_is_left() {
    let mut drops = Drops::start(", occurred_at: at").await;
    let row = "id,amount,note,at\n1,1,a,2090-01-01 00:00:00\n";
    drops.put("orders1.csv", row);
    drops.put("orders2.csv", format!("{row}2,2,b,2026-01-01 00:00:00\n"));
    let run = drops.service.run().await;
    assert_eq!(run["counts"]["rejected"], 2, "{run:#}");
    let pipeline = drops.pipeline(", occurred_at: at");
    let pipeline = format!("{pipeline}max_clock_skew: 36500d\n");
    drops.service.define(&pipeline);
    drops.service.restart().await;

    let table = format!("{}.orders", drops.service.name);
    let replay = drops
        .service
        .post_run("/v1/rejects/replay", &json!({"table": table}))
        .await;

    assert_eq!(replay["counts"]["replayed"], 1, "{replay:#}");
    assert_eq!(replay["counts"]["rejects_left"], 0, "{replay:#}");
    let rows = json!([[1, "1.00", "a"], [2, "2.00", "b"]]);
    assert_eq!(drops.rows().await, rows);
    let path = format!("/v1/tables/{table}/restage");
    drops.service.post_run(&path, &json!({})).await;
    assert_eq!(drops.rows().await, rows);
    let staged = drops
        .service
        .query("select count(*) from {staging.orders}")
        .await;
    assert_eq!(json!(staged), json!([[2]]));
}

#[tokio::test]
async fn any_sign_may_stand_between_values() {
    for delimiter in [" ", ";", "|", "\\t"] {
        let drops = Drops::start(&format!(", csv: {{delimiter: \"{delimiter}\"}}")).await;
        let rows = "id,amount,note\n1,1,a\n".replace(',', &delimiter.replace("\\t", "\t"));
        drops.put("orders.csv", rows);
        drops.service.run().await;
        assert_eq!(drops.rows().await, json!([[1, "1.00", "a"]]), "{delimiter}");
    }
}

#[tokio::test]
async fn rows_that_a_replaced_file_brings_again_are_duplicates_however_they_are_staged() {
    let drops = Drops::start(", occurred_at: at").await;
    let old = "1,1,a,2026-01-01 00:00:00\n";
    drops.put("orders.csv", format!("id,amount,note,at\n{old}"));
    drops.service.run().await;
    drops.put(
        "orders.csv",
        format!("id,amount,note,at\n{old}2,2,b,2026-01-02 00:00:00\n"),
    );
    let run = drops.service.run().await;
    assert_eq!(run["counts"]["duplicate"], 1, "{run:#}");
    let path = format!("/v1/tables/{}.orders/restage", drops.service.name);
    let restage = drops.service.post_run(&path, &json!({})).await;
    assert_eq!(restage["counts"]["duplicate"], 1, "{restage:#}");
}

#[tokio::test]
async fn ten_thousand_small_files_land_as_one_batch() {
    let drops = Drops::start("").await;
    for file in 0..10_000 {
        let mut text = String::from("id,amount,note\n");
        for row in 0..5 {
            writeln!(text, "{},1.5,n", file * 5 + row).expect("a row");
        }
        put(&drops.folder.path().join(format!("orders{file}.csv")), text);
    }
    let run = drops.service.run().await;
    assert_eq!(run["counts"]["inserted"], 50_000, "{run:#}");
    assert_eq!(run["counts"]["files"], 1, "{run:#}");
}

#[tokio::test]
async fn no_name_of_a_file_or_column_stops_the_others() {
    let drops = Drops::start("").await;
    let names = [
        "orders #1 50%.csv",
        "orders%3A2.csv",
        "orders~3[x]{y}.csv",
        "orders^4|5.csv",
    ];
    for (at, name) in names.iter().enumerate() {
        drops.put(name, format!("id,note\n{at},a\n"));
    }
    drops.put("orders_id.csv", "id,_id\n90,a\n");
    drops.put("orders_empty_name.csv", "id,,note\n91,a,b\n");
    drops.put("orders_case.csv", "id,Note,note\n92,a,b\n");
    drops.put("orders_quote.csv", "id,note\n95,\"never closed\n96,x\n");
    let no_text = std::ffi::OsStr::from_bytes(b"orders\xff.csv");
    std::fs::write(drops.folder.path().join(no_text), "id,note\n97,x\n").expect("written");
    std::fs::write(drops.folder.path().join("orders\n.csv"), "id,note\n98,x\n").expect("written");
    std::os::unix::fs::symlink("/etc/passwd", drops.folder.path().join("orders_link.csv"))
        .expect("linked");
    drops.put("orders_nul.csv", "\0a\0,\0b\0\n1,2\n");
    drops.put("orders_nul.jsonl", "{\"id\": 93, \"a\\u0000b\": 1}\n");
    drops.put("orders_valid.jsonl", "{\"id\": 94, \"is_current\": true}\n");
    let run = drops.service.run().await;
    assert_eq!(run["counts"]["inserted"], 4, "{run:#}");
    assert_eq!(run["counts"]["files_landed"], 4, "{run:#}");
    assert_eq!(run["counts"]["files_unreadable"], 7, "{run:#}");
    let idle = drops.service.run().await;
    assert_eq!(idle["counts"]["files_unreadable"], 0, "{idle:#}");
}

#[tokio::test]
async fn what_could_not_be_read_is_tried_again_by_another_definition() {
    let mut drops = Drops::start("").await;
    drops.put("orders.csv", "Order Number;note\n1;a\n");
    let run = drops.service.run().await;
    assert_eq!(run["counts"]["files_unreadable"], 1, "{run:#}");
    drops.service.define(&format!(
        "
pipeline: PIPELINE
source: {{kind: files, path: 'file://{}/', settle: 0s, csv: {{delimiter: ';'}}}}
tables:
  orders:
    from: 'orders*'
    key: [id]
    columns: [{{name: id, from: Order Number, data_type: bigint}}]
",
        drops.folder.path().display()
    ));
    drops.service.restart().await;
    let run = drops.service.run().await;
    assert_eq!(run["counts"]["inserted"], 1, "{run:#}");
    let rows = drops
        .service
        .query("select id, note from {marts.orders}")
        .await;
    assert_eq!(json!(rows), json!([[1, "a"]]));
}

#[tokio::test]
async fn a_row_without_a_key_is_a_reject_also_where_all_columns_are_text() {
    let folder = TempDir::new().expect("a folder");
    let pipeline = format!(
        "
pipeline: PIPELINE
source: {{kind: files, path: 'file://{}/*.csv', settle: 0s}}
tables: {{orders: {{key: [id]}}}}
",
        folder.path().display()
    );
    let service = Service::start(&pipeline, "").await;
    put(&folder.path().join("1.csv"), "id,note\n1,a\n");
    service.run().await;
    put(&folder.path().join("2.csv"), "id,note\n,b\n2,c\n");
    let run = service.run().await;
    assert_eq!(run["counts"]["rejected"], 1, "{run:#}");
    let rows = service
        .query("select id, note from {marts.orders} order by id")
        .await;
    assert_eq!(json!(rows), json!([["1", "a"], ["2", "c"]]));
}

#[tokio::test]
async fn freshness_says_which_files_hold_it_until_they_are_gone_and_that_there_is_none() {
    let drops = Drops::start("").await;
    let path = format!("/v1/tables/{}.orders/freshness", drops.service.name);
    let fresh = async || drops.service.get(&path).await.body;
    drops.service.run().await;
    assert_eq!(fresh().await["lag_reason"], "empty_folder");

    drops.put("orders_1.csv", "id,amount,note\n1,1.5,a\n");
    drops.put("orders_2.csv", "id,amount,note\n1,1.5\n");
    drops.service.run().await;
    let held = fresh().await;
    assert_eq!(held["lag_reason"], "unreadable_files", "{held:#}");
    let detail = held["lag_detail"].as_str().expect("a detail");
    assert!(detail.contains("orders_2.csv`;"), "{detail}");
    assert!(!detail.contains("orders_1.csv"), "{detail}");

    std::fs::remove_file(drops.folder.path().join("orders_2.csv")).expect("removed");
    drops.service.run().await;
    assert_eq!(fresh().await["lag_reason"], "up_to_date");
    let known = drops.ledger().await;
    assert_eq!(known.len(), 1, "{known:?}");
    drops.put("orders_2.csv", "id,amount,note\n1,1.5\n");
    drops.service.run().await;
    assert_eq!(fresh().await["lag_reason"], "unreadable_files");
}
