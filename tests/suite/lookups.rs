//! Users look up rows as they are and as they were. A batch reads only the files that it touches.

use serde_json::Value;

use crate::harness::{AuditRow, Service, delete, insert, update};

#[tokio::test]
async fn a_batch_that_is_newer_than_everything_is_published_without_its_log() {
    let service = Service::items().start().await;
    let many: Vec<AuditRow> = (1..=1_000).map(|id| insert(id, id, 1, "a")).collect();
    service.log(&many).await;
    service.run().await.succeeds();
    for (id, reads_log) in [(2_000, false), (1_500, true), (3_000, false)] {
        service.log(&[update(id, 1, id, "b")]).await;
        let run = service.run().await.succeeds();
        let run_id = run["id"].as_str().expect("an id");
        // Versions of a key with an older event are made from its log; its current row needs no more than the log's ids.
        for (step, of_log) in [
            ("mart.items_history", "reread as ("),
            ("mart.items", "before as ("),
        ] {
            let path = format!("/v1/runs/{run_id}/steps/{step}/sql");
            let sql = service.get(&path).await;
            let text = sql.body["data"][0]["sql"].as_str().expect("a text");
            assert_eq!(text.contains(of_log), reads_log, "event {id}: {text}");
        }
        let steps = service.steps(&run).await;
        let stage = steps
            .iter()
            .find(|step| step["name"] == "stage.items")
            .expect("a step");
        let read = stage["statements"][0]["progress"]["processed_rows"]
            .as_i64()
            .expect("rows");
        // Of the log, files whose ids lie elsewhere are left out; of what landed, those of other batches.
        assert!(reads_log || read == 1, "event {id}: {read} rows were read");
    }
}

#[tokio::test]
async fn a_page_of_rows_ends_at_eight_mebibytes_and_the_next_one_goes_on() {
    let service = Service::items().start().await;
    let long = "x".repeat(1 << 20);
    let rows: Vec<AuditRow> = (1..=12).map(|id| insert(id, id, 1, &long)).collect();
    service.log(&rows).await;
    service.run().await.succeeds();
    let rows = format!("{}/rows?limit=1000", service.table_path("items"));
    let mut lengths = Vec::new();
    let mut ids = Vec::new();
    let mut next = Some(String::new());
    while let Some(after) = next {
        let page = service.get(&format!("{rows}{after}")).await.has_status(200);
        let data = page.body["data"].as_array().expect("rows");
        lengths.push(data.len());
        ids.extend(data.iter().map(|row| row["id"].clone()));
        next = page.body["next"]
            .as_str()
            .map(|next| format!("&after={next}"));
    }

    assert_eq!(lengths, [7, 5]);
    let all: Vec<Value> = (1..=12).map(|id: i64| id.to_string().into()).collect();
    assert_eq!(ids, all);
}

#[tokio::test]
async fn rows_are_listed_page_by_page_as_they_are_and_as_they_were() {
    let service = Service::items().start().await;
    service
        .log(&[
            insert(1, 1, 1, "a"),
            insert(2, 2, 2, "b"),
            insert(3, 9_007_199_254_740_993, 3, "c"),
        ])
        .await;
    service.run().await.succeeds();
    let between = jiff::Timestamp::now();
    service
        .log(&[update(4, 1, 4, "a2"), delete(5, 2, 2, "b")])
        .await;
    service.run().await.succeeds();
    let rows = format!("{}/rows", service.table_path("items"));
    let names = |answer: &Value| -> Vec<String> {
        let rows = answer["data"]
            .as_array()
            .unwrap_or_else(|| panic!("{answer:#}"));
        rows.iter()
            .map(|row| row["name"].as_str().expect("a name").to_owned())
            .collect()
    };

    let first = service.get(&format!("{rows}?limit=1")).await;
    assert_eq!(names(&first.body), ["a2"]);
    assert_eq!(first.body["data"][0]["amount"], "4.00", "{first:?}");
    let next = first.body["next"].as_str().expect("another page");
    let after: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
    let second = service.get(&format!("{rows}?after={after}")).await;
    assert_eq!(names(&second.body), ["c"]);
    assert_eq!(
        second.body["data"][0]["id"], "9007199254740993",
        "{second:?}"
    );
    assert_eq!(second.body["next"], Value::Null);
    let before = service
        .get(&format!("{rows}?as_of=2026-01-01T00:04:30Z"))
        .await;
    assert_eq!(names(&before.body), ["a2", "b", "c"]);
    let start = service
        .get(&format!("{rows}?as_of=2026-01-01T00:01:00Z"))
        .await;
    assert_eq!(names(&start.body), ["a"]);
    let loaded = service.get(&format!("{rows}?loaded_as_of={between}")).await;
    assert_eq!(names(&loaded.body), ["a", "b", "c"]);
    let one = service.get(&format!("{rows}?key.id=1")).await;
    assert_eq!(names(&one.body), ["a2"]);
    for (query, status) in [
        ("?limit=0", 422),
        ("?as_of=yesterday", 422),
        ("?after=x", 422),
        ("?key.name=a", 422),
        ("?loaded_as_of=2001-01-01T00:00:00Z", 422),
        ("?nonsense=1", 422),
    ] {
        let answer = service.get(&format!("{rows}{query}")).await;
        answer.has_status(status);
    }
}
