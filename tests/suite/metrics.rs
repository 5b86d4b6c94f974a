//! What Prometheus reads of a service: counters from the start, gauges as soon as they are known, the same of all services.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::process::{Child, Command};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;

use crate::harness::{Service, insert};

/// Values of the state database are looked up every 5 s.
const LOOKS: u32 = 200;
const PAUSE: Duration = Duration::from_millis(100);

/// One answer of `/metrics`.
struct Scrape {
    text: String,
    series: Vec<Series>,
}

#[derive(Debug, Clone, PartialEq)]
struct Series {
    name: String,
    labels: BTreeMap<String, String>,
    value: f64,
}

impl Series {
    fn read(line: &str) -> Self {
        let (series, value) = line.rsplit_once(' ').expect("a value");
        let (name, labels) = match series.split_once('{') {
            Some((name, labels)) => (name, labels.strip_suffix('}').expect("an end")),
            None => (series, ""),
        };
        let labels = labels.split("\",").filter(|label| !label.is_empty());
        let labels = labels.map(|label| {
            let (name, value) = label.split_once("=\"").expect("a label");
            (name.to_owned(), value.trim_end_matches('"').to_owned())
        });

        Self {
            name: name.to_owned(),
            labels: labels.collect(),
            value: value.parse().expect("a number"),
        }
    }

    fn has(&self, name: &str, labels: &[(&str, &str)]) -> bool {
        let has = |(name, value): &(&str, &str)| {
            self.labels.get(*name).map(String::as_str) == Some(*value)
        };

        self.name == name && labels.iter().all(has)
    }
}

impl Scrape {
    async fn of(port: u16) -> Self {
        let url = format!("http://127.0.0.1:{port}/metrics");
        let answer = reqwest::get(url).await.expect("an answer");
        let kind = answer.headers()["content-type"].clone();
        assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8");
        let text = answer.text().await.expect("a text");
        let lines = text.lines();
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));

        Self {
            series: lines.map(Series::read).collect(),
            text,
        }
    }

    /// Scrapes until a series is there.
    async fn with(port: u16, name: &str) -> Self {
        for _ in 0..LOOKS {
            let scrape = Self::of(port).await;
            if scrape.value(name, &[]).is_some() {
                return scrape;
            }
            tokio::time::sleep(PAUSE).await;
        }
        panic!("`{name}` does not come");
    }

    /// The sum of all series with a name and these labels; `None` without one.
    fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let found = self.series.iter().filter(|series| series.has(name, labels));
        let values: Vec<f64> = found.map(|series| series.value).collect();

        (!values.is_empty()).then(|| values.iter().sum())
    }

    /// The series whose names begin with one of these, in an order.
    fn beginning(&self, prefixes: &[&str]) -> Vec<Series> {
        let is_wanted = |series: &&Series| prefixes.iter().any(|one| series.name.starts_with(one));
        let mut found: Vec<Series> = self.series.iter().filter(is_wanted).cloned().collect();
        found.sort_by_key(|series| (series.name.clone(), series.labels.clone()));

        found
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");

    listener.local_addr().expect("an address").port()
}

/// A service in its own process, and the port of its metrics.
async fn start() -> (Service, u16) {
    let port = free_port();
    let mut service = Service::items().start().await;
    let bind = format!("127.0.0.1:{port}");
    let metrics = [("ICEFRONT__HTTP__METRICS_BIND", bind.as_str())];
    service.restart_as_process(&metrics).await;
    service.ready().await;

    (service, port)
}

/// Another service over the same state. Killed when it is dropped.
struct Replica(Child);

impl Replica {
    fn of(service: &Service, port: u16) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_icefront"))
            .arg("serve")
            .arg("--config")
            .arg(service.folder.path().join("icefront.toml"))
            .env("ICEFRONT__HTTP__BIND", format!("127.0.0.1:{}", free_port()))
            .env("ICEFRONT__HTTP__METRICS_BIND", format!("127.0.0.1:{port}"))
            .stderr(std::process::Stdio::null())
            .spawn();

