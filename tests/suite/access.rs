//! Who may do what: credentials, roles, pages of other origins.

use std::time::Duration;

use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use super::document::walk::Document;
use crate::harness::{Answer, ITEMS, KeyFile, Service, write_pipeline};

/// The pipeline that is not the caller's.
const OTHER: &str = "hidden";

/// A service that takes keys, with a pipeline that has run, and another one.
async fn guarded(keys: &KeyFile) -> Service {
    let mut service = Service::items().settings(&keys.settings()).start().await;
    write_pipeline(service.folder.path(), OTHER, &ITEMS.replace("items:", "secrets:").replace(
        "source: {",
        "schemas: {landing: hidden_landing, staging: hidden_staging, marts: hidden_marts}\nsource: {",
    ));
    service.restart().await;

    service
}

async fn call(service: &Service, key: &str, method: Method, path: &str) -> Answer {
    let body = json!({"no_such_field": 1});
    let request = service.request(method.clone(), path).bearer_auth(key);
    let request = if method == Method::GET {
        request
    } else {
        request.json(&body)
    };

    service.call(request).await
}

/// The path of an operation about things of a pipeline.
fn path(template: &str, pipeline: &str, table: &str, run: &str) -> String {
    template
        .replace("{pipeline}", pipeline)
        .replace("{source}", pipeline)
        .replace("{table}", &format!("{pipeline}.{table}"))
        .replace("{model}", &format!("{pipeline}.no_model"))
        .replace("{run_id}", run)
        .replace("{step}", "extract")
        .replace("{leftover}", &format!("{pipeline}.{table}"))
        .replace("{kind}", "pipelines")
}

/// What each role may do, the last word of an operation's security.
const ROLES: [(&str, &[&str]); 5] = [
    ("viewer", &["viewer"]),
    ("reader", &["viewer", "reader"]),
    ("runner", &["viewer", "runner"]),
    ("operator", &["viewer", "reader", "runner", "operator"]),
    (
        "admin",
        &["viewer", "reader", "runner", "operator", "admin"],
    ),
];

#[tokio::test]
async fn each_operation_needs_the_role_that_its_document_names_and_none_is_left_out() {
    let mut keys = KeyFile::new();
    let everything = keys.add("everything", &["admin:*"], &[]);
    let service = guarded(&keys).await;
    let roles = ROLES.map(|(role, _)| keys.add(role, &[&format!("{role}:{}", service.name)], &[]));
    let foreign = keys.add("foreign", &[&format!("operator:{OTHER}")], &[]);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let runs = service.runs_path();
    let started = service
        .call(
            service
                .request(Method::POST, &runs)
                .bearer_auth(&everything)
                .json(&json!({})),
        )
        .await
        .has_status(202);
    let run = started.run_id().to_owned();
    let document = Document::read();
    let mut seen = 0;
    for operation in document.operations() {
        let method: Method = operation.method.to_uppercase().parse().expect("a method");
        let own = path(operation.path, &service.name, "items", &run);
        let security = &operation.value["security"];
        let bare = service.call(service.request(method.clone(), &own)).await;
        let Some(needed) = security[0]["bearer"][0].as_str() else {
            assert!(
                ["get_livez", "get_readyz"].contains(&operation.id),
                "{}",
                operation.id
            );
            assert_ne!(bare.status, 401, "{}", operation.id);
            continue;
        };
        // One address may not fail as often as this test does.
        assert!(
            [401, 429].contains(&bare.status),
            "{}: {bare:?}",
            operation.id
        );
        if operation.id == "follow_run" {
            continue;
        }
        for ((role, includes), key) in ROLES.iter().zip(&roles) {
            let answer = call(&service, key, method.clone(), &own).await;
            let is_allowed = includes.contains(&needed);
            let is_of_no_pipeline = !operation.path.contains('{') && needed == "admin"
                || operation.path.contains("{webhook}")
                || operation.path.contains("{leftover}");
            if is_allowed && !is_of_no_pipeline {
                assert!(
                    ![401, 403].contains(&answer.status),
                    "{} {role}: {answer:?}",
                    operation.id
                );
            } else {
                answer.is_problem(403, "forbidden");
            }
        }
        let answer = call(&service, &foreign, method, &own).await;
        let is_list = !operation.path.contains('{');
        if !is_list && !operation.path.contains("{consumer}") && !operation.path.contains("{kind}")
        {
            assert!(
                [403, 404, 410].contains(&answer.status),
                "{}: {answer:?}",
                operation.id
            );
        }
        seen += 1;
    }
    assert!(seen > 50, "{seen}");
}

