//! Tables are rebuilt, verified and read as of an earlier time. A replay puts rejects into their old place.

use serde_json::{Value, json};

use crate::harness::{AuditRow, ITEMS, Service, depth, item, log};

const VERSIONS: &str = "select name, cast(amount as varchar), cast((to_unixtime(valid_from) - 1767225600) / 60 as integer), is_current from {marts.items_history} where id = 1 order by valid_from";

#[tokio::test]
async fn a_replayed_reject_takes_its_old_place_before_what_is_there() {
    let mut service = Service::items().start().await;
    log(
        &mut service.shop,
        &[
            item(1, 1, "I", &json!(1), "first"),
            item(2, 1, "U", &json!(1.555), "second"),
            item(3, 1, "U", &json!(3), "third"),
            item(4, 2, "I", &json!("x"), "never"),
        ],
    )
    .await;
    service.run().await;
    log(&mut service.shop, &[item(5, 1, "U", &json!(5), "last")]).await;
    service.run().await;
    let listed = service.get("/v1/rejects?reason=bad_value&limit=1").await;
    assert_eq!(listed.body["rejects"][0]["column"], "amount", "{listed:?}");
    let next = listed.body["next"].as_str().expect("another page");
    let second = service.get(&format!("/v1/rejects?before={next}")).await;
    assert_eq!(
        second.body["rejects"].as_array().map(Vec::len),
        Some(1),
        "{second:?}"
    );
    service.define(&ITEMS.replace(
        "key: [id]}",
        "key: [id], columns: [{name: amount, data_type: \"decimal(12,3)\"}]}",
    ));
    service.restart().await;
    let nothing = service
        .post_run("/v1/rejects/replay", &json!({"ids": ["1.00"]}))
        .await;
    assert_eq!(
        nothing["error"]["type"], "urn:icefront:problem:contract-broken",
        "{nothing:#}"
    );

    // The other type has another scale, so the log is made anew by it; that tries the rejects again as well.
    let restaged = service.post_items("restage", &json!({})).await;
    assert_eq!(restaged["state"], "succeeded", "{restaged:#}");
    assert_eq!(
        json!(service.query(VERSIONS).await),
        json!([
            ["first", "1.000", 1, false],
            ["second", "1.555", 2, false],
            ["third", "3.000", 3, false],
            ["last", "5.000", 5, true]
        ])
    );
    let table = service
        .get(&format!("/v1/tables/{}.items", service.name))
        .await;
    assert_eq!(table.body["rejects"], 1, "{table:?}");
    let dismissed = service
        .post_run("/v1/rejects/dismiss", &json!({"reason": "bad_value"}))
        .await;
    assert_eq!(dismissed["counts"]["dismissed"], 1, "{dismissed:#}");
    assert_eq!(service.get("/v1/rejects").await.body["rejects"], json!([]));
}

#[tokio::test]
async fn rejects_are_replayed_by_a_batch_of_their_own_when_the_rule_was_mended() {
    let mut service = Service::items().start().await;
    let soon = jiff::Timestamp::now().as_microsecond() + 3 * 86_400_000_000;
    log(
        &mut service.shop,
        &[
            item(1, 1, "I", &json!(1), "first"),
            AuditRow {
                occurred_at: Some(soon),
                ..item(2, 1, "U", &json!(2), "too early")
            },
            AuditRow {
                occurred_at: Some(soon),
                ..item(3, 2, "I", &json!(2), "too early as well")
            },
        ],
    )
    .await;
    service.run().await;
    log(&mut service.shop, &[item(5, 1, "U", &json!(5), "last")]).await;
    service.run().await;
    assert_eq!(
        json!(service.query(VERSIONS).await),
        json!([["first", "1.00", 1, false], ["last", "5.00", 5, true]])
    );
    let freshness = format!("/v1/tables/{}.items/freshness", service.name);
    assert_eq!(service.get(&freshness).await.body["lag_reason"], "rejected");
    service.define(&ITEMS.replace("max_clock_skew: 1d", "max_clock_skew: 30d"));
    service.restart().await;

    let replayed = service
        .post_run(
            "/v1/rejects/replay",
            &json!({"table": format!("{}.items", service.name)}),
        )
        .await;

    assert_eq!(replayed["state"], "succeeded", "{replayed:#}");
    assert_eq!(replayed["counts"]["replayed"], 2, "{replayed:#}");
    assert_eq!(replayed["counts"]["late"], 1, "{replayed:#}");
    // The late one holds the clock: what followed it begins no earlier.
    let names: Vec<Value> = service
        .query(VERSIONS)
        .await
        .into_iter()
        .map(|row| row[0].clone())
        .collect();
    assert_eq!(names, ["first", "last"]);
    let rows = service
        .query("select id, name from {marts.items} order by id")
        .await;
    assert_eq!(json!(rows), json!([[1, "last"], [2, "too early as well"]]));
    assert_eq!(service.get("/v1/rejects").await.body["rejects"], json!([]));
    assert_ne!(service.get(&freshness).await.body["lag_reason"], "rejected");
    log(&mut service.shop, &[item(6, 2, "U", &json!(6), "after")]).await;
    service.run().await;
    let verified = service.post_items("verify", &json!({})).await;
    assert_eq!(verified["state"], "succeeded", "{verified:#}");
}

