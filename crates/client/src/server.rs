//! Calls to the service: addresses, tokens, repeated calls, and limits of size and time.

use std::time::{Duration, Instant};

use reqwest::{Method, Response, StatusCode, Url, header};
use secrecy::ExposeSecret;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::answers::Problem;
use crate::context::Target;
use crate::fault::{Fault, Result};
use crate::text;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// The service holds an answer for 60 seconds at most.
const CALL_TIMEOUT: Duration = Duration::from_secs(90);
const LARGEST_ANSWER: usize = 64 << 20;
/// How often a call is sent at most, and how long these calls may take together.
const TRIES: u32 = 5;
const LONGEST: Duration = Duration::from_mins(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
const USUAL_PAUSE: Duration = Duration::from_secs(1);
/// The most rows of a page.
const PAGE: usize = 1_000;

/// The service at an address.
#[derive(Debug)]
pub(crate) struct Server {
    http: reqwest::Client,
    target: Target,
}

/// One call.
#[derive(Debug, Clone)]
pub(crate) struct Call<'a> {
    method: Method,
    /// The parts of the path behind `/v1`.
    path: Vec<&'a str>,
    query: Vec<(String, String)>,
    body: Option<Value>,
    key: Option<&'a str>,
}

impl<'a> Call<'a> {
    pub(crate) fn get(path: &[&'a str]) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post(path: &[&'a str]) -> Self {
        Self {
            body: Some(json!({})),
            ..Self::new(Method::POST, path)
        }
    }

    pub(crate) fn delete(path: &[&'a str]) -> Self {
        Self::new(Method::DELETE, path)
    }

    fn new(method: Method, path: &[&'a str]) -> Self {
        Self {
            method,
            path: path.to_vec(),
            query: Vec::new(),
            body: None,
            key: None,
        }
    }

    /// Adds a parameter, if there is a value for it.
    pub(crate) fn with(mut self, name: &str, value: Option<impl ToString>) -> Self {
        self.query
            .extend(value.map(|value| (name.to_owned(), value.to_string())));
        self
    }

    pub(crate) fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// The same key starts one run, however often the call is sent.
    pub(crate) fn key(mut self, key: &'a str) -> Self {
        self.key = Some(key);
        self
    }

    /// Whether the call may be sent again, although it may have been done already.
    fn is_repeatable(&self) -> bool {
        self.method == Method::GET || self.key.is_some()
    }
}

/// A list: as many rows as were asked for, and where it goes on.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) rows: Vec<Value>,
    pub(crate) next: Value,
}

impl List {
    /// The list in the form of a page of the API.
    pub(crate) fn value(&self) -> Value {
        json!({"data": self.rows, "next": self.next})
    }

    pub(crate) fn read<T: DeserializeOwned>(&self) -> Result<Vec<T>> {
        self.rows.iter().map(read).collect()
    }
}

/// Reads an answer, or a part of it.
pub(crate) fn read<T: DeserializeOwned>(value: &Value) -> Result<T> {
    T::deserialize(value).map_err(|fault| {
        Fault::Strange(format!("the answer cannot be read: {fault}; use the client of the service's release, or `-o json`"))
    })
}

impl Server {
    pub(crate) fn new(target: Target) -> Result<Self> {
        let http = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("icefront/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|fault| {
                Fault::Strange(format!("no client can be made: {}", causes(&fault)))
            })?;

        Ok(Self { http, target })
    }

    /// Sends a call, and reads the answer.
    pub(crate) async fn call(&self, call: Call<'_>) -> Result<Value> {
        let answer = self.answer(&call).await?;
        let body = self.body(answer).await?;

        serde_json::from_slice(&body).map_err(|_| self.strange("the answer is no JSON"))
    }

    /// Sends a call that answers a list, page by page, up to `limit` rows.
    pub(crate) async fn list(&self, call: Call<'_>, limit: usize) -> Result<List> {
        let mut list = List {
            rows: Vec::new(),
            next: Value::Null,
        };
        loop {
            let page = (limit - list.rows.len()).min(PAGE);
            let next = list.next.as_str().map(str::to_owned);
            let mut answer = self
                .call(call.clone().with("limit", Some(page)).with("after", next))
                .await?;
            let Some(Value::Array(rows)) = answer.get_mut("data").map(Value::take) else {
                return Err(self.strange("the answer has no `data`"));
            };
            let is_empty = rows.is_empty();
            list.rows.extend(rows);
            list.next = answer.get_mut("next").map(Value::take).unwrap_or_default();
            if list.next.is_null() || list.rows.len() >= limit || is_empty {
                return Ok(list);
            }
        }
    }

    /// Opens a stream of events. The answer has no end until the run has one.
    pub(crate) async fn stream(&self, path: &[&str], last_event: Option<&str>) -> Result<Response> {
        let mut request = self.request(&Call::get(path))?;
        if let Some(last) = last_event {
            request = request.header("Last-Event-ID", last);
        }
        let sent = tokio::time::timeout(CALL_TIMEOUT, request.send())
            .await
            .map_err(|_| {
                Fault::Unreachable(format!("`{}` gives no answer in time", self.target.server))
            })?;
        let answer = sent.map_err(|fault| self.unreachable(&fault))?;

        if answer.status().is_success() {
            Ok(answer)
        } else {
            Err(self.refusal(answer).await)
        }
    }

