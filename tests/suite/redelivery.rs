//! Rows of files arrive again, and in another order. The tables are the same.

use std::fmt::Write;

use serde_json::json;

use crate::harness::{Drops, depth};
use crate::reference::Random;

#[tokio::test]
async fn at_night_with_a_sequence_files_in_any_order_and_again_make_the_same_table() {
    let source = files_of(", sequence: seq");
    in_any_order(&source, Drops::on_both(&source).await.into()).await;
}

#[tokio::test]
async fn with_a_time_files_in_any_order_and_again_make_the_same_table() {
    let source = files_of("");
    let shuffled = if depth::is_deep() {
        Drops::on_both(&source).await.into()
    } else {
        vec![Drops::start(&source).await]
    };
    in_any_order(&source, shuffled).await;
}

/// The keys of `source` that say what a row is, after some more.
fn files_of(more: &str) -> String {
    format!(
        "{more}, operation: {{column: op, values: {{insert: [c], update: [u], delete: [d]}}}}, occurred_at: at"
    )
}

/// Drops the same files in order, and into other stores shuffled and twice.
async fn in_any_order(source: &str, stores: Vec<Drops>) {
    let mut random = Random::new(7);
    let drops = Drops::start(source).await;
    let mut files = Vec::new();
    let number = 2 * depth::batches(2);
    for file in 0..number {
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
        drops.put(&format!("orders{at:02}.csv"), text).await;
        drops.run().await.succeeds();
    }
    for shuffled in stores {
        let mut order: Vec<usize> = (0..number).collect();
        for at in (1..number).rev() {
            order.swap(at, random.below(at + 1));
        }
        for (at, from) in order.iter().enumerate() {
            shuffled
                .put(&format!("orders{at:02}.csv"), &files[*from])
                .await;
            if at % 2 == 0 {
                shuffled.run().await.succeeds();
            }
            shuffled
                .put(&format!("orders{at:02}_again.csv"), &files[*from])
                .await;
            shuffled.run().await.succeeds().counts("duplicate", 20);
        }
        assert_ne!(in_order, shuffled.service.name);
        let versions = "select id, cast(amount as varchar), note, cast(valid_from as varchar), cast(valid_to as varchar) from {marts.orders_history} order by id, valid_from";
        assert_eq!(drops.rows().await, shuffled.rows().await);
        assert_eq!(
            drops.service.query(versions).await,
            shuffled.service.query(versions).await
        );
    }
}

#[tokio::test]
async fn rejects_that_came_twice_are_replayed_once_and_none_is_left() {
    let mut drops = Drops::start(", occurred_at: at").await;
    let row = "id,amount,note,at\n1,1,a,2090-01-01 00:00:00\n";
    drops.put("orders1.csv", row).await;
    drops
        .put("orders2.csv", format!("{row}2,2,b,2026-01-01 00:00:00\n"))
        .await;
    drops.run().await.succeeds().counts("rejected", 2);
    let pipeline = drops.definition(", occurred_at: at");
    let pipeline = format!("{pipeline}max_clock_skew: 36500d\n");
    drops.service.define(&pipeline);
    drops.service.restart().await;

    let table = format!("{}.orders", drops.service.name);
    drops
        .service
        .post_run("/v1/rejects/replay", &json!({"table": table}))
        .await
        .counts("replayed", 1)
        .counts("rejects_left", 0);
    let rows = json!([[1, "1.00", "a"], [2, "2.00", "b"]]);
    assert_eq!(drops.rows().await, rows);
    let path = format!("/v1/tables/{table}/restage");
    drops.service.post_run(&path, &json!({})).await.succeeds();
    assert_eq!(drops.rows().await, rows);
    assert_eq!(drops.service.count("staging.orders").await, 2);
}

#[tokio::test]
async fn rows_that_a_replaced_file_brings_again_are_duplicates_however_they_are_staged() {
    for drops in Drops::on_both(", occurred_at: at").await {
        let old = "1,1,a,2026-01-01 00:00:00\n";
        drops
            .put("orders.csv", format!("id,amount,note,at\n{old}"))
            .await;
        drops.run().await.succeeds();
        drops
            .put(
                "orders.csv",
                format!("id,amount,note,at\n{old}2,2,b,2026-01-02 00:00:00\n"),
            )
            .await;
        drops.run().await.succeeds().counts("duplicate", 1);
        drops
            .service
            .post_table("orders", "restage", &json!({}))
            .await
            .counts("duplicate", 1);
    }
}

#[tokio::test]
async fn ids_of_another_kind_are_refused_before_anything_is_read_by_them() {
    let mut drops = Drops::start(", occurred_at: at").await;
    drops
        .put(
            "orders1.csv",
            "id,amount,note,at,seq\n1,1,a,2026-01-01 00:00:00,1\n",
        )
        .await;
    drops.run().await.succeeds();
    drops
        .put(
            "orders2.csv",
            "id,amount,note,at,seq\n1,2,b,2026-01-02 00:00:00,2\n",
        )
        .await;
    let numbered = drops.definition(", occurred_at: at, sequence: seq");
    drops.service.define(&numbered);
    drops.service.restart().await;
    drops
        .run()
        .await
        .fails()
        .saying("by a pipeline of another name");
    let state = drops.service.connect_to_state().await;
    let begun = "select count(*) from icefront.batches";
    let begun = state.query_one(begun, &[]).await.expect("a count");
    assert_eq!(begun.get::<_, i64>(0), 1, "the second file was not read");
    let path = format!("{}/restage", drops.service.table_path("orders"));
    let queued = drops.service.post(&path, &json!({})).await;
    drops.service.ended(&queued.body).await.fails();

    let before = drops.definition(", occurred_at: at");
    drops.service.define(&before);
    drops.service.restart().await;
    drops.run().await.succeeds();
    assert_eq!(drops.rows().await, json!([[1, "2.00", "b"]]));
}