#[tokio::test]
async fn a_caller_sees_only_what_is_granted() {
    let mut keys = KeyFile::new();
    let service = guarded(&keys).await;
    let own = keys.add("own", &[&format!("operator:{}", service.name)], &[]);
    let foreign = keys.add("foreign", &[&format!("operator:{OTHER}")], &[]);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let started = service
        .call(
            service
                .request(Method::POST, &service.runs_path())
                .bearer_auth(&own)
                .json(&json!({})),
        )
        .await
        .has_status(202);
    assert_eq!(started.body["requested_by"], "own");

    for list in [
        "pipelines",
        "sources",
        "tables",
        "freshness",
        "runs",
        "changes",
        "rejects",
        "consumers",
    ] {
        let answer = call(&service, &foreign, Method::GET, &format!("/v1/{list}")).await;
        let text = answer.has_status(200).body.to_string();
        assert!(!text.contains(&service.name), "{list}: {text}");
    }
    let seen = call(&service, &own, Method::GET, "/v1/pipelines").await;
    assert_eq!(
        seen.body["data"].as_array().map(Vec::len),
        Some(1),
        "{seen:?}"
    );
    let run = format!("/v1/runs/{}", started.run_id());
    call(&service, &foreign, Method::GET, &run)
        .await
        .is_problem(404, "not-found");
    call(&service, &foreign, Method::GET, &format!("{run}/outcome"))
        .await
        .is_problem(410, "run-unknown");
    // A misspelt name is not answered with the name of another's pipeline.
    let near = format!("/v1/pipelines/{}", &service.name[..service.name.len() - 1]);
    let answer = call(&service, &foreign, Method::GET, &near).await;
    assert!(!answer.detail().contains(&service.name), "{answer:?}");
    let filtered = call(
        &service,
        &foreign,
        Method::GET,
        &format!("/v1/runs?pipeline={}", service.name),
    )
    .await;
    filtered.is_problem(422, "unknown-name").about("pipeline");
}

#[tokio::test]
async fn a_key_holds_until_its_line_is_removed_or_its_time_is_over() {
    let mut keys = KeyFile::new();
    let old = keys.add("old", &["viewer:*"], &[]);
    let over = keys.add("over", &["viewer:*"], &["--expires-in", "1s"]);
    let service = guarded(&keys).await;
    let asks = async |key: &str| call(&service, key, Method::GET, "/v1/runs").await.status;
    assert_eq!(asks(&old).await, 200);
    // Another key of the same id is no key.
    let other_end = if old.ends_with('0') { '4' } else { '0' };
    let other = format!("{}{other_end}", &old[..old.len() - 1]);
    assert_eq!(asks(&other).await, 401);

    keys.remove_first();
    let new = keys.add("new", &["viewer:*"], &[]);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(
        (asks(&old).await, asks(&new).await, asks(&over).await),
        (401, 200, 401)
    );

    // A broken file takes no key away.
    std::fs::write(keys.path(), "- {id: broken").expect("a file");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(asks(&new).await, 200);
    std::fs::remove_file(keys.path()).expect("a file");
    tokio::time::sleep(Duration::from_millis(1100)).await;
    assert_eq!(asks(&new).await, 200);
}

