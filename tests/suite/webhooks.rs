//! Receivers are told what happened: at least once, signed, and never in the way of a run.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::{Duration, Instant};

use icefront::config::Config;
use icefront::state::{SeenFreshness, Store, Subscriptions};
use insta::assert_json_snapshot;
use serde_json::{Value, json};

use crate::harness::{Answers, ITEMS, Received, Receiver, Service, insert, shown};
use crate::suite::client::told;

const SECRET: &str = "whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0IQ==";

impl Service {
    /// Begins a service over items that tells a receiver of `events`.
    async fn telling(receiver: &Receiver, events: &str) -> Self {
        let settings = receiver.settings(events);

        Self::items().settings(&settings).start().await
    }

    /// The deliveries of the webhook `ops`, the newest first.
    async fn deliveries(&self) -> Vec<Value> {
        let answer = self.get("/v1/webhooks/ops/deliveries").await;

        answer.has_status(200).body["data"]
            .as_array()
            .expect("a list")
            .clone()
    }

    /// Waits until the newest delivery is in a state, and gives it.
    async fn has_delivery(&self, state: &str) -> Value {
        self.has_delivery_with("state", state).await
    }

    async fn has_delivery_with(&self, member: &str, value: &str) -> Value {
        let begun = Instant::now();
        loop {
            let deliveries = self.deliveries().await;
            if let Some(delivery) = deliveries.first()
                && delivery[member] == value
            {
                return delivery.clone();
            }
            assert!(begun.elapsed() < Duration::from_mins(1), "{deliveries:#?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn test_webhook(&self) -> Value {
        let tested = self.post("/v1/webhooks/ops/test", &json!({})).await;

        tested.has_status(200).body
    }
}

/// Lets every run fail at once.
async fn break_source(service: &Service) {
    service.write("drop table audit_log_dml").await;
}

/// The function of the guide, called with a message.
fn verify(received: &Received, secret: &str) -> String {
    let guide = include_str!("../../docs/guides/webhooks.md");
    let (_, code) = guide.split_once("```python\n").expect("a block");
    let (code, _) = code.split_once("```").expect("its end");
    let headers: Value = ["webhook-id", "webhook-timestamp", "webhook-signature"]
        .iter()
        .map(|name| ((*name).to_owned(), json!(received.header(name))))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let call = format!(
        "{code}\nimport json, sys\nverify(sys.argv[1], json.loads(sys.argv[2]), sys.argv[3].encode())\nprint('right')"
    );
    let output = Command::new("python3")
        .args(["-c", &call, secret, &headers.to_string(), &received.text])
        .output()
        .expect("python3");

    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[tokio::test]
async fn a_failed_run_is_told_with_a_signature_that_the_guide_verifies() {
    let receiver = Receiver::start().await;
    let settings = format!("{}\nsecret = '{SECRET}'", receiver.settings("'run.failed'"));
    let service = Service::items().settings(&settings).start().await;
    break_source(&service).await;
    let run = service.run().await.fails();

    let message = receiver.receives(1).await.remove(0);

    assert_eq!(verify(&message, SECRET), "right\n");
    let other = "whsec_b3RoZXItb3RoZXItb3RoZXItb3RoZXItb3RoZXI=";
    assert!(verify(&message, other).contains("the signature is wrong"));
    assert_eq!(message.path, "/hush");
    assert_eq!(message.header("content-type"), "application/json");
    let body = message.body();
    assert_eq!(body["data"]["run_id"], run["id"]);
    assert_eq!(body["data"]["error"], run["error"]);
    for time in ["created_at", "started_at", "finished_at"] {
        let time = body["data"][time].as_str().expect("a time");
        assert_eq!(time.len(), "2026-01-01T12:00:00.000000Z".len(), "{time}");
    }
    let mut told = body;
    told["data"]["duration_seconds"] = json!("<number>");
    told["data"]["error"] = json!("<problem>");
    assert_json_snapshot!(shown(&told), @r#"
    {
      "type": "run.failed",
      "timestamp": "<time>",
      "data": {
        "run_id": "<id>",
        "pipeline": "test",
        "kind": "build",
        "trigger": "api",
        "labels": {},
        "state": "failed",
        "attempt": 1,
        "created_at": "<time>",
        "started_at": "<time>",
        "finished_at": "<time>",
        "duration_seconds": "<number>",
        "counts": {},
        "error": "<problem>"
      }
    }
    "#);
}

#[tokio::test]
async fn a_receiver_that_fails_gets_the_same_message_again_after_growing_pauses() {
    let receiver = Receiver::start().await;
    receiver.answers([Answers::Status(500), Answers::Status(404)]);
    let service = Service::telling(&receiver, "'run.succeeded'").await;
    service.run().await.succeeds();

    let messages = receiver.receives(3).await;

    let ids: BTreeSet<&str> = messages
        .iter()
        .map(|one| one.header("webhook-id"))
        .collect();
    assert_eq!(ids.len(), 1, "{messages:#?}");
    let pauses: Vec<Duration> = messages
        .windows(2)
        .map(|two| two[1].at - two[0].at)
        .collect();
    assert!(pauses[0] > Duration::from_millis(700), "{pauses:?}");
    assert!(pauses[0] < Duration::from_secs(4), "{pauses:?}");
    assert!(pauses[1] > Duration::from_millis(3_900), "{pauses:?}");
    let mut delivery = service.has_delivery("delivered").await;
    assert_eq!(delivery["message_id"], messages[0].header("webhook-id"));
    delivery["duration_seconds"] = json!("<number>");
    assert_json_snapshot!(shown(&delivery), @r#"
    {
      "id": "1",
      "webhook": "ops",
      "message_id": "<id>",
      "event": "run.succeeded",
      "state": "delivered",
      "created_at": "<time>",
      "tries": 3,
      "tried_at": "<time>",
      "next_try_at": null,
      "http_status": 200,
      "duration_seconds": "<number>",
      "reason": null,
      "detail": null,
      "delivered_at": "<time>",
      "given_up_at": null
    }
    "#);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(receiver.received().len(), 3, "it is told no more");
}

#[tokio::test]
async fn a_slow_receiver_holds_up_neither_runs_nor_other_webhooks() {
    let (slow, fast) = (Receiver::start().await, Receiver::start().await);
    slow.answers((0..9).map(|_| Answers::After(Duration::from_secs(40))));
    let settings = format!(
        "{}\n{}",
        slow.settings("'run.succeeded'"),
        fast.settings("'run.succeeded'").replace("ops", "fast")
    );
    let service = Service::items().settings(&settings).start().await;

    let begun = Instant::now();
    service.run().await.succeeds();
    service.run().await.succeeds();
    fast.receives(2).await;

    assert_eq!(service.deliveries().await.len(), 2);
    let late = service.has_delivery_with("reason", "timeout").await;
    assert!(begun.elapsed() > Duration::from_secs(9), "{late:#}");
    assert_eq!(late["http_status"], json!(null), "{late:#}");
    assert_eq!(
        late["detail"], "the receiver did not answer within 10 s",
        "{late:#}"
    );
}

#[tokio::test]
async fn a_receiver_that_is_gone_is_told_no_more() {
    let receiver = Receiver::start().await;
    receiver.answers([Answers::Status(410)]);
    let service = Service::telling(&receiver, "'run.succeeded'").await;
    service.run().await.succeeds();

    let failed = service.has_delivery("failed").await;

    assert_eq!(failed["tries"], 1, "{failed:#}");
    assert_eq!(failed["http_status"], 410, "{failed:#}");
    assert!(failed["given_up_at"].is_string(), "{failed:#}");
    assert!(failed["next_try_at"].is_null(), "{failed:#}");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (receiver, other) = (Receiver::start().await, Receiver::start().await);
    let address = format!("http://{}/metadata", other.address);
    receiver.answers((0..9).map(|_| Answers::Redirect(address.clone())));
    let service = Service::telling(&receiver, "'run.succeeded'").await;

    let tested = service.test_webhook().await;

    assert_eq!(tested["delivered"], false, "{tested:#}");
    assert_eq!(tested["http_status"], 307, "{tested:#}");
    assert_eq!(tested["reason"], "redirect", "{tested:#}");
    service.run().await.succeeds();
    service.has_delivery_with("reason", "redirect").await;
    assert!(other.received().is_empty());
}

#[tokio::test]
async fn a_private_address_is_refused_unless_it_is_listed_however_it_is_written() {
    let receiver = Receiver::start().await;
    let port = receiver.address.port();
    let mut service = Service::items().start().await;
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f.1"] {
        let settings = format!(
            "[webhooks.ops]\nurl = 'http://{host}:{port}/hush'\nevents = ['run.failed']\nprivate_networks = ['10.0.0.0/8']"
        );
        service.configure(&settings);
        service.restart().await;
        let tested = service.test_webhook().await;
        assert_eq!(tested["reason"], "private_address", "{host}: {tested:#}");
        assert!(receiver.received().is_empty(), "{host}");
    }
    for (format, expected) in [
        ("json", json!("webhook.test")),
        ("slack", json!("Test message from Icefront to webhook ops")),
    ] {
        let settings = format!(
            "[webhooks.ops]\nurl = 'http://localhost:{port}/hush'\nevents = ['run.failed']\nprivate_networks = ['127.0.0.0/8', '::1']\nformat = '{format}'"
        );
        service.configure(&settings);
        service.restart().await;
        let tested = service.test_webhook().await;
        assert_eq!(tested["delivered"], true, "{tested:#}");
        let body = receiver.received().last().expect("a message").body();
        let told = if format == "json" {
            &body["type"]
        } else {
            &body["text"]
        };
        assert_eq!(told, &expected, "{body:#}");
    }
    assert!(
        service.deliveries().await.is_empty(),
        "a test is not recorded"
    );
}

#[tokio::test]
async fn a_message_survives_a_kill_in_the_middle_of_its_delivery() {
    let receiver = Receiver::start().await;
    receiver.answers([Answers::After(Duration::from_secs(40))]);
    let mut service = Service::telling(&receiver, "'run.succeeded'").await;
    service.run().await.succeeds();
    receiver.receives(1).await;

    service.end().await;
    service.restart().await;

    let messages = receiver.receives(2).await;
    let ids: BTreeSet<&str> = messages
        .iter()
        .map(|one| one.header("webhook-id"))
        .collect();
    assert_eq!(ids.len(), 1, "{messages:#?}");
    let delivery = service.has_delivery("delivered").await;
    assert_eq!(delivery["tries"], 2, "{delivery:#}");
    assert_eq!(service.deliveries().await.len(), 1);
}

#[tokio::test]
async fn several_services_send_each_message_once_and_its_list_has_pages() {
    let receiver = Receiver::start().await;
    let mut service = Service::telling(&receiver, "'run.succeeded'").await;
    service.add_replica();
    service.add_replica();
    for _ in 0..5 {
        service.run().await.succeeds();
    }

    let messages = receiver.receives(5).await;
    tokio::time::sleep(Duration::from_secs(3)).await;

    assert_eq!(receiver.received().len(), 5);
    let ids: BTreeSet<&str> = messages
        .iter()
        .map(|one| one.header("webhook-id"))
        .collect();
    assert_eq!(ids.len(), 5, "{messages:#?}");
    let path = "/v1/webhooks/ops/deliveries?state=delivered,failed&limit=2";
    let (mut pages, mut after) = (Vec::new(), String::new());
    loop {
        let page = service.get(&format!("{path}{after}")).await.has_status(200);
        pages.extend(page.body["data"].as_array().expect("a list").clone());
        let Some(next) = page.body["next"].as_str() else {
            break;
        };
        after = format!("&after={next}");
    }
    assert_eq!(pages, service.deliveries().await);
    let foreign = format!("/v1/webhooks/ops/deliveries?limit=2{after}");
    service
        .get(&foreign)
        .await
        .is_problem(422, "invalid-request")
        .about("after");
    service
        .get("/v1/webhooks/ops/deliveries?state=delivred")
        .await
        .is_problem(422, "invalid-request")
        .about("state")
        .saying("did you mean `delivered`?");
    service
        .get("/v1/webhooks/opps/deliveries")
        .await
        .is_problem(404, "not-found")
        .saying("did you mean `ops`?");
    let waiting = service
        .get("/v1/webhooks/ops/deliveries?state=waiting")
        .await;
    assert_eq!(waiting.body, json!({"data": [], "next": null}));
}

#[tokio::test]
async fn a_table_that_becomes_too_old_is_told_once_and_its_recovery_too() {
    let receiver = Receiver::start().await;
    let pipeline = ITEMS.replace("key: [id]", "key: [id], freshness: {error_after: 1h}");
    let settings = receiver.settings("'freshness.error', 'freshness.recovered'");
    let mut service = Service::items()
        .defined(&pipeline)
        .settings(&settings)
        .start()
        .await;
    service.add_replica();
    service.log(&[insert(1, 1, 1, "a")]).await;
    service.run().await.succeeds();
    // Let a look see that all is well.
    tokio::time::sleep(Duration::from_secs(11)).await;
    let state = service.connect_to_state().await;
    let earlier = "update icefront.batches set covered_until = covered_until - interval '2 hours';
        update icefront.cursors set covered_until = covered_until - interval '2 hours'";
    state.batch_execute(earlier).await.expect("earlier");

    receiver.receives(1).await;
    // Another look changes nothing.
    tokio::time::sleep(Duration::from_secs(11)).await;
    service.log(&[insert(2, 2, 2, "a")]).await;
    service.run().await.succeeds();
    let messages = receiver.receives(2).await;

    let told: Vec<(Value, Value)> = messages
        .iter()
        .map(|one| {
            let body = one.body();
            (body["type"].clone(), body["data"]["status"].clone())
        })
        .collect();
    assert_eq!(
        told,
        [
            (json!("freshness.error"), json!("error")),
            (json!("freshness.recovered"), json!("pass"))
        ]
    );
    let data = &messages[0].body()["data"];
    assert_eq!(data["table"], format!("{}.items", service.name), "{data:#}");
    assert_eq!(data["model"], json!(null), "{data:#}");
    assert!(data["lag_seconds"].as_f64() > Some(7_000.0), "{data:#}");
}

#[tokio::test]
async fn a_look_that_began_earlier_does_not_undo_a_later_one() {
    let receiver = Receiver::start().await;
    let events = "'freshness.error', 'freshness.recovered'";
    let service = Service::telling(&receiver, events).await;
    let settings = service.folder.path().join("icefront.toml");
    let config = Config::load(Some(&settings)).expect("settings");
    let store = Store::new(&config.state).expect("a store");
    let subscriptions = Subscriptions::of(&config);
    let name = format!("{}.other", service.name);
    let now = store.now().await.expect("a time");
    // The second look of a pair is that of a service that began earlier, and was slow.
    for (seconds, status) in [
        (10, "pass"),
        (20, "error"),
        (15, "pass"),
        (40, "pass"),
        (30, "error"),
    ] {
        let seen = SeenFreshness {
            pipeline: &service.name,
            name: &name,
            status,
            at: now + Duration::from_secs(seconds),
            data: json!({"table": name}),
        };
        let noted = store.note_freshness(seen, &subscriptions).await;
        noted.expect("noted");
    }

    let deliveries = service.deliveries().await;
    let events: Vec<&Value> = deliveries.iter().map(|one| &one["event"]).collect();
    assert_eq!(events, ["freshness.recovered", "freshness.error"]);
}

#[tokio::test]
async fn messages_are_given_up_when_the_last_webhook_is_removed() {
    let receiver = Receiver::start().await;
    let mut service = Service::telling(&receiver, "'run.succeeded'").await;
    let state = service.connect_to_state().await;
    let queue = "insert into icefront.deliveries (receiver, message_id, event, body, created_at, next_try_at)
        select receiver, gen_random_uuid(), 'run.failed', '{}', clock_timestamp() - age, clock_timestamp() + interval '1 hour'
        from unnest(array['webhooks.ops', 'lineage']) as receiver, unnest(array[interval '25 hours', interval '1 hour']) as age";
    state.batch_execute(queue).await.expect("queued");

    service.configure("");
    service.restart().await;

    // Another service that is not restarted yet may still know the receivers of younger ones.
    let told = "select receiver || ' ' || coalesce(reason, state) as told from icefront.deliveries order by 1";
    let begun = Instant::now();
    loop {
        let rows = state.query(told, &[]).await.expect("rows");
        let told: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let expected = [
            // Ended ones of lineage are kept for an hour only.
            "lineage waiting",
            "webhooks.ops waiting",
            "webhooks.ops webhook_removed",
        ];
        if told == expected {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{told:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_check_of_the_settings_finds_receivers_that_cannot_be_told() {
    let service = Service::items().start().await;
    let check = async |settings: &str| {
        service.configure(settings);
        let mut command = Command::new(env!("CARGO_BIN_EXE_icefront"));
        let file = service.folder.path().join("icefront.toml");
        command.args(["check", "--config"]).arg(file);
        told(command).await
    };
    let events = "events = ['run.failed']";

    for (settings, expected) in [
        (
            format!("[webhooks.ops]\n{events}\nurl = 'hooks.example/hush'"),
            "webhook `ops` is broken:\n  error: `webhooks.ops.url` is not an address",
        ),
        (
            format!("[webhooks.ops]\n{events}\nurl = 'http://10.1.2.3/hush'"),
            "list its network in `private_networks`",
        ),
        (
            format!("[webhooks.ops]\n{events}\nurl = 'http://localhost/hush'"),
            "list its network in `private_networks`",
        ),
        (
            format!("[webhooks.ops]\n{events}\nurl_file = '/nowhere'"),
            "`webhooks.ops.url_file` names `/nowhere`, which cannot be read",
        ),
        (
            "[lineage]\nurl = 'marquez/hush'".to_owned(),
            "lineage server is broken:\n  error: `lineage.url` is not an address",
        ),
        (
            "[lineage]\nurl = 'http://marquez:5000'\napi_key_file = '/nowhere'".to_owned(),
            "`lineage.api_key_file` names `/nowhere`, which cannot be read",
        ),
    ] {
        let found = check(&settings).await.ends(1);
        assert!(found.out.contains(expected), "{found:#?}");
        assert!(!found.out.contains("hush"), "{found:#?}");
    }
    let right = format!(
        "[webhooks.ops]\n{events}\nurl = 'http://10.1.2.3/hush'\nprivate_networks = ['10.0.0.0/8']\n[lineage]\nurl = 'http://marquez:5000'"
    );
    let found = check(&right).await.ends(0);
    assert!(
        found
            .out
            .ends_with("webhook `ops` is right\nlineage server is right\n"),
        "{found:#?}"
    );
}

#[tokio::test]
async fn rejects_drift_and_failed_models_are_told_to_those_who_want_them() {
    let (receiver, other) = (Receiver::start().await, Receiver::start().await);
    let settings = format!(
        "{}\n{}\ntables = ['PIPELINE.other']",
        receiver.settings("'rejects.appeared', 'drift.found', 'model.failed'"),
        other
            .settings("'rejects.appeared', 'drift.found'")
            .replace("ops", "other")
    );
    let mut service = Service::items().settings(&settings).start().await;
    service.write_model(
        "numbers.sql",
        "{{ config(materialized='table') }} select id, cast(name as integer) as number from {{ ref('items') }}",
    );
    service.restart().await;
    service.log(&[insert(1, 1, 1, "1")]).await;
    service.run().await.succeeds();
    assert!(service.deliveries().await.is_empty());

    service
        .write("alter table items add column weight integer")
        .await;
    service
        .log(&[insert(2, 2, 2, "two"), insert(3, 3, "much", "3")])
        .await;
    let run = service.run().await.fails();

    let mut told: Vec<Value> = Vec::new();
    for message in receiver.receives(3).await {
        let body = message.body();
        assert_eq!(body["data"]["run_id"], run["id"]);
        told.push(body);
    }
    told.sort_by_key(|body| body["type"].as_str().map(str::to_owned));
    let model = &mut told[1];
    assert!(model["data"]["error"]["detail"].is_string(), "{model:#}");
    model["data"]["error"] = json!("<problem>");
    assert_json_snapshot!(shown(&json!(told)), @r#"
    [
      {
        "type": "drift.found",
        "timestamp": "<time>",
        "data": {
          "run_id": "<id>",
          "pipeline": "test",
          "table": "test.items",
          "drift": [
            {
              "change": "added",
              "column": "weight",
              "detail": "the source has it as integer; it is null in older rows, until `POST /v1/tables/test.items/restage` fills it"
            }
          ]
        }
      },
      {
        "type": "model.failed",
        "timestamp": "<time>",
        "data": {
          "run_id": "<id>",
          "pipeline": "test",
          "model": "test.numbers",
          "error": "<problem>"
        }
      },
      {
        "type": "rejects.appeared",
        "timestamp": "<time>",
        "data": {
          "run_id": "<id>",
          "pipeline": "test",
          "table": "test.items",
          "rejected": 1,
          "rejects": 1
        }
      }
    ]
    "#);
    service.has_delivery("delivered").await;
    assert!(
        other.received().is_empty(),
        "its filter names another table"
    );
}

#[tokio::test]
async fn too_many_waiting_messages_are_given_up_and_say_so() {
    let receiver = Receiver::start().await;
    let service = Service::telling(&receiver, "'run.succeeded'").await;
    let state = service.connect_to_state().await;
    let fill = "insert into icefront.deliveries (receiver, message_id, event, body, next_try_at)
        select 'webhooks.ops', gen_random_uuid(), 'run.failed', '{}', clock_timestamp() + interval '1 hour' from generate_series(1, 1000)";
    state.batch_execute(fill).await.expect("filled");

    service.run().await.succeeds();

    let given_up = service.has_delivery("failed").await;
    assert_eq!(given_up["reason"], "too_many_waiting", "{given_up:#}");
    assert_eq!(given_up["tries"], 0, "{given_up:#}");
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn a_run_ends_although_its_messages_cannot_be_queued() {
    let receiver = Receiver::start().await;
    let service = Service::telling(&receiver, "'run.succeeded'").await;
    let state = service.connect_to_state().await;
    let refuse = "alter table icefront.deliveries add check (receiver <> 'webhooks.ops')";
    state.batch_execute(refuse).await.expect("altered");

    service.run().await.succeeds();

    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn secrets_are_in_no_answer_and_no_line_of_the_log() {
    let receiver = Receiver::start().await;
    receiver.answers([Answers::Status(500)]);
    let mut service = Service::items().start().await;
    let file = service.folder.path().join("url");
    std::fs::write(&file, format!("http://{}/hush\n", receiver.address)).expect("a file");
    let settings = format!(
        "[webhooks.ops]\nurl_file = '{}'\nsecret = '{SECRET}'\nevents = ['run.succeeded']\nprivate_networks = ['127.0.0.1']
        [webhooks.away]\nurl = 'http://127.0.0.1:1/hush'\nevents = ['run.succeeded']\nprivate_networks = ['127.0.0.1']
        [webhooks.pages]\nformat = 'pagerduty'\nurl = 'http://nowhere.invalid/hush'\nrouting_key = 'hushkey'\nevents = ['run.succeeded']",
        file.display()
    );
    service.configure(&settings);
    service
        .restart_as_process(&[("ICEFRONT__LOG__FILTER", "debug")])
        .await;
    service.run().await.succeeds();
    receiver.receives(2).await;

    let mut seen = String::new();
    for path in [
        "/v1/webhooks",
        "/v1/webhooks/ops/deliveries",
        "/v1/webhooks/away/deliveries",
        "/v1/webhooks/pages/deliveries",
    ] {
        seen += &service.get(path).await.has_status(200).body.to_string();
    }
    for (webhook, reason) in [("away", "connection"), ("pages", "unknown_host")] {
        let path = format!("/v1/webhooks/{webhook}/test");
        let tested = service.post(&path, &json!({})).await.has_status(200).body;
        assert_eq!(tested["reason"], reason, "{tested:#}");
        seen += &tested.to_string();
    }
    seen += &service.program_log();

    assert!(seen.contains("message_id"), "{seen}");
    for secret in ["hush", &SECRET[6..]] {
        let at = seen.find(secret);
        assert!(
            at.is_none(),
            "{secret}: {}",
            &seen[at.unwrap_or(0).saturating_sub(200)..]
        );
    }
    let mut webhooks = service
        .get("/v1/webhooks?limit=2")
        .await
        .has_status(200)
        .body;
    let next = webhooks["next"].take();
    let next = next.as_str().expect("a cursor");
    webhooks["next"] = json!("<cursor>");
    assert_json_snapshot!(webhooks, @r#"
    {
      "data": [
        {
          "name": "away",
          "events": [
            "run.succeeded"
          ],
          "pipelines": [],
          "tables": [],
          "format": "json",
          "signed": false
        },
        {
          "name": "ops",
          "events": [
            "run.succeeded"
          ],
          "pipelines": [],
          "tables": [],
          "format": "json",
          "signed": true
        }
      ],
      "next": "<cursor>"
    }
    "#);
    let rest = service.get(&format!("/v1/webhooks?after={next}")).await;
    assert_eq!(rest.body["data"][0]["name"], "pages", "{rest:?}");
    assert_eq!(rest.body["next"], json!(null), "{rest:?}");
}

#[test]
fn a_webhook_that_cannot_work_stops_the_start_with_what_to_do() {
    let cases = [
        ("events = []", "has no `events`"),
        ("events = ['run.faild']", "did you mean `run.failed`?"),
        (
            "events = ['run.failed']\nformat = 'slak'",
            "did you mean `slack`?",
        ),
        (
            "events = ['run.failed']\ntables = ['shop.orders']",
            "`run.failed` is about a whole pipeline; use `pipelines`",
        ),
        (
            "events = ['run.failed']\nrouting_key = 'hush'",
            "needs both `format = \"pagerduty\"` and `routing_key`",
        ),
        (
            "events = ['run.failed']\nurl = 'hooks.example/hush'",
            "`webhooks.ops.url` is not an address",
        ),
        ("events = ['run.failed']", "set `webhooks.ops.url_file`"),
        (
            "events = ['run.failed']\nurl_file = '/nowhere'",
            "`webhooks.ops.url_file` names `/nowhere`",
        ),
        (
            "events = ['run.failed']\nurl = 'https://hooks.example'\nsecret = 'hush'",
            "`whsec_` and the base64",
        ),
        (
            "events = ['run.failed']\nurl = 'https://hooks.example'\nprivate_networks = ['10.0.0.0/64']",
            "write one such as `10.2.0.0/16`",
        ),
    ];
    for (webhook, expected) in cases {
        let file = tempfile::NamedTempFile::with_suffix(".toml").expect("a file");
        let settings = format!(
            "state.url = ''\nlanding = {{ write_to = '', read_from = '' }}\ntrino = {{ url = '', catalog = '' }}\n[webhooks.ops]\n{webhook}"
        );
        std::fs::write(file.path(), settings).expect("settings");

        let fault = Config::load(Some(file.path()))
            .and_then(|config| config.webhooks["ops"].receiver("ops").map(drop))
            .expect_err(webhook)
            .to_string();

        assert!(fault.contains(expected), "{webhook}: {fault}");
        assert!(!fault.contains("hush"), "{webhook}: {fault}");
    }
}
