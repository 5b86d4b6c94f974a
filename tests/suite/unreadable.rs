//! Unreadable files: each lands whole or not at all, is listed with its reason, and stops no other file.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use serde_json::json;

use crate::harness::{Drops, gzip};

#[tokio::test]
async fn what_cannot_be_read_is_told_with_its_reason_and_stops_nothing() {
    for drops in Drops::on_both("").await {
        let whole = gzip("id,amount,note\n2,2,truncated\n".repeat(200));
        let files: [(&str, &[u8]); 16] = [
            ("orders_good.csv", b"id,amount,note\n1,1,good\n"),
            ("orders_truncated.csv.gz", &whole[..whole.len() / 2]),
            ("orders_delimiter.csv", b"id;amount;note\n3;3;semicolons\n"),
            ("orders_without_key.csv", b"amount,note\n4,no key\n"),
            ("orders_narrow.csv", b"id,amount,note\n5,5\n"),
            ("orders_wide.csv", b"id,amount,note\n5,5,a,b\n"),
            ("orders_utf16.csv", b"\xff\xfei\0d\0\n\0"),
            ("orders_latin1.csv", b"id,amount,note\n6,6,caf\xe9\n"),
            ("orders_empty.csv", b""),
            ("orders_twice.csv", b"id,id\n7,7\n"),
            ("orders_broken.jsonl", b"{\"id\": 8}\n{\"id\": \n"),
            ("orders_broken.json", b"[{\"id\": 9}, {\"id\""),
            ("orders_broken.parquet", b"PAR1 and nothing else"),
            ("orders_nothing.parquet", b""),
            ("orders_what", b"id\n10\n"),
            ("orders_folder.csv/other.csv", b"id\n11\n"),
        ];
        for (name, content) in files {
            drops.put(name, content).await;
        }
        drops.run().await.succeeds();
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
            ("orders_wide.csv", "unreadable: line 2 has 4 values, not 3"),
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
                "orders_nothing.parquet",
                "unreadable: it is no whole Parquet file",
            ),
            (
                "orders_what",
                "unreadable: its name does not tell its format",
            ),
        ] {
            let reason = reason(name);
            assert!(reason.starts_with(expected), "{name}: {reason}");
        }
        assert_eq!(files.len(), 15, "{files:?}");

        drops
            .put("orders_narrow.csv", "id,amount,note\n5,5,mended\n")
            .await;
        drops.run().await.succeeds().counts("inserted", 1);
    }
}

#[tokio::test]
async fn no_name_of_a_file_or_column_stops_the_others() {
    for drops in Drops::on_both("").await {
        let names = [
            "orders #1 50%.csv",
            "orders%3A2.csv",
            "orders~3[x]{y}.csv",
            "orders^4|5.csv",
        ];
        for (at, name) in names.iter().enumerate() {
            drops.put(name, format!("id,note\n{at},a\n")).await;
        }
        drops.put("orders_id.csv", "id,_id\n90,a\n").await;
        drops
            .put("orders_empty_name.csv", "id,,note\n91,a,b\n")
            .await;
        drops.put("orders_case.csv", "id,Note,note\n92,a,b\n").await;
        drops
            .put("orders_quote.csv", "id,note\n95,\"never closed\n96,x\n")
            .await;
        drops.put("orders_nul.csv", "\0a\0,\0b\0\n1,2\n").await;
        drops
            .put("orders_nul.jsonl", "{\"id\": 93, \"a\\u0000b\": 1}\n")
            .await;
        drops
            .put("orders_valid.jsonl", "{\"id\": 94, \"is_current\": true}\n")
            .await;
        drops
            .run()
            .await
            .succeeds()
            .counts("inserted", 4)
            .counts("files_landed", 4)
            .counts("files_unreadable", 7);
        drops.run().await.succeeds().counts("files_unreadable", 0);
    }
}

#[tokio::test]
async fn a_link_or_a_name_that_is_no_text_in_a_folder_stops_no_other_file() {
    let drops = Drops::start("").await;
    let write = |name: &OsStr| {
        let path = drops.folder().join(name);
        std::fs::write(path, "id,note\n97,x\n").expect("written");
    };
    write(OsStr::from_bytes(b"orders\xff.csv"));
    write(OsStr::new("orders\n.csv"));
    std::os::unix::fs::symlink("/etc/passwd", drops.folder().join("orders_link.csv"))
        .expect("linked");
    std::fs::create_dir(drops.folder().join("orders_folder.csv")).expect("a folder");
    drops.put("orders.csv", "id,amount,note\n1,1,a\n").await;
    drops.run().await.succeeds().counts("files_landed", 1);
    assert_eq!(drops.rows().await, json!([[1, "1.00", "a"]]));
}

