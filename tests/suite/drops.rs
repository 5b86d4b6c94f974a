//! Files that are dropped into a folder or a bucket: every file lands once, in any format.

use std::fmt::Write;

use serde_json::json;

use crate::harness::{Drops, depth, gzip};

#[tokio::test]
async fn values_are_separated_quoted_and_missing_as_the_definition_says() {
    let csv = r#", operation: upsert, csv: {header: false, columns: [id, amount, note], delimiter: ";", quote: "'", null_text: '\N'}"#;
    let drops = Drops::start(csv).await;
    drops
        .put("orders1.csv", "1;1.5;'a;b'\n2;\\N;'it''s'\n3;;\\N\n")
        .await;
    let run = drops.run().await.succeeds();
    assert_eq!(run["counts"]["rejected"], 1, "no number is empty: {run:#}");
    let rows = json!([[1, "1.50", "a;b"], [2, null, "it's"]]);
    assert_eq!(drops.rows().await, rows);
}

#[tokio::test]
async fn rows_of_every_format_become_the_same_table() {
    for drops in Drops::on_both("").await {
        drops
            .put(
                "orders1.csv",
                "id,amount,note\n1,1.50,\"a, \"\"b\"\"\nc\"\n2,,\n",
            )
            .await;
        drops
            .put("orders2.csv.gz", gzip("id,amount,note\n3,3.25,three\n"))
            .await;
        drops
            .put(
                "orders3.csv.zst",
                zstd::encode_all(&b"id,amount,note\n4,4,four\n"[..], 1).expect("packed"),
            )
            .await;
        drops.put("orders4.jsonl", "{\"id\": 5, \"amount\": 5.10, \"note\": \"f\\u00fcnf\"}\n\n{\"id\": 6, \"amount\": null}\n").await;
        drops
            .put(
                "orders5.json",
                "[{\"id\": 7, \"amount\": \"7\", \"note\": {\"x\": [1.0]}},\n {\"id\": 8}]",
            )
            .await;
        drops.put("orders6.parquet", parquet([9, 10])).await;
        drops
            .put("orders7.parquet.gz", gzip(parquet([11, 12])))
            .await;
        drops
            .put("_hidden/orders7.csv", "id,amount,note\n99,,\n")
            .await;
        drops.put("other.csv", "id,amount,note\n98,,\n").await;
        drops.run().await.succeeds().counts("inserted", 12);
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
                [11, "12345.67", "nine"],
                [12, null, null],
            ])
        );
        drops.run().await.succeeds().counts("events", 0);
        let files = drops.ledger().await;
        assert_eq!(files.len(), 7, "{files:?}");
        assert!(
            files.iter().all(|(_, state, _)| state == "landed"),
            "{files:?}"
        );
    }
}

