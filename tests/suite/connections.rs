//! Callers who open many connections, send or read slowly, or follow too much at once take nothing from others.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::Command;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use futures::future::join_all;
use icefront::config::Tls;
use icefront::http::{Certificate, Places, serve};
use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::harness::{Authority, KeyFile, Service, held_back, hold, insert};

/// Another address of this machine than that of the tests.
const ATTACKER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

async fn connect(service: &Service) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_reuseaddr(true).expect("an option");
    // So that the other side cannot send far ahead.
    socket.set_recv_buffer_size(4096).expect("an option");
    let own = SocketAddr::new(IpAddr::V4(ATTACKER), 0);
    socket.bind(own).expect("an address");

    socket.connect(service.address).await.expect("a connection")
}

/// Whether the service has closed a connection.
async fn is_closed(stream: &mut TcpStream) -> bool {
    let mut room = [0; 16];
    let read = tokio::time::timeout(Duration::from_millis(10), stream.read(&mut room)).await;

    matches!(read, Ok(Ok(0) | Err(_)))
}

async fn closed(streams: &mut [TcpStream]) -> usize {
    let mut closed = 0;
    for stream in streams {
        closed += usize::from(is_closed(stream).await);
    }

    closed
}

#[tokio::test]
async fn a_thousand_connections_that_send_slowly_stop_neither_calls_nor_runs() {
    let service = Service::items().start().await;
    let mut streams = Vec::new();
    for _ in 0..1_000 {
        let mut stream = connect(&service).await;
        let begun = stream
            .write_all(b"GET /v1/runs HTTP/1.1\r\nhost: localhost\r\nx-a: ")
            .await;
        begun.expect("sent");
        streams.push(stream);
    }

    // An address has half of the places.
    assert!(closed(&mut streams).await >= 488);
    let begun = Instant::now();
    service.get("/livez").await.has_status(200);
    service.get("/v1/runs").await.has_status(200);
    assert!(begun.elapsed() < Duration::from_secs(5), "{begun:?}");
    service.run().await.succeeds();

    // Headers that trickle do not keep a connection open.
    for _ in 0..12 {
        for stream in &mut streams {
            let _ = stream.write_all(b"a").await;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(closed(&mut streams).await, streams.len());
}

#[tokio::test]
async fn large_answers_that_nobody_reads_take_a_bounded_memory() {
    let service = Service::items().start().await;
    let long = "a".repeat(960_000);
    let events: Vec<_> = (1..=7).map(|id| insert(id, id, 1, &long)).collect();
    service.log(&events).await;
    service.run().await.succeeds();
    let rows = format!("{}/rows?limit=7", service.table_path("items"));
    let asked = format!("GET {rows} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    let ask = async || {
        let mut stream = connect(&service).await;
        stream.write_all(asked.as_bytes()).await.expect("sent");
        let mut begin = [0; 12];
        stream.read_exact(&mut begin).await.expect("an answer");
        let is_answered = &begin == b"HTTP/1.1 200";
        assert!(is_answered || &begin == b"HTTP/1.1 503", "{begin:?}");

        (stream, is_answered)
    };
    let mut asked: Vec<(TcpStream, bool)> = Vec::new();
    let mut part = vec![0; 50_000];
    // Calls side by side may all begin before one of them counts, so the last ones come one after the other.
    for at_once in [6, 6, 6, 1, 1, 1, 1, 1] {
        // A caller that reads nothing for 30 s is cut off.
        for (stream, _) in asked.iter_mut().filter(|(_, is_answered)| *is_answered) {
            stream.read_exact(&mut part).await.expect("a part");
        }
        asked.extend(join_all((0..at_once).map(|_| ask())).await);
    }

    // 128 MiB may be under way to one address; an answer has 6.7 MB.
    let answered = asked.iter().filter(|(_, is_answered)| *is_answered).count();
    assert!((18..22).contains(&answered), "{answered}");
    service.get("/v1/runs").await.has_status(200);
    drop(asked);
    tokio::time::sleep(Duration::from_secs(1)).await;
    service.get(&rows).await.has_status(200);
}

#[tokio::test]
async fn a_slow_sender_holds_no_turn_to_ask_trino() {
    let service = Service::items().start().await;
    service.log(&[insert(1, 1, 1, "a")]).await;
    service.run().await.succeeds();
    let begun = format!(
        "POST /v1/pipelines/{}/validate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{{",
        service.name
    );
    let mut streams = Vec::new();
    for _ in 0..20 {
        let mut stream = connect(&service).await;
        stream.write_all(begun.as_bytes()).await.expect("sent");
        streams.push(stream);
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let rows = format!("{}/rows", service.table_path("items"));

    service.get(&rows).await.has_status(200);

    assert_eq!(closed(&mut streams).await, 0);
}

#[tokio::test]
async fn a_caller_follows_at_most_a_hundred_runs_at_once() {
    let mut keys = KeyFile::new();
    let service = Service::items().settings(&keys.settings()).start().await;
    let runner = keys.add("runner", &["runner:*"], &[]);
    let other = keys.add("other", &["viewer:*"], &[]);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let blocker = hold(&service).await;
    let start = service
        .request(Method::POST, &service.runs_path())
        .bearer_auth(&runner)
        .json(&json!({}));
    let run = service
        .call(start)
        .await
        .has_status(202)
        .run_id()
        .to_owned();
    held_back(&blocker).await;
    let events = format!("/v1/runs/{run}/events");
    let follow = |key: &str| {
        service
            .request(Method::GET, &events)
            .bearer_auth(key)
            .send()
    };
    let mut followed = Vec::new();
    for _ in 0..100 {
        followed.push(follow(&runner).await.expect("an answer"));
    }
    assert!(followed.iter().all(|answer| answer.status() == 200));
    assert_eq!(follow(&runner).await.expect("an answer").status(), 429);
    assert_eq!(follow(&other).await.expect("an answer").status(), 200);

    // Who goes away makes room; and all who follow are told the end.
    followed.pop();
    tokio::time::sleep(Duration::from_millis(500)).await;
    followed.push(follow(&runner).await.expect("an answer"));
    drop(blocker);
    for answer in followed {
        let told = answer.text().await.expect("events");
        assert!(told.contains("\"state\":\"succeeded\""), "{told}");
    }
}

/// The answer to `GET /`, as `curl` sees it: its version of HTTP, and the name of the certificate's owner.
fn seen(address: SocketAddr, authority: &Authority, more: &[&str]) -> (String, String) {
    let seen = Command::new("curl")
        .args(["--silent", "--verbose", "--output", "/dev/null"])
        .args(["--write-out", "%{http_version}", "--cacert"])
        .arg(authority.certificate())
        .args(more)
        .arg(format!("https://localhost:{}/", address.port()))
        .output()
        .expect("the command curl");
    let told = String::from_utf8_lossy(&seen.stderr).into_owned();
    let owner = told.lines().find_map(|line| line.split_once("subject: "));

    (
        String::from_utf8_lossy(&seen.stdout).into_owned(),
        owner.map(|(_, owner)| owner.to_owned()).unwrap_or_default(),
    )
}

#[tokio::test]
async fn tls_speaks_both_versions_of_http_and_takes_a_new_certificate() {
    let folder = TempDir::new().expect("a folder");
    let authority = Authority::new(folder.path(), "authority");
    let names = "subjectAltName=DNS:localhost,IP:127.0.0.1";
    authority.sign("service", "one", names, 2);
    let files = Tls {
        cert_file: authority.path("service.crt").into(),
        key_file: authority.path("service.key").into(),
    };
    let certificate = Certificate::read(&files).expect("a certificate");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let router = Router::new().route("/", get(async || "here"));
    let never = std::future::pending();
    let places = Places::of_api(false);
    tokio::spawn(serve(listener, Some(certificate), places, router, never));
    let ask = async |more: &'static [&'static str]| {
        let of = Authority::clone(&authority);
        let asked = tokio::task::spawn_blocking(move || seen(address, &of, more));
        asked.await.expect("an answer")
    };
    assert_eq!(ask(&["--http1.1"]).await, ("1.1".into(), "CN=one".into()));
    assert_eq!(ask(&["--http2"]).await, ("2".into(), "CN=one".into()));
    assert_eq!(ask(&["--tls-max", "1.1"]).await.0, "0");

    // In the clear, HTTP/2 without TLS and noise are closed.
    for noise in [
        &b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &[0; 100],
    ] {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(noise).await.expect("sent");
        let mut told = Vec::new();
        let _ = stream.read_to_end(&mut told).await;
        assert!(!told.starts_with(b"HTTP"), "{told:?}");
    }

    authority.sign("service", "two", names, 2);
    tokio::time::sleep(Duration::from_millis(10_100)).await;
    assert_eq!(ask(&["--http2"]).await.1, "CN=two");
    std::fs::write(&files.cert_file, "broken").expect("a file");
    tokio::time::sleep(Duration::from_millis(10_100)).await;
    assert_eq!(ask(&["--http2"]).await.1, "CN=two");
}
