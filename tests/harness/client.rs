//! Calls a service like a user, and gives status, headers and body.

use std::time::Duration;

use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::Service;

/// The answer of the service.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// The problem's slug, after checking that it is one.
    pub(crate) fn problem(&self) -> &str {
        assert_eq!(
            self.headers["content-type"], "application/problem+json",
            "{self:?}"
        );
        assert_eq!(self.body["status"], self.status, "{self:?}");

        self.body["type"]
            .as_str()
            .and_then(|kind| kind.strip_prefix("urn:icefront:problem:"))
            .unwrap_or_else(|| panic!("no type: {self:?}"))
    }

    pub(crate) fn detail(&self) -> &str {
        self.body["detail"].as_str().unwrap_or_default()
    }
}

impl Service {
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call(self.request(reqwest::Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(self.request(reqwest::Method::POST, path).json(body))
            .await
    }

    pub(crate) fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        reqwest::Client::new()
            .request(method, format!("http://{}{path}", self.address))
            .timeout(Duration::from_secs(90))
    }

    pub(crate) async fn call(&self, request: reqwest::RequestBuilder) -> Answer {
        let answer = request.send().await.expect("the service answers");
        let status = answer.status().as_u16();
        let headers = answer.headers().clone();
        let text = answer.text().await.expect("a body");

        Answer {
            status,
            headers,
            body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
        }
    }

    /// Runs the pipeline to its end and gives the run, successful or not.
    pub(crate) async fn run_once(&self) -> Value {
        let path = format!("/v1/pipelines/{}/runs", self.name);

        self.post_run(&path, &json!({})).await
    }

    /// Runs the pipeline to its end, which must be a success.
    pub(crate) async fn run(&self) -> Value {
        let run = self.run_once().await;
        assert_eq!(run["state"], "succeeded", "{run:#}");

        run
    }

    /// Posts a call that starts a run, and gives the run at its end, successful or not.
    pub(crate) async fn post_run(&self, path: &str, body: &Value) -> Value {
        let started = self.post(path, body).await;
        assert_eq!(started.status, 202, "{started:?}");

        self.ended(&started.body).await
    }

    /// Posts to the table `items`, as [`Service::post_run`].
    pub(crate) async fn post_items(&self, what: &str, body: &Value) -> Value {
        let path = format!("/v1/tables/{}.items/{what}", self.name);

        self.post_run(&path, body).await
    }

    /// Waits for the end of a run.
    pub(crate) async fn ended(&self, run: &Value) -> Value {
        let path = run["links"]["self"].as_str().expect("a link").to_owned();
        for _ in 0..10 {
            let answer = self.get(&format!("{path}?wait=55s")).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            if answer.body["terminal"] == true {
                return answer.body;
            }
        }
        panic!("the run does not end: {run:#}");
    }
}