fn parquet(ids: [i64; 2]) -> Vec<u8> {
    use std::sync::Arc;

    use arrow_array::{Decimal128Array, Int64Array, RecordBatch, StringArray};
    use parquet::arrow::ArrowWriter;
    use parquet::basic::Compression;
    use parquet::file::properties::WriterProperties;

    let amounts = Decimal128Array::from(vec![Some(1_234_567), None])
        .with_precision_and_scale(18, 2)
        .expect("a decimal");
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("id", Arc::new(Int64Array::from(ids.to_vec())) as _, false),
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
async fn columns_come_and_stay_away_and_values_that_do_not_fit_are_rejects() {
    for drops in Drops::on_both("").await {
        drops.put("orders1.csv", "id,amount,note\n1,1,a\n").await;
        drops.run().await.succeeds();
        drops
            .put("orders2.csv", "id,note\n2,without amount\n")
            .await;
        drops
            .put(
                "orders3.csv",
                "id,amount,note,channel\n3,3,more,web\n4,many,wrong,web\n",
            )
            .await;
        drops
            .run()
            .await
            .succeeds()
            .counts("inserted", 2)
            .counts("rejected", 1);
        assert_eq!(
            drops
                .service
                .current("orders", "id, cast(amount as varchar), channel")
                .await,
            json!([[1, "1.00", null], [2, null, null], [3, "3.00", "web"]])
        );
        let rejects = drops
            .service
            .get(&format!("/v1/rejects?table={}.orders", drops.service.name))
            .await;
        assert_eq!(
            rejects.body["data"][0]["reason"], "bad_value",
            "{rejects:?}"
        );
        let files = drops
            .service
            .get(&format!("/v1/sources/{}/files", drops.service.name))
            .await;
        let rejects: i64 = files.body["data"]
            .as_array()
            .expect("files")
            .iter()
            .filter_map(|file| file["rejects"].as_i64())
            .sum();
        assert_eq!(rejects, 1, "{files:?}");
    }
}

#[tokio::test]
async fn a_file_that_was_replaced_is_read_again_or_refused_as_the_definition_wants() {
    for (setting, expected) in [("", "2.00"), (", changed: reject", "1.00")] {
        for drops in Drops::on_both(setting).await {
            drops.put("orders.csv", "id,amount,note\n1,1,a\n").await;
            drops.run().await.succeeds();
            drops
                .put("orders.csv", "id,amount,note\n1,2,longer than before\n")
                .await;
            drops.run().await.succeeds();
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
            drops.run().await.succeeds().counts("events", 0);
        }
    }
}

#[tokio::test]
async fn at_night_a_half_written_file_is_waited_for() {
    for drops in Drops::on_both(", marker: _SUCCESS").await {
        drops.put("orders.csv", "id,amount,note\n1,1,a\n").await;
        drops.run().await.succeeds().counts("events", 0);
        let path = format!("/v1/sources/{}", drops.service.name);
        let source = drops.service.get(&path).await;
        assert_eq!(source.body["now"]["backlog"], 0, "{source:?}");
        drops.put("_SUCCESS", "").await;
        drops.run().await.succeeds().counts("inserted", 1);
    }
    for mut drops in Drops::on_both("").await {
        let definition = drops.definition("").replace("settle: 0s", "settle: 4s");
        drops.service.define(&definition);
        drops.service.restart().await;
        // The first run makes tables; the next one lists the folder before the file has settled, however busy the servers are.
        drops.run().await.succeeds();
        drops.put("orders.csv", "id,amount,note\n1,1,a\n").await;
        drops.run().await.succeeds().counts("events", 0);
        tokio::time::sleep(std::time::Duration::from_millis(5100)).await;
        drops.run().await.succeeds().counts("events", 1);
    }
}

#[tokio::test]
async fn at_night_files_that_have_landed_are_moved_or_deleted_where_the_definition_wants_it() {
    for (setting, moved) in [(", after: move", 1), (", after: delete", 0)] {
        for drops in Drops::on_both(setting).await {
            drops.put("orders.csv", "id,amount,note\n1,1,a\n").await;
            drops.put("orders_broken.csv", "note\nno key\n").await;
            drops.run().await.succeeds();
            assert!(!drops.has("orders.csv").await);
            assert!(drops.has("orders_broken.csv").await);
            assert_eq!(drops.count("_done").await, moved);
            drops.run().await.succeeds().counts("events", 0);
            drops.put("orders.csv", "id,amount,note\n1,1,later\n").await;
            drops
                .run()
                .await
                .succeeds()
                .counts("updated", 1)
                .counts("events", 1);
        }
    }
}

#[tokio::test]
async fn at_night_thousands_of_small_files_land_as_one_batch() {
    for drops in Drops::on_both("").await {
        let number = 2_000 * depth::size();
        let files = (0..number).map(|file| {
            let mut text = String::from("id,amount,note\n");
            for row in 0..5 {
                writeln!(text, "{},1.5,n", file * 5 + row).expect("a row");
            }
            (format!("orders{file}.csv"), text)
        });
        drops.put_all(files).await;
        drops
            .run()
            .await
            .succeeds()
            .counts("inserted", number * 5)
            .counts("files", 1);
    }
}
