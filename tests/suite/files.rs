//! Many batches leave small files: `optimize` rewrites them as a few, and a statement reads only the files that it needs.

use serde_json::Value;

use crate::harness::{AuditRow, Service, insert, update};
use crate::reference::Random;

/// Data files and delete files of a table of the test.
async fn files(service: &Service, table: &str) -> i64 {
    let name = format!("\"{}$files\"", table.split_once('.').expect("a layer").1);
    let of = service.table(table);
    let schema = of.rsplit_once('.').expect("a schema").0;
    let found = service
        .query(&format!("select count(*) from {schema}.{name}"))
        .await;

    found[0][0].as_i64().expect("a number")
}

#[tokio::test]
async fn at_night_a_table_that_became_many_small_files_is_written_as_few_and_holds_the_same() {
    let service = Service::items().start().await;
    let mut optimized = 0;
    for batch in 0..14_i64 {
        let events: Vec<AuditRow> = (0..4)
            .map(|key| update(batch * 4 + key + 1, key, batch, "a"))
            .collect();
        service.log(&events).await;
        let run = service.run().await.succeeds();
        let steps = service.steps(&run).await;
        let of_files = |step: &&Value| step["name"] == "optimize";
        for step in steps.iter().filter(of_files) {
            assert_eq!(step["state"], "succeeded", "{step:#}");
            optimized += 1;
        }
    }

    assert!(optimized > 0, "nothing was written anew");
    for table in ["marts.items", "marts.items_history"] {
        let files = files(&service, table).await;
        assert!(files <= 20, "{table} has {files} files");
    }
    assert_eq!(service.sizes("items").await, [56, 4, 56]);
    service.verifies("items").await;
}

#[tokio::test]
async fn a_batch_reads_only_the_files_that_its_keys_may_lie_in() {
    let service = Service::items().start().await;
    // Two files of a thousand keys each, far from each other; small tables are read whole.
    let mut random = Random::new(1);
    for first in [0, 100_000] {
        let mut text = || {
            let words: Vec<String> = (0..700)
                .map(|_| format!("{:016x}", random.bits()))
                .collect();
            words.concat()
        };
        let events: Vec<AuditRow> = (1..=1_000)
            .map(|key| insert(first + key, first + key, 1, &text()))
            .collect();
        service.log(&events).await;
        service.run().await.succeeds();
    }
    service.log(&[update(200_000, 5, 2, "b")]).await;

    let run = service.run().await.succeeds();

    // Each mart is read twice, to compare and to merge: all of it would be 4,000 rows.
    for (step, most) in [
        ("stage.items", 1),
        ("mart.items", 2_100),
        ("mart.items_history", 2_100),
    ] {
        let path = format!("/v1/runs/{}/steps", run["id"].as_str().expect("an id"));
        let steps = service.get(&path).await;
        let steps = steps.body["data"].as_array().expect("steps");
        let step = steps
            .iter()
            .find(|found| found["name"] == step)
            .expect("a step");
        let read = step["statements"][0]["progress"]["processed_rows"].as_i64();
        assert!(read.expect("a number") <= most, "{step:#}");
    }
}
