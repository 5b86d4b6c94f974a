//! Tables are rebuilt, verified and read as of an earlier time. A replay puts rejects into their old place.

use serde_json::{Value, json};

use crate::harness::{AuditRow, ITEMS, Service, depth, insert, link, update};

const VERSIONS: &str = "select name, cast(amount as varchar), cast((to_unixtime(valid_from) - 1767225600) / 60 as integer), is_current from {marts.items_history} where id = 1 order by valid_from";

#[tokio::test]
async fn a_replayed_reject_takes_its_old_place_before_what_is_there() {
    let mut service = Service::items().start().await;
    service
        .log(&[
            insert(1, 1, 1, "first"),
            update(2, 1, 1.555, "second"),
            update(3, 1, 3, "third"),
            insert(4, 2, "x", "never"),
        ])
        .await;
    service.run().await.succeeds();
    service.log(&[update(5, 1, 5, "last")]).await;
    service.run().await.succeeds();
    let listed = service.get("/v1/rejects?reason=bad_value&limit=1").await;
    assert_eq!(listed.body["data"][0]["column"], "amount", "{listed:?}");
    let next = listed.body["next"].as_str().expect("another page");
    let second = service
        .get(&format!("/v1/rejects?reason=bad_value&after={next}"))
        .await;
    assert_eq!(
        second.body["data"].as_array().map(Vec::len),
        Some(1),
        "{second:?}"
    );
    service.define(&ITEMS.replace(
        "key: [id]}",
        "key: [id], columns: [{name: amount, data_type: \"decimal(12,3)\"}]}",
    ));
    service.restart().await;
    service
        .post_run("/v1/rejects/replay", &json!({"ids": ["1.00"]}))
        .await
        .fails_with("contract-broken");

    // The other type has another scale, so the log is made anew by it; that tries the rejects again as well.
    service
        .post_table("items", "restage", &json!({}))
        .await
        .succeeds();
    assert_eq!(
        service.rows(VERSIONS).await,
        json!([
            ["first", "1.000", 1, false],
            ["second", "1.555", 2, false],
            ["third", "3.000", 3, false],
            ["last", "5.000", 5, true]
        ])
    );
    let table = service.get(&service.table_path("items")).await;
    assert_eq!(table.body["rejects"], 1, "{table:?}");
    service
        .post_run("/v1/rejects/dismiss", &json!({"reason": "bad_value"}))
        .await
        .counts("dismissed", 1);
    assert_eq!(service.get("/v1/rejects").await.body["data"], json!([]));
}

#[tokio::test]
async fn rejects_are_replayed_by_a_batch_of_their_own_when_the_rule_was_mended() {
    let mut service = Service::items().start().await;
    let soon = jiff::Timestamp::now().as_microsecond() + 3 * 86_400_000_000;
    service
        .log(&[
            insert(1, 1, 1, "first"),
            AuditRow {
                occurred_at: Some(soon),
                ..update(2, 1, 2, "too early")
            },
            AuditRow {
                occurred_at: Some(soon),
                ..insert(3, 2, 2, "too early as well")
            },
        ])
        .await;
    service.run().await.succeeds();
    service.log(&[update(5, 1, 5, "last")]).await;
    service.run().await.succeeds();
    assert_eq!(
        service.rows(VERSIONS).await,
        json!([["first", "1.00", 1, false], ["last", "5.00", 5, true]])
    );
    assert_eq!(service.freshness("items").await["lag_reason"], "rejected");
    service.define(&ITEMS.replace("max_clock_skew: 1d", "max_clock_skew: 30d"));
    service.restart().await;

    service
        .post_run(
            "/v1/rejects/replay",
            &json!({"table": format!("{}.items", service.name)}),
        )
        .await
        .succeeds()
        .counts("replayed", 2)
        .counts("late", 1);
    // The late one holds the clock: what followed it begins no earlier.
    let names: Vec<Value> = service
        .query(VERSIONS)
        .await
        .into_iter()
        .map(|row| row[0].clone())
        .collect();
    assert_eq!(names, ["first", "last"]);
    assert_eq!(
        service.current("items", "id, name").await,
        json!([[1, "last"], [2, "too early as well"]])
    );
    assert_eq!(service.get("/v1/rejects").await.body["data"], json!([]));
    assert_ne!(service.freshness("items").await["lag_reason"], "rejected");
    service.log(&[update(6, 2, 6, "after")]).await;
    service.run().await.succeeds();
    service.verifies("items").await;
}