#[tokio::test]
async fn three_keys_of_a_thousand_are_rebuilt_and_the_others_are_not_touched() {
    let mut service = Service::items().start().await;
    let events: Vec<AuditRow> = (1..=1_000)
        .map(|key| item(key, key, "I", &json!(key), "right"))
        .collect();
    log(&mut service.shop, &events).await;
    service.run().await;
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
    let verify = format!("/v1/tables/{}.items/verify", service.name);
    let verified = service.post_run(&verify, &json!({})).await;
    let detail = verified["error"]["detail"].as_str().expect("a detail");
    assert!(
        detail
            .contains("rows missing 0, different 3, unexpected 1; versions missing 1, different 1"),
        "{detail}"
    );

    let path = format!("/v1/tables/{}.items/rebuild", service.name);
    let rebuilt = service
        .post_run(
            &path,
            &json!({"keys": [{"id": 5}, {"id": "6"}, {"id": 7}, {"id": 7}, {"id": 2000}]}),
        )
        .await;

    assert_eq!(rebuilt["counts"]["updated"], 3, "{rebuilt:#}");
    assert_eq!(rebuilt["counts"]["deleted"], 1, "{rebuilt:#}");
    assert_eq!(rebuilt["counts"]["versions_opened"], 1, "{rebuilt:#}");
    assert_eq!(rebuilt["counts"]["versions_changed"], 1, "{rebuilt:#}");
    let verified = service.post_run(&verify, &json!({"one_in": 1})).await;
    assert_eq!(verified["state"], "succeeded", "{verified:#}");
    for wrong in [json!([{"name": 5}]), json!([])] {
        let answer = service.post(&path, &json!({"keys": wrong})).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (422, "invalid-request"),
            "{answer:?}"
        );
    }
    let unread = service
        .post_run(&path, &json!({"keys": [{"id": 1.5}]}))
        .await;
    let detail = unread["error"]["detail"].as_str().expect("a detail");
    assert!(detail.contains("Cannot cast '1.5' to BIGINT"), "{detail}");
}

#[tokio::test]
async fn a_pipeline_may_ask_to_be_verified_after_every_second_run() {
    let pipeline = ITEMS.replace("tables:", "verify: {every_runs: 2}\ntables:");
    let mut service = Service::items().defined(&pipeline).start().await;
    log(&mut service.shop, &[item(1, 1, "I", &json!(1), "a")]).await;
    let mut verified = Vec::new();
    for _ in 0..4 {
        let run = service.run().await;
        let steps = service
            .get(run["links"]["steps"].as_str().expect("a link"))
            .await;
        verified.push(
            steps.body["steps"]
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
    let mut service = Service::items().start().await;
    log(&mut service.shop, &[item(1, 1, "I", &json!(1), "a")]).await;
    service.run().await;
    let empty = service.run().await;
    assert_eq!(empty["counts"]["read"], 0, "{empty:#}");
    log(
        &mut service.shop,
        &[
            item(2, 1, "U", &json!("x"), "b"),
            item(3, 1, "Z", &json!(1), "b"),
        ],
    )
    .await;

    let run = service.run().await;

    assert_eq!(run["counts"]["rejected"], 2, "{run:#}");
    assert_eq!(run["counts"]["published"], 0, "{run:#}");
    let rows = service.query("select name from {marts.items}").await;
    assert_eq!(json!(rows), json!([["a"]]));
}

#[tokio::test]
async fn a_repair_that_is_killed_at_any_moment_ends_in_the_same_tables() {
    // Events of row 6 are from a future that only a replay allows.
    const FUTURE: i64 = 3_471_292_800_000_000; // 2080-01-01
    let patient = ITEMS.replace("max_clock_skew: 1d", "max_clock_skew: 36500d");
    let mut service = Service::items().start().await;
    let table = format!("/v1/tables/{}.items", service.name);
    // The last is a replay, which leaves no reject.
    let rounds = depth::rounds(3).next_multiple_of(3);
    for round in 1..=i64::try_from(rounds).expect("small") {
        let first = round * 10;
        let mut events: Vec<AuditRow> = (1..=5)
            .map(|key| item(first + key, key, "U", &json!(first), "taken"))
            .collect();
        // Older than everything of the round before.
        events.push(item(first - 10, 1, "U", &json!(first - 10), "late"));
        events.push(AuditRow {
            occurred_at: Some(FUTURE + round),
            ..item(first + 6, 6, "U", &json!(first), "from the future")
        });
        log(&mut service.shop, &events).await;
        service.run().await;
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
        let started = service.post(&path, &body).await;
        assert_eq!(started.status, 202, "{started:?}");
        let moment = 100 + 1_620 * round.unsigned_abs() / rounds;
        tokio::time::sleep(std::time::Duration::from_millis(moment)).await;
        service.restart().await;
        let run = service.ended(&started.body).await;
        assert_eq!(run["state"], "succeeded", "round {round}: {run:#}");
        service.define(ITEMS);
        service.restart().await;
        let verified = service.post_items("verify", &json!({})).await;
        assert_eq!(
            verified["state"], "succeeded",
            "round {round}: {verified:#}"
        );
    }

    let counts = service
        .query("select (select count(*) from {staging.items}), (select count(distinct _event_id) from {staging.items}), (select count(*) from {marts.items}), (select count(*) from {marts.items_history}), (select min(amount) from {marts.items})")
        .await;
    let (events, amount) = (rounds * 7, format!("{}.00", rounds * 10));
    assert_eq!(json!(counts), json!([[events, events, 6, events, amount]]));
}
