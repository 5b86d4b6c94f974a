//! What becomes of a run: `service.run().await.fails_at("stage.items").with("too-many-rejects")`.

use std::fmt::{self, Display, Formatter};
use std::ops::Deref;
use std::time::Duration;

use serde_json::{Value, json};

use super::{Answer, Service, shown};

/// A run at its end, as the service describes it. Each verb shows the whole run if it does not hold.
#[derive(Debug, Clone)]
pub(crate) struct Run(Value);

impl Run {
    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        self.is("succeeded")
    }

    #[track_caller]
    pub(crate) fn was_cancelled(self) -> Self {
        self.is("cancelled")
    }

    /// It fails in a step, such as `mart.items`.
    #[track_caller]
    pub(crate) fn fails_at(self, step: &str) -> Self {
        let run = self.fails();
        assert_eq!(run["error"]["step"], step, "{run:#}");

        run
    }

    /// It fails with the problem of this slug, at any step.
    #[track_caller]
    pub(crate) fn fails_with(self, problem: &str) -> Self {
        self.fails().with(problem)
    }

    #[track_caller]
    pub(crate) fn fails(self) -> Self {
        self.is("failed")
    }

    /// Its problem has this slug.
    #[track_caller]
    pub(crate) fn with(self, problem: &str) -> Self {
        let kind = format!("urn:icefront:problem:{problem}");
        assert_eq!(self["error"]["type"], kind, "{self:#}");

        self
    }

    /// The detail of its problem contains a text.
    #[track_caller]
    pub(crate) fn saying(self, text: &str) -> Self {
        assert!(self.detail().contains(text), "{text}: {self:#}");

        self
    }

    /// The same run may succeed later, although nobody changes anything.
    #[track_caller]
    pub(crate) fn may_be_retried(self) -> Self {
        assert_eq!(self["error"]["retryable"], true, "{self:#}");

        self
    }

    /// One of its counts, such as `inserted`.
    #[track_caller]
    pub(crate) fn counts(&self, name: &str, expected: impl Into<Value>) -> &Self {
        assert_eq!(self["counts"][name], expected.into(), "{name}: {self:#}");

        self
    }

    /// The problem of a run that failed, to be compared as a whole; see [`shown`].
    #[track_caller]
    pub(crate) fn problem(&self) -> Value {
        assert_eq!(self["state"], "failed", "{self:#}");

        shown(&self["error"])
    }

    /// The detail of its problem; empty without one.
    pub(crate) fn detail(&self) -> &str {
        self["error"]["detail"].as_str().unwrap_or_default()
    }

    #[track_caller]
    fn is(self, state: &str) -> Self {
        assert_eq!(self["state"], state, "{self:#}");

        self
    }
}

impl Deref for Run {
    type Target = Value;

    fn deref(&self) -> &Value {
        &self.0
    }
}

impl Display for Run {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, formatter)
    }
}

impl Service {
    /// Runs the pipeline to its end.
    #[must_use = "say whether it succeeds"]
    pub(crate) async fn run(&self) -> Run {
        self.run_with(&json!({})).await
    }

    /// Runs the pipeline to its end, with a body for the call.
    #[must_use = "say whether it succeeds"]
    pub(crate) async fn run_with(&self, body: &Value) -> Run {
        self.post_run(&self.runs_path(), body).await
    }

    /// Posts a call that starts a run, and gives the run at its end.
    #[must_use = "say whether it succeeds"]
    pub(crate) async fn post_run(&self, path: &str, body: &Value) -> Run {
        let started = self.post(path, body).await.has_status(202);

        self.ended(&started.body).await
    }

    /// Posts to a table, such as `rebuild` to `items`, as [`Service::post_run`].
    #[must_use = "say whether it succeeds"]
    pub(crate) async fn post_table(&self, table: &str, what: &str, body: &Value) -> Run {
        let path = format!("{}/{what}", self.table_path(table));

        self.post_run(&path, body).await
    }

    /// Compares a table with its log, which must find no difference.
    pub(crate) async fn verifies(&self, table: &str) {
        self.post_table(table, "verify", &json!({}))
            .await
            .succeeds();
    }

    /// Waits for the end of a run.
    pub(crate) async fn ended(&self, run: &Value) -> Run {
        let path = format!("{}?wait=55s", link(run, "self"));
        for _ in 0..10 {
            let answer = self.get(&path).await.has_status(200);
            if answer.body["terminal"] == true {
                return Run(answer.body);
            }
        }
        panic!("the run does not end: {run:#}");
    }

    /// Waits until a run is executed.
    pub(crate) async fn begins(&self, run: &Value) {
        for _ in 0..3_000 {
            if self.state_of(run).await == "running" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the run does not begin: {run:#}");
    }

    /// The state of a run, asked without waiting.
    pub(crate) async fn state_of(&self, run: &Value) -> String {
        let run = self.get(link(run, "self")).await.body;

        run["state"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) async fn cancel(&self, run: &Value) -> Answer {
        let path = format!("{}/cancel", link(run, "self"));

        self.post(&path, &json!({})).await
    }

    pub(crate) async fn retry(&self, run: &Value) -> Answer {
        let path = format!("{}/retry", link(run, "self"));

        self.post(&path, &json!({})).await
    }

    /// The steps of a run.
    pub(crate) async fn steps(&self, run: &Value) -> Vec<Value> {
        let answer = self.get(link(run, "steps")).await.has_status(200);

        answer.body["data"].as_array().expect("steps").clone()
    }
}

/// A link of a run, such as `self` or `steps`.
#[track_caller]
pub(crate) fn link<'run>(run: &'run Value, name: &str) -> &'run str {
    let link = run["links"][name].as_str();

    link.unwrap_or_else(|| panic!("no link `{name}`: {run:#}"))
}
