//! Calls a service like a user, and gives status, headers and body.

use std::time::Duration;

use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::{Service, shown};

/// The answer of the service.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Method and URL of the request.
    pub(crate) asked: String,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Service {
    /// Waits until the service is ready to take runs, and gives what `/readyz` says then.
    pub(crate) async fn ready(&self) -> Answer {
        let mut ready = self.get("/readyz").await;
        for _ in 0..600 {
            if ready.status == 200 {
                return ready;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
            ready = self.get("/readyz").await;
        }
        panic!("the service does not become ready: {ready:?}");
    }
}

impl Answer {
    /// The problem's slug, after checking that it is one.
    #[track_caller]
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

    /// The exchange, as assertions tell it.
    fn told(&self) -> String {
        format!("{}: {} {:#}", self.asked, self.status, self.body)
    }

    pub(crate) fn detail(&self) -> &str {
        self.body["detail"].as_str().unwrap_or_default()
    }

    /// Gives status, content type and body as one value for a snapshot. [`shown`] masks ids, times and names, which differ in each run.
    /// The `request_id` of a problem is left out: [`Self::is_problem`] compares it.
    pub(crate) fn shown(&self) -> Value {
        let kind = self.headers.get("content-type");
        let mut body = self.body.clone();
        if let Some(members) = body.as_object_mut() {
            members.remove("request_id");
        }

        json!({
            "status": self.status,
            "content_type": kind.map(|kind| kind.to_str().expect("text")),
            "body": shown(&body),
        })
    }

    #[track_caller]
    pub(crate) fn run_id(&self) -> &str {
        self.body["id"]
            .as_str()
            .unwrap_or_else(|| panic!("no run: {self:?}"))
    }

    #[track_caller]
    pub(crate) fn has_status(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.told());

        self
    }

    /// It is a problem of this status and slug.
    #[track_caller]
    pub(crate) fn is_problem(&self, status: u16, slug: &str) -> &Self {
        assert_eq!(
            (self.status, self.problem()),
            (status, slug),
            "{}",
            self.told()
        );
        let given = self.headers.get("x-request-id");
        assert_eq!(
            self.body["request_id"].as_str(),
            given.and_then(|id| id.to_str().ok()),
            "{}",
            self.told()
        );

        self
    }

    /// The problem is about a field of the request.
    #[track_caller]
    pub(crate) fn about(&self, field: &str) -> &Self {
        assert_eq!(self.body["field"], field, "{}", self.told());

        self
    }

    /// The problem's detail contains a text.
    #[track_caller]
    pub(crate) fn saying(&self, text: &str) -> &Self {
        assert!(self.detail().contains(text), "{text}: {}", self.told());

        self
    }
}

/// Every time of an answer has six digits of a second.
fn has_exact_times(asked: &str, value: &Value) {
    match value {
        Value::Array(values) => values
            .iter()
            .for_each(|value| has_exact_times(asked, value)),
        Value::Object(members) => {
            // The members of a position depend on the kind of the source.
            for (name, value) in members.iter().filter(|(name, _)| *name != "position") {
                let is_time = ["_at", "_until", "as_of"]
                    .iter()
                    .any(|end| name.ends_with(end));
                if let (true, Some(time)) = (is_time, value.as_str()) {
                    let is_exact =
                        time.len() == "2026-01-01T12:00:00.000000Z".len() && time.ends_with('Z');
                    assert!(is_exact, "{asked}: {name} {time}");
                }
                has_exact_times(asked, value);
            }
        }
        _ => {}
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
        let (client, request) = request.build_split();
        let request = request.expect("a request");
        let asked = format!("{} {}", request.method(), request.url());
        let answer = client.execute(request).await.expect("the service answers");
        let status = answer.status().as_u16();
        let headers = answer.headers().clone();
        let text = answer.text().await.expect("a body");
        let body: Value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        // Values of rows have the digits of their columns, and a schema has names of columns.
        let is_of_rows = ["/rows", "/history", "/failures", "/schemas/"]
            .iter()
            .any(|list| asked.contains(list));
        if asked.contains("/v1/") && status < 300 && !is_of_rows {
            has_exact_times(&asked, &body);
        }

        Answer {
            asked,
            status,
            headers,
            body,
        }
    }

    /// Starts a run of the pipeline, and gives the answer at once.
    pub(crate) async fn start(&self, body: &Value) -> Answer {
        self.post(&self.runs_path(), body).await
    }

    /// The page of the pipeline's source.
    pub(crate) async fn source(&self) -> Answer {
        self.get(&format!("/v1/sources/{}", self.name)).await
    }

    /// The check of the pipeline's source.
    pub(crate) async fn check(&self) -> Answer {
        let path = format!("/v1/sources/{}/check", self.name);

        self.post(&path, &json!({})).await
    }

    /// The freshness of a table of the pipeline.
    pub(crate) async fn freshness(&self, table: &str) -> Value {
        let path = format!("{}/freshness", self.table_path(table));

        self.get(&path).await.body
    }

    /// Where runs of the pipeline are started.
    pub(crate) fn runs_path(&self) -> String {
        format!("/v1/pipelines/{}/runs", self.name)
    }

    /// Where a table of the pipeline is described.
    pub(crate) fn table_path(&self, table: &str) -> String {
        format!("/v1/tables/{}.{table}", self.name)
    }
}