        Self(child.expect("the program starts"))
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn counters_are_there_from_the_start_and_gauges_as_soon_as_they_are_known() {
    let (service, port) = start().await;
    let scrape = Scrape::with(port, "icefront_runs_queued").await;
    let pipeline = ("pipeline", service.name.as_str());
    let table = format!("{}.items", service.name);

    for (name, labels) in [
        ("icefront_runs_total", &[pipeline, ("state", "failed")][..]),
        (
            "icefront_run_retries_total",
            &[pipeline, ("class", "away")][..],
        ),
        (
            "icefront_row_changes_total",
            &[pipeline, ("table", table.as_str()), ("kind", "deleted")][..],
        ),
        (
            "icefront_staged_events_total",
            &[pipeline, ("outcome", "rejected")][..],
        ),
        ("icefront_poll_faults_total", &[pipeline][..]),
        ("icefront_leases_lost_total", &[pipeline][..]),
        (
            "icefront_steps_total",
            &[("kind", "mart"), ("outcome", "fault")][..],
        ),
        (
            "icefront_calls_refused_total",
            &[("reason", "unauthenticated")][..],
        ),
        ("icefront_runs_queued", &[pipeline][..]),
        ("icefront_runs_active", &[pipeline][..]),
        ("icefront_pipeline_paused", &[pipeline][..]),
        ("icefront_pipelines", &[("state", "broken")][..]),
    ] {
        assert_eq!(scrape.value(name, labels), Some(0.0), "{name} {labels:?}");
    }
    for (name, least) in [
        ("icefront_build_info", 1.0),
        ("icefront_state_up", 1.0),
        ("icefront_runs_queue_limit", 1.0),
        ("icefront_state_size_bytes", 1_000.0),
        ("icefront_state_connections_limit", 3.0),
    ] {
        let value = scrape.value(name, &[]);
        assert!(
            value.is_some_and(|value| value >= least),
            "{name}: {value:?}"
        );
    }
    for absent in [
        "icefront_freshness_covered_until_timestamp_seconds",
        "icefront_freshness_status",
        "icefront_run_last_success_timestamp_seconds",
        "icefront_run_schedule_interval_seconds",
        "icefront_source_blocked",
        "icefront_rejects_open",
    ] {
        assert_eq!(scrape.value(absent, &[]), None, "{absent}");
    }
}

#[tokio::test]
async fn each_metric_has_a_help_and_its_unit_and_none_is_a_summary() {
    let (service, port) = start().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    service.run().await.succeeds();
    let metric = "icefront_freshness_covered_until_timestamp_seconds";
    let text = Scrape::with(port, metric).await.text;
    let mut kinds = BTreeMap::new();
    let mut helps = Vec::new();
    let mut units = BTreeMap::new();
    for line in text.lines() {
        let words: Vec<&str> = line.splitn(4, ' ').collect();
        match words[..] {
            ["#", "TYPE", name, kind] => assert_eq!(kinds.insert(name, kind), None, "{name}"),
            ["#", "HELP", name, _] => helps.push(name),
            ["#", "UNIT", name, unit] => assert_eq!(units.insert(name, unit), None, "{name}"),
            _ => {}
        }
    }

    assert!(kinds.len() > 30, "{kinds:?}");
    for (name, kind) in &kinds {
        assert!(["counter", "gauge", "histogram"].contains(kind), "{name}");
        assert!(helps.contains(name), "{name} has no help");
        for unit in ["seconds", "bytes"] {
            let is_of = name.ends_with(unit);
            assert_eq!(units.get(name) == Some(&unit), is_of, "{name}");
        }
    }
}

#[tokio::test]
async fn a_run_is_counted_and_its_id_is_in_no_label() {
    let (service, port) = start().await;
    let events = [insert(1, 1, 1, "a"), insert(2, 2, 1, "secret_value")];
    service.log(&events).await;
    let run = service.run().await.succeeds();
    let success = "icefront_run_last_success_timestamp_seconds";
    let scrape = Scrape::with(port, success).await;
    let pipeline = ("pipeline", service.name.as_str());
    let table = format!("{}.items", service.name);

    for (name, labels, expected) in [
        (
            "icefront_runs_total",
            &[pipeline, ("state", "succeeded")][..],
            1.0,
        ),
        ("icefront_run_duration_seconds_count", &[pipeline][..], 1.0),
        (
            "icefront_row_changes_total",
            &[pipeline, ("table", table.as_str()), ("kind", "inserted")][..],
            2.0,
        ),
        (
            "icefront_staged_events_total",
            &[pipeline, ("outcome", "staged")][..],
            2.0,
        ),
        (
            "icefront_steps_total",
            &[("kind", "extract"), ("outcome", "succeeded")][..],
            1.0,
        ),
        (
            "icefront_steps_total",
            &[("kind", "mart"), ("outcome", "succeeded")][..],
            2.0,
        ),
        (
            "icefront_rejects_open",
            &[("table", table.as_str())][..],
            0.0,
        ),
        (
            "icefront_freshness_status",
            &[("kind", "table"), ("name", table.as_str())][..],
            0.0,
        ),
        (
            "icefront_http_requests_total",
            &[
                ("method", "POST"),
                ("route", "/v1/pipelines/{pipeline}/runs"),
                ("status", "2xx"),
            ][..],
            1.0,
        ),
    ] {
        assert_eq!(
            scrape.value(name, labels),
            Some(expected),
            "{name} {labels:?}"
        );
    }
    for name in ["icefront_statements_total", "icefront_leases_taken_total"] {
        let count = scrape.value(name, &[]);
        assert!(count.is_some_and(|count| count >= 1.0), "{name}: {count:?}");
    }
    // Other tests may have transactions open.
    assert!(scrape.value("icefront_source_blocked", &[]).is_some());
    let covered = scrape.value("icefront_freshness_covered_until_timestamp_seconds", &[]);
    let told = service.freshness("items").await["covered_until"].clone();
    let told: Timestamp = told.as_str().expect("a time").parse().expect("a time");
    let apart = covered.expect("a time") - told.as_duration().as_secs_f64();
    assert!(apart.abs() < 0.001, "{apart} s apart");
    let id = run["id"].as_str().expect("an id");
    for secret in [id, "secret_value", "select ", "insert into"] {
        assert!(!scrape.text.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn two_services_tell_the_same_of_what_they_share() {
    let (service, port) = start().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    service.run().await.succeeds();
    let other_port = free_port();
    let _replica = Replica::of(&service, other_port);
    for _ in 0..LOOKS {
        if tokio::net::TcpStream::connect(("127.0.0.1", other_port))
            .await
            .is_ok()
        {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    let shared = [
        "icefront_freshness_",
        "icefront_runs_active",
        "icefront_runs_queued",
        "icefront_run_last_success",
        "icefront_pipeline_paused",
        "icefront_rejects_open",
        "icefront_source_",
    ];
    let success = "icefront_run_last_success_timestamp_seconds";
    let one = Scrape::with(port, success).await.beginning(&shared);
    let other = Scrape::with(other_port, success).await;

    assert!(one.len() >= 7, "{one:#?}");
    assert_eq!(one, other.beginning(&shared));
    // What each did by itself is not shared.
    let ended = other.value("icefront_runs_total", &[("state", "succeeded")]);
    assert_eq!(ended, Some(0.0));
}

#[tokio::test]
async fn strangers_make_no_series() {
    let (service, port) = start().await;
    for number in 0..20 {
        for path in [
            format!("/v1/pipelines/p{number}"),
            format!("/nowhere/{number}"),
        ] {
            service.get(&path).await.has_status(404);
        }
        let method = Method::from_bytes(format!("ODD{number}").as_bytes()).expect("a method");
        let asked = service.request(method, "/livez").send().await;
        asked.expect("an answer");
    }

    let scrape = Scrape::of(port).await;
    let calls = scrape.beginning(&["icefront_http_requests_total"]);
    let of = |labels: &[(&str, &str)]| scrape.value("icefront_http_requests_total", labels);
    assert!(calls.len() < 10, "{calls:#?}");
    assert_eq!(
        of(&[("route", "/v1/pipelines/{pipeline}"), ("status", "4xx")]),
        Some(20.0)
    );
    assert_eq!(of(&[("route", "unknown"), ("status", "4xx")]), Some(20.0));
    assert_eq!(of(&[("method", "other")]), Some(20.0));
}