#[tokio::test]
async fn a_key_is_taken_as_the_password_of_basic_and_pages_are_not_offered_it() {
    let mut keys = KeyFile::new();
    let key = keys.add("airflow", &["viewer:*"], &[]);
    let service = guarded(&keys).await;
    let ask = || service.request(Method::GET, "/v1/runs");
    let basic = service.call(ask().basic_auth("airflow", Some(&key))).await;
    basic.has_status(200);
    let offers = |answer: &Answer| -> Vec<String> {
        let all = answer.headers.get_all("www-authenticate").iter();
        all.map(|offer| offer.to_str().expect("text").to_owned())
            .collect()
    };
    let bare = service.call(ask()).await;
    bare.is_problem(401, "unauthenticated").saying("Bearer");
    assert_eq!(offers(&bare).len(), 2, "{bare:?}");
    let page = service.call(ask().header("sec-fetch-mode", "cors")).await;
    assert_eq!(offers(&page), ["Bearer realm=\"icefront\""]);
    for wrong in [
        "Bearer",
        "Bearer ",
        "Digest x",
        "Basic !",
        "Basic bm9jb2xvbg==",
    ] {
        let answer = service.call(ask().header("authorization", wrong)).await;
        answer.is_problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn a_thousand_wrong_keys_are_slowed_down_and_the_right_one_is_not() {
    let mut keys = KeyFile::new();
    let key = keys.add("airflow", &["viewer:*"], &[]);
    let service = guarded(&keys).await;
    let mut refused = [0, 0];
    for hundred in 0..10 {
        let answers = (0..100).map(|number| {
            let key = format!("icf_{hundred:04}_{number}");
            let service = &service;
            async move { call(service, &key, Method::GET, "/v1/runs").await }
        });
        for answer in join_all(answers).await {
            match answer.status {
                401 => refused[0] += 1,
                429 => {
                    assert!(answer.headers.contains_key("retry-after"));
                    answer.is_problem(429, "too-many-calls");
                    refused[1] += 1;
                }
                _ => panic!("{answer:?}"),
            }
        }
    }
    assert!(refused[1] > 500, "{refused:?}");
    let right = call(&service, &key, Method::GET, "/v1/runs").await;
    right.has_status(200);
}

#[tokio::test]
async fn a_page_of_another_origin_changes_nothing() {
    let service = Service::items().start().await;
    let post = || {
        service
            .request(Method::POST, &service.runs_path())
            .body("{}")
    };
    let own = format!("http://{}", service.address);
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ] {
        let answer = service.call(post().header(name, value)).await;
        answer.is_problem(403, "cross-origin");
    }
    let rebound = service.call(post().header("host", "evil.example")).await;
    rebound.is_problem(421, "unknown-host");
    let read = service
        .request(Method::GET, "/v1/runs")
        .header("host", "evil.example:7070");
    service.call(read).await.is_problem(421, "unknown-host");
    let two = service
        .request(Method::GET, "/v1/runs")
        .header("host", "localhost")
        .header("host", "evil.example");
    service.call(two).await.is_problem(400, "malformed-request");
    let probe = service
        .request(Method::GET, "/livez")
        .header("host", "10.0.0.7:7070");
    service.call(probe).await.has_status(200);
    let runs = service.get("/v1/runs").await;
    assert_eq!(runs.body["data"], Value::Array(Vec::new()));
    for header in ["content-security-policy", "x-content-type-options"] {
        assert!(runs.headers.contains_key(header), "{header}");
    }

    let from_docs = post()
        .header("origin", own)
        .header("sec-fetch-site", "same-origin");
    service.call(from_docs).await.has_status(202);
}

#[tokio::test]
async fn a_runner_does_not_do_by_a_retry_or_an_option_what_others_may() {
    let mut keys = KeyFile::new();
    let service = guarded(&keys).await;
    let admin = keys.add("admin", &["admin:*"], &[]);
    let runner = keys.add("runner", &[&format!("runner:{}", service.name)], &[]);
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let post = async |key: &str, path: &str, body: Value| {
        let request = service.request(Method::POST, path).bearer_auth(key);
        service.call(request.json(&body)).await
    };
    let full = post(&runner, &service.runs_path(), json!({"full_refresh": true})).await;
    full.is_problem(403, "forbidden").saying("`operator`");

    let table = service.table_path("items");
    let confirm = json!({"confirm": format!("{}.items", service.name)});
    let reset = post(&admin, &format!("{table}/reset"), confirm).await;
    let run = format!("/v1/runs/{}", reset.has_status(202).run_id());
    post(&runner, &format!("{run}/cancel"), json!({})).await;
    let retried = post(&runner, &format!("{run}/retry"), json!({})).await;
    retried.is_problem(403, "forbidden").saying("`admin`");
}

#[tokio::test]
async fn headers_alone_need_a_credential_too() {
    let mut keys = KeyFile::new();
    let key = keys.add("viewer", &["viewer:*"], &[]);
    let service = guarded(&keys).await;
    for path in ["/v1/version", "/v1/runs", "/v1/schemas/pipeline.json"] {
        let bare = service.request(Method::HEAD, path).send().await;
        assert_eq!(bare.expect("an answer").status(), 401, "{path}");
        let known = service.request(Method::HEAD, path).bearer_auth(&key).send();
        assert_eq!(known.await.expect("an answer").status(), 200, "{path}");
    }
    let wrong = service.request(Method::PATCH, "/v1/runs").bearer_auth(&key);
    service
        .call(wrong)
        .await
        .is_problem(405, "method-not-allowed");
}