    /// Sends a call, again if the service is away for a moment.
    async fn answer(&self, call: &Call<'_>) -> Result<Response> {
        let began = Instant::now();
        for attempt in 1.. {
            let sent = self.request(call)?.timeout(CALL_TIMEOUT).send().await;
            let pause = match &sent {
                Ok(answer) if answer.status() == StatusCode::SERVICE_UNAVAILABLE => pause(answer),
                // The service may have got the call; only a key makes sure that it means the same again.
                Err(_) if call.key.is_some() => USUAL_PAUSE,
                _ => Duration::MAX,
            };
            let may_repeat = call.is_repeatable()
                && attempt < TRIES
                && pause <= LONGEST_PAUSE
                && began.elapsed() + pause <= LONGEST;
            if may_repeat {
                tokio::time::sleep(pause).await;
                continue;
            }
            let answer = sent.map_err(|fault| self.unreachable(&fault))?;
            return if answer.status().is_success() {
                Ok(answer)
            } else {
                Err(self.refusal(answer).await)
            };
        }

        unreachable!("the loop returns")
    }

    fn request(&self, call: &Call<'_>) -> Result<reqwest::RequestBuilder> {
        let mut request = self.http.request(call.method.clone(), self.url(call)?);
        if let Some(token) = &self.target.token {
            request = request.bearer_auth(token.expose_secret());
        }
        if let Some(key) = call.key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = &call.body {
            request = request.json(body);
        }

        Ok(request)
    }

    fn url(&self, call: &Call<'_>) -> Result<Url> {
        let mut url = self.target.server.clone();
        // Parts of an address such as `..` have a meaning of their own.
        if let Some(part) = call
            .path
            .iter()
            .find(|part| matches!(**part, "" | "." | ".."))
        {
            return Err(Fault::Usage(format!("`{part}` is no name")));
        }
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push("v1").extend(&call.path);
        }
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&call.query);
        }

        Ok(url)
    }

    async fn body(&self, mut answer: Response) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        while let Some(part) = answer
            .chunk()
            .await
            .map_err(|fault| self.unreachable(&fault))?
        {
            if body.len() + part.len() > LARGEST_ANSWER {
                return Err(Fault::Strange(format!(
                    "the answer is longer than {} MiB; ask for less, by `--limit`",
                    LARGEST_ANSWER >> 20
                )));
            }
            body.extend_from_slice(&part);
        }

        Ok(body)
    }

    /// What an answer other than success says.
    async fn refusal(&self, answer: Response) -> Fault {
        let status = answer.status();
        let header = |name: &str| {
            let value = answer.headers().get(name);
            value
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned)
        };
        let request_id = header("x-request-id");
        if status.is_redirection() {
            let to = header(header::LOCATION.as_str()).unwrap_or_default();
            return self.strange(&format!(
                "it sends callers to `{}`; give the right address",
                text::one_line(&to)
            ));
        }
        let body = self.body(answer).await.unwrap_or_default();
        match serde_json::from_slice::<Problem>(&body) {
            Ok(problem) if !problem.kind.is_empty() => Fault::Problem(Box::new(Problem {
                status: status.as_u16(),
                request_id: problem.request_id.clone().or(request_id),
                ..problem
            })),
            _ if matches!(status.as_u16(), 502..=504) => Fault::Unreachable(format!(
                "`{}` answers {status}: nothing is behind it now; try again later",
                self.target.server
            )),
            _ => self.strange(&format!("it answers {status} without a problem")),
        }
    }

    fn strange(&self, what: &str) -> Fault {
        Fault::Strange(format!(
            "`{}` does not answer as Icefront does: {what}",
            self.target.server
        ))
    }

    fn unreachable(&self, fault: &reqwest::Error) -> Fault {
        Fault::Unreachable(format!(
            "`{}` cannot be reached: {}; start the service there, or give its address by `--server`, `ICEFRONT_SERVER` or a context",
            self.target.server,
            causes(fault)
        ))
    }
}

/// What `Retry-After` says; the usual pause without it.
fn pause(answer: &Response) -> Duration {
    let given = answer.headers().get(header::RETRY_AFTER);
    let seconds = given.and_then(|value| value.to_str().ok()?.parse().ok());

    seconds.map_or(USUAL_PAUSE, Duration::from_secs)
}

/// The innermost cause: the most exact one, without an address.
fn causes(fault: &reqwest::Error) -> String {
    if fault.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut innermost: &dyn std::error::Error = fault;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }

    text::one_line(&innermost.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(server: &str, call: &Call<'_>) -> Result<String> {
        let target = Target {
            server: server.parse().expect("a URL"),
            token: None,
        };

        Server::new(target)?.url(call).map(String::from)
    }

    #[test]
    fn names_cannot_change_the_path() {
        let asked = Call::get(&["tables", "shop.or/ders?x", "rows"])
            .with("as_of", Some("1+1"))
            .with("key", None::<&str>);

        assert_eq!(
            url("https://example.com/icefront/", &asked).expect("a URL"),
            "https://example.com/icefront/v1/tables/shop.or%2Fders%3Fx/rows?as_of=1%2B1"
        );
        assert!(url("http://localhost:7070", &Call::get(&["pipelines", ".."])).is_err());
    }

    #[test]
    fn only_calls_that_mean_the_same_again_are_repeated() {
        assert!(Call::get(&["runs"]).is_repeatable());
        assert!(!Call::post(&["runs"]).is_repeatable());
        assert!(Call::post(&["runs"]).key("a").is_repeatable());
    }
}