#[tokio::test]
async fn any_sign_may_stand_between_values() {
    for delimiter in [" ", ";", "|", "\\t"] {
        let drops = Drops::start(&format!(", csv: {{delimiter: \"{delimiter}\"}}")).await;
        let rows = "id,amount,note\n1,1,a\n".replace(',', &delimiter.replace("\\t", "\t"));
        drops.put("orders.csv", rows).await;
        drops.run().await.succeeds();
        assert_eq!(drops.rows().await, json!([[1, "1.00", "a"]]), "{delimiter}");
    }
}

#[tokio::test]
async fn what_could_not_be_read_is_tried_again_by_another_definition() {
    let mut drops = Drops::start("").await;
    drops.put("orders.csv", "Order Number;note\n1;a\n").await;
    drops.run().await.succeeds().counts("files_unreadable", 1);
    drops.service.define(&format!(
        "
pipeline: PIPELINE
source: {{kind: files, path: '{}', settle: 0s, csv: {{delimiter: ';'}}}}
tables:
  orders:
    from: 'orders*'
    key: [id]
    columns: [{{name: id, from: Order Number, data_type: bigint}}]
",
        drops.url
    ));
    drops.service.restart().await;
    drops.run().await.succeeds().counts("inserted", 1);
    assert_eq!(
        drops.service.current("orders", "id, note").await,
        json!([[1, "a"]])
    );
}

#[tokio::test]
async fn a_row_without_a_key_is_a_reject_also_where_all_columns_are_text() {
    let mut drops = Drops::start("").await;
    drops.service.define(&format!(
        "
pipeline: PIPELINE
source: {{kind: files, path: '{}*.csv', settle: 0s}}
tables: {{orders: {{key: [id]}}}}
",
        drops.url
    ));
    drops.service.restart().await;
    drops.put("1.csv", "id,note\n1,a\n").await;
    drops.run().await.succeeds();
    drops.put("2.csv", "id,note\n,b\n2,c\n").await;
    drops.run().await.succeeds().counts("rejected", 1);
    assert_eq!(
        drops.service.current("orders", "id, note").await,
        json!([["1", "a"], ["2", "c"]])
    );
}

#[tokio::test]
async fn a_folder_that_no_table_names_is_not_looked_into() {
    let drops = Drops::start("").await;
    drops.put("orders_1.csv", "id,amount,note\n1,1.5,a\n").await;
    drops.put("lost+found/found.csv", "").await;
    let folder = drops.folder().join("lost+found");
    let name = OsStr::from_bytes(b"no text \xff");
    std::fs::write(folder.join(name), "").expect("written");
    drops.run().await.succeeds();
    let fresh = drops.service.freshness("orders").await;
    let covered = fresh["covered_until"].as_str().expect("a time");
    assert!(covered > "2026", "{fresh:#}");
}

#[tokio::test]
async fn freshness_says_which_files_hold_it_until_they_are_gone_and_that_there_is_none() {
    for drops in Drops::on_both("").await {
        let fresh = async || drops.service.freshness("orders").await;
        drops.run().await.succeeds();
        assert_eq!(fresh().await["lag_reason"], "empty_folder");

        drops.put("orders_1.csv", "id,amount,note\n1,1.5,a\n").await;
        drops.put("orders_2.csv", "id,amount,note\n1,1.5\n").await;
        drops.run().await.succeeds();
        let held = fresh().await;
        assert_eq!(held["lag_reason"], "unreadable_files", "{held:#}");
        let detail = held["lag_detail"].as_str().expect("a detail");
        assert!(detail.contains("orders_2.csv`;"), "{detail}");
        assert!(!detail.contains("orders_1.csv"), "{detail}");

        drops.remove("orders_2.csv").await;
        drops.run().await.succeeds();
        assert_eq!(fresh().await["lag_reason"], "no_limit");
        let known = drops.ledger().await;
        assert_eq!(known.len(), 1, "{known:?}");
        drops.put("orders_2.csv", "id,amount,note\n1,1.5\n").await;
        drops.run().await.succeeds();
        assert_eq!(fresh().await["lag_reason"], "unreadable_files");
    }
}