#[tokio::test]
async fn three_keys_of_a_thousand_are_rebuilt_and_the_others_are_not_touched() {
    let service = Service::items().start().await;
    let events: Vec<AuditRow> = (1..=1_000)
        .map(|key| insert(key, key, key, "right"))
        .collect();
    service.log(&events).await;
    service.run().await.succeeds();
    service
        .query("update {marts.items} set name = 'wrong' where id in (5, 6, 7)")
        .await;
    service
        .query("delete from {marts.items_history} where id = 5")
        .await;
    service
        .query("update {marts.items_history} set amount = 0 where id = 6")
        .await;
    service
        .query("insert into {marts.items} (id, name, _event_id) values (2000, 'from elsewhere', 0)")
        .await;
    service
        .post_table("items", "verify", &json!({}))
        .await
        .saying("rows missing 0, different 3, unexpected 1; versions missing 1, different 1");

    service
        .post_table(
            "items",
            "rebuild",
            &json!({"keys": [{"id": 5}, {"id": "6"}, {"id": 7}, {"id": 7}, {"id": 2000}]}),
        )
        .await
        .counts("updated", 3)
        .counts("deleted", 1)
        .counts("versions_opened", 1)
        .counts("versions_changed", 1);
    service
        .post_table("items", "verify", &json!({"one_in": 1}))
        .await
        .succeeds();
    let rebuild = format!("{}/rebuild", service.table_path("items"));
    for wrong in [json!([{"name": 5}]), json!([])] {
        service
            .post(&rebuild, &json!({"keys": wrong}))
            .await
            .is_problem(422, "invalid-request");
    }
    service
        .post_run(&rebuild, &json!({"keys": [{"id": 1.5}]}))
        .await
        .saying("Cannot cast '1.5' to BIGINT");
}

#[tokio::test]
async fn a_pipeline_may_ask_to_be_verified_after_every_second_run() {
    let pipeline = ITEMS.replace("tables:", "verify: {every_runs: 2}\ntables:");
    let service = Service::items().defined(&pipeline).start().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    let mut verified = Vec::new();
    for _ in 0..4 {
        let run = service.run().await.succeeds();
        let steps = service.get(link(&run, "steps")).await;
        verified.push(
            steps.body["data"]
                .as_array()
                .expect("steps")
                .iter()
                .any(|step| step["name"] == "verify.items"),
        );
    }

    assert_eq!(verified, [false, true, false, true]);
}

#[tokio::test]
async fn an_empty_batch_and_one_of_rejects_only_change_nothing() {
    let service = Service::items().start().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    service.run().await.succeeds();
    service.run().await.succeeds().counts("read", 0);
    let unknown = AuditRow {
        operation: Some("Z".into()),
        ..update(3, 1, 1, "b")
    };
    service.log(&[update(2, 1, "x", "b"), unknown]).await;

    service
        .run()
        .await
        .succeeds()
        .counts("rejected", 2)
        .counts("published", 0);
    assert_eq!(service.current("items", "name").await, json!([["a"]]));
}

#[tokio::test]
async fn at_night_a_repair_that_is_killed_at_any_moment_ends_in_the_same_tables() {
    // Events of row 6 are from a future that only a replay allows.
    const FUTURE: i64 = 3_471_292_800_000_000; // 2080-01-01
    let patient = ITEMS.replace("max_clock_skew: 1d", "max_clock_skew: 36500d");
    let mut service = Service::items().start().await;
    let table = service.table_path("items");
    // The last is a replay, which leaves no reject.
    let rounds = depth::rounds(3).next_multiple_of(3);
    for round in 1..=i64::try_from(rounds).expect("small") {
        let first = round * 10;
        let mut events: Vec<AuditRow> = (1..=5)
            .map(|key| update(first + key, key, first, "taken"))
            .collect();
        // Older than everything of the round before.
        events.push(update(first - 10, 1, first - 10, "late"));
        events.push(AuditRow {
            occurred_at: Some(FUTURE + round),
            ..update(first + 6, 6, first, "from the future")
        });
        service.log(&events).await;
        service.run().await.succeeds();
        let (path, body) = match round % 3 {
            0 => (
                "/v1/rejects/replay".to_owned(),
                json!({"table": format!("{}.items", service.name)}),
            ),
            1 => (format!("{table}/rebuild"), json!({})),
            _ => (format!("{table}/restage"), json!({})),
        };
        let definition = if round % 3 == 0 { &patient } else { ITEMS };
        service.define(definition);
        service.restart().await;
        let started = service.post(&path, &body).await.has_status(202);
        let moment = 100 + 1_620 * round.unsigned_abs() / rounds;
        tokio::time::sleep(std::time::Duration::from_millis(moment)).await;
        service.restart().await;
        service.ended(&started.body).await.succeeds();
        service.define(ITEMS);
        service.restart().await;
        service.verifies("items").await;
    }

    let counts = service
        .query("select (select count(*) from {staging.items}), (select count(distinct _event_id) from {staging.items}), (select count(*) from {marts.items}), (select count(*) from {marts.items_history}), (select min(amount) from {marts.items})")
        .await;
    let (events, amount) = (rounds * 7, format!("{}.00", rounds * 10));
    assert_eq!(json!(counts), json!([[events, events, 6, events, amount]]));
}
