//! Messages, as each kind of receiver reads them.

use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::config::WebhookFormat;

/// Slack cuts longer texts; nobody reads them.
const LONGEST_TEXT: usize = 3_000;
/// The limits of `PagerDuty`, in characters.
const LONGEST_SUMMARY: usize = 1_024;
const LONGEST_DEDUP_KEY: usize = 255;

/// A message about something that happened.
#[derive(Debug)]
pub(super) struct Message<'a> {
    pub(super) id: Uuid,
    /// `type`, `timestamp` and `data`.
    pub(super) body: &'a Value,
}

impl Message<'_> {
    /// The body of the request.
    pub(super) fn text(&self, format: WebhookFormat, routing_key: Option<&SecretString>) -> String {
        let body = match format {
            WebhookFormat::Json => return self.body.to_string(),
            WebhookFormat::Slack => json!({"text": escaped(&cut(&self.sentence(), LONGEST_TEXT))}),
            WebhookFormat::Pagerduty => {
                let routing_key = routing_key.map_or("", |key| key.expose_secret());
                self.alert(routing_key)
            }
        };

        body.to_string()
    }

    fn event(&self) -> &str {
        self.body["type"].as_str().unwrap_or_default()
    }

    fn data(&self, name: &str) -> &str {
        self.body["data"][name].as_str().unwrap_or_default()
    }

    fn number(&self, name: &str) -> String {
        match &self.body["data"][name] {
            Value::Number(number) => number.to_string(),
            _ => "?".into(),
        }
    }

    /// The table or model that it is about, else the pipeline.
    fn subject(&self) -> &str {
        let names = ["table", "model", "pipeline"].map(|name| self.data(name));

        names
            .into_iter()
            .find(|name| !name.is_empty())
            .unwrap_or_default()
    }

    /// What happened, for people.
    fn sentence(&self) -> String {
        let subject = self.subject();
        let run = self.data("run_id");
        let problem = self.body["data"]["error"]["detail"]
            .as_str()
            .unwrap_or("the run has no problem recorded");
        match self.event() {
            "run.failed" => format!("Run of pipeline {subject} failed: {problem} (run {run})"),
            "run.succeeded" => format!(
                "Run of pipeline {subject} succeeded in {} s (run {run})",
                self.number("duration_seconds")
            ),
            "model.failed" => format!("Model {subject} failed: {problem} (run {run})"),
            "freshness.warn" | "freshness.error" => format!(
                "{subject} is not fresh: status {}, lag {} s, because {}",
                self.data("status"),
                self.number("lag_seconds"),
                self.data("lag_reason").replace('_', " ")
            ),
            "freshness.recovered" => format!(
                "{subject} is fresh again: lag {} s",
                self.number("lag_seconds")
            ),
            "rejects.appeared" => format!(
                "{} events of table {subject} were rejected; {} rejects are left (run {run})",
                self.number("rejected"),
                self.number("rejects")
            ),
            "drift.found" => format!(
                "The source of table {subject} changed: {} (run {run})",
                self.differences()
            ),
            _ => format!(
                "Test message from Icefront to webhook {}",
                self.data("webhook")
            ),
        }
    }

    fn differences(&self) -> String {
        let differences = self.body["data"]["drift"].as_array();
        let told = differences.into_iter().flatten().map(|difference| {
            let member = |name: &str| difference[name].as_str().unwrap_or_default();
            format!("column {} {}", member("column"), member("change"))
        });

        told.collect::<Vec<_>>().join(", ")
    }

    /// An event of `PagerDuty`'s Events API v2. What ends a trouble resolves the alert about it.
    fn alert(&self, routing_key: &str) -> Value {
        let event = self.event();
        let (group, severity) = match event {
            "run.failed" => ("run", Some("error")),
            "run.succeeded" => ("run", None),
            "freshness.warn" => ("freshness", Some("warning")),
            "freshness.error" => ("freshness", Some("error")),
            "freshness.recovered" => ("freshness", None),
            "rejects.appeared" => ("rejects", Some("warning")),
            "drift.found" => ("drift", Some("warning")),
            "model.failed" => ("model", Some("error")),
            _ => ("test", Some("info")),
        };
        let dedup_key = format!("icefront/{group}/{}", self.subject());
        let mut alert = json!({
            "routing_key": routing_key,
            "event_action": if severity.is_some() { "trigger" } else { "resolve" },
            "dedup_key": cut(&dedup_key, LONGEST_DEDUP_KEY),
        });
        if let Some(severity) = severity {
            alert["payload"] = json!({
                "summary": cut(&self.sentence(), LONGEST_SUMMARY),
                "source": "icefront",
                "severity": severity,
                "timestamp": self.body["timestamp"],
                "component": self.data("pipeline"),
                "class": event,
                "custom_details": self.body["data"],
            });
        }

        alert
    }
}

/// Slack reads these signs as markup.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// At most so many characters.
fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }

    text.chars().take(most - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(format: WebhookFormat, body: &Value) -> Value {
        let message = Message {
            id: Uuid::nil(),
            body,
        };
        let text = message.text(format, Some(&"R".into()));

        serde_json::from_str(&text).expect("JSON")
    }

    fn failed() -> Value {
        json!({
            "type": "run.failed",
            "timestamp": "2026-01-01T12:00:02.400000Z",
            "data": {"run_id": "019a", "pipeline": "shop", "error": {"detail": "<!channel> a & b"}},
        })
    }

    #[test]
    fn slack_gets_a_sentence_in_which_nothing_is_markup() {
        let sent = text(WebhookFormat::Slack, &failed());

        let expected = "Run of pipeline shop failed: &lt;!channel&gt; a &amp; b (run 019a)";
        assert_eq!(sent, json!({"text": expected}));
    }

    #[test]
    fn pagerduty_gets_an_alert_and_its_end_by_the_same_key() {
        let begun = text(WebhookFormat::Pagerduty, &failed());
        let ended = json!({"type": "run.succeeded", "data": {"pipeline": "shop"}});
        let ended = text(WebhookFormat::Pagerduty, &ended);

        assert_eq!(begun["event_action"], "trigger");
        assert_eq!(begun["payload"]["severity"], "error");
        assert_eq!(begun["payload"]["component"], "shop");
        assert_eq!(
            ended,
            json!({"routing_key": "R", "event_action": "resolve", "dedup_key": "icefront/run/shop"})
        );
        assert_eq!(begun["dedup_key"], ended["dedup_key"]);
    }

    #[test]
    fn a_long_problem_is_cut() {
        let mut body = failed();
        body["data"]["error"]["detail"] = "ä".repeat(9_000).into();

        let slack = text(WebhookFormat::Slack, &body);
        let alert = text(WebhookFormat::Pagerduty, &body);

        let length = |text: &Value| text.as_str().expect("text").chars().count();
        assert_eq!(length(&slack["text"]), LONGEST_TEXT);
        assert_eq!(length(&alert["payload"]["summary"]), LONGEST_SUMMARY);
    }
}
