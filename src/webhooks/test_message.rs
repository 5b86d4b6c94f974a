//! Sends a test message at once, for people who set up a webhook.

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::message::Message;
use super::sender::Sender;
use crate::app::App;
use crate::error::{Error, Result};
use crate::outbox::Outcome;
use crate::time;

/// A test message, and how it was received.
#[derive(Debug)]
pub struct TestMessage {
    pub message_id: Uuid,
    pub outcome: Outcome,
}

/// Sends a test message to a webhook, once. It is not recorded.
///
/// # Errors
///
/// [`Error::NotFound`] if there is no webhook of this name.
pub async fn send_test(app: &App, name: &str) -> Result<TestMessage> {
    let webhooks = &app.config.webhooks;
    let webhook = webhooks
        .get(name)
        .ok_or_else(|| Error::not_found("webhook", name, webhooks.keys().map(String::as_str)))?;
    let body = json!({
        "type": "webhook.test",
        "timestamp": time::text(Timestamp::now()),
        "data": {"webhook": name},
    });
    let message = Message {
        id: Uuid::now_v7(),
        body: &body,
    };
    let outcome = Sender::new(name, webhook)?.tell(&message).await;

    Ok(TestMessage {
        message_id: message.id,
        outcome,
    })
}
