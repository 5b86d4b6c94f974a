//! Sends one message to one receiver, once.

use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, USER_AGENT};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};
use secrecy::ExposeSecret;

use super::guard::{Guard, Refused};
use super::message::Message;
use super::signature::signature;
use crate::config::Webhook;
use crate::error::{Error, Result};
use crate::outbox::{self, AGENT, Answer, Fault, Outcome, TRY_LIMIT, TryEnd};
use crate::state::{ClaimedDelivery, DeliveryReason};

/// Sends messages to the receiver of a webhook.
#[derive(Debug)]
pub(super) struct Sender {
    /// The webhook's.
    name: String,
    webhook: Webhook,
    guard: Guard,
    client: Client,
}

impl outbox::Receiver for Sender {
    async fn send(&self, delivery: &ClaimedDelivery) -> Result<Outcome> {
        let message = Message {
            id: delivery.message_id,
            body: &delivery.body,
        };

        Ok(self.tell(&message).await)
    }

    fn note(&self, delivery: &ClaimedDelivery, end: TryEnd<'_>) {
        let (webhook, id) = (&self.name, delivery.message_id);
        let state = match end {
            TryEnd::Delivered => "delivered",
            TryEnd::Failed(fault, pause) => {
                let (reason, pause_ms) = (fault.reason.as_str(), pause.as_millis());
                tracing::warn!(webhook, message_id = %id, reason, pause_ms, "a message was not delivered; it is sent again");
                return;
            }
            TryEnd::GivenUp(fault) => {
                let (reason, tries) = (fault.reason.as_str(), delivery.tries);
                tracing::error!(webhook, message_id = %id, reason, tries, "a message was not delivered, and is given up");
                "failed"
            }
        };
        metrics::counter!("icefront_webhook_deliveries_total", "webhook" => webhook.clone(), "state" => state).increment(1);
    }
}

impl Sender {
    pub(super) fn new(name: &str, webhook: &Webhook) -> Result<Self> {
        let guard = Guard::new(&webhook.private_networks);
        let client = Client::builder()
            .dns_resolver(guard.clone())
            // Another address would escape the guard: that of a redirect, and that behind a proxy.
            .redirect(Policy::none())
            .no_proxy()
            // Messages are rare; each has a connection of its own, to an address that was looked at.
            .pool_max_idle_per_host(0)
            .timeout(TRY_LIMIT)
            .build()
            .map_err(Error::internal)?;

        Ok(Self {
            name: name.to_owned(),
            webhook: webhook.clone(),
            guard,
            client,
        })
    }

    pub(super) async fn tell(&self, message: &Message<'_>) -> Outcome {
        outbox::post(self.post(message), &[StatusCode::GONE]).await
    }

    async fn post(&self, message: &Message<'_>) -> Result<Answer, Fault> {
        // The files of secrets are read each time, so that a secret can be changed while the service runs.
        let receiver = self
            .webhook
            .receiver(&self.name)
            .map_err(|error| Fault::of_settings(&error))?;
        let url: Url = receiver.url.expose_secret().parse().map_err(|_| {
            Fault::of_settings(&Error::Settings(format!(
                "`webhooks.{}.url` is not an address",
                self.name
            )))
        })?;
        self.guard.check(&url).map_err(Fault::from)?;
        let body = message.text(self.webhook.format, receiver.routing_key.as_ref());
        let (id, seconds) = (message.id.to_string(), Timestamp::now().as_second());
        let mut request = self
            .client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, AGENT)
            .header("webhook-id", &id)
            .header("webhook-timestamp", seconds);
        if let Some(key) = &receiver.key {
            let signed = signature(key.expose_secret(), &id, seconds, &body);
            request = request.header(
                "webhook-signature",
                signed.map_err(|error| Fault::of_settings(&error))?,
            );
        }
        let answer = request.body(body).send().await;
        let answer = answer.map_err(|error| match Refused::of(&error) {
            Some(refused) => refused.into(),
            None => Fault::of_request(error),
        })?;

        Ok(Answer {
            status: answer.status(),
            headers: answer.headers().clone(),
        })
    }
}

impl From<Refused> for Fault {
    fn from(refused: Refused) -> Self {
        let reason = match refused {
            Refused::Private => DeliveryReason::PrivateAddress,
            Refused::Unknown => DeliveryReason::UnknownHost,
        };

        Self::new(reason, refused.to_string())
    }
}
