//! Sends one event to the lineage server, once.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use reqwest::header::{CONTENT_TYPE, USER_AGENT};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode};
use secrecy::ExposeSecret;
use serde_json::Value;

use super::columns::KnownLineages;
use super::event;
use crate::app::App;
use crate::error::{Error, Result};
use crate::outbox::{self, AGENT, Answer, Fault, Outcome, TRY_LIMIT, TryEnd};
use crate::state::{ClaimedDelivery, LineageNote};

/// The event itself is refused, so it is refused again. Other answers are about the server or the settings.
const REFUSALS: [StatusCode; 3] = [
    StatusCode::BAD_REQUEST,
    StatusCode::PAYLOAD_TOO_LARGE,
    StatusCode::UNPROCESSABLE_ENTITY,
];

/// Sends events to the lineage server.
#[derive(Debug)]
pub(super) struct Sender {
    app: App,
    client: Client,
    lineages: KnownLineages,
    /// Whether the present trouble with the server is logged.
    is_trouble_logged: AtomicBool,
    /// Events given up since the last one that arrived.
    lost: AtomicU64,
}

impl outbox::Receiver for Sender {
    async fn send(&self, delivery: &ClaimedDelivery) -> Result<Outcome> {
        let note: LineageNote =
            serde_json::from_value(delivery.body.clone()).map_err(Error::internal)?;
        let app = self.app.at_present();
        let event = event::write(&app, &self.lineages, &note).await?;

        Ok(outbox::post(self.post(&event), &REFUSALS).await)
    }

    fn note(&self, delivery: &ClaimedDelivery, end: TryEnd<'_>) {
        let state = match end {
            TryEnd::Delivered => {
                self.lost.store(0, Ordering::Relaxed);
                if self.is_trouble_logged.swap(false, Ordering::Relaxed) {
                    tracing::info!("the lineage server takes events again");
                }
                "delivered"
            }
            TryEnd::Failed(fault, _) => {
                // A server that is away is away for many events.
                if !self.is_trouble_logged.swap(true, Ordering::Relaxed) {
                    let detail = &fault.detail;
                    tracing::warn!(
                        detail,
                        "the lineage server did not take an event; events wait for it for a day"
                    );
                }
                return;
            }
            TryEnd::GivenUp(fault) => {
                let lost = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
                // After a day without the server, events are lost one after the other.
                if lost.is_power_of_two() {
                    let (detail, run) = (&fault.detail, &delivery.body["run_id"]);
                    tracing::error!(detail, %run, lost, "events for the lineage server are given up");
                }
                "failed"
            }
        };
        metrics::counter!("icefront_lineage_events_total", "state" => state).increment(1);
    }
}

impl Sender {
    pub(super) fn new(app: App) -> Result<Self> {
        let client = Client::builder()
            // A redirect would lose the key, or send it elsewhere.
            .redirect(Policy::none())
            .timeout(TRY_LIMIT)
            .build()
            .map_err(Error::internal)?;

        Ok(Self {
            app,
            client,
            lineages: KnownLineages::default(),
            is_trouble_logged: AtomicBool::default(),
            lost: AtomicU64::default(),
        })
    }

    async fn post(&self, event: &Value) -> Result<Answer, Fault> {
        // The file of the key is read each time, so that the key can be changed while the service runs.
        let receiver = self.app.config.lineage.receiver();
        let receiver = receiver.map_err(|error| Fault::of_settings(&error))?;
        let receiver = receiver.ok_or_else(|| {
            Fault::of_settings(&Error::Settings("`lineage.url` is not set".into()))
        })?;
        let mut request = self
            .client
            .post(receiver.url.expose_secret())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, AGENT);
        if let Some(key) = &receiver.api_key {
            request = request.bearer_auth(key.expose_secret());
        }
        let answer = request.body(event.to_string()).send().await;
        let answer = answer.map_err(Fault::of_request)?;

        Ok(Answer {
            status: answer.status(),
            headers: answer.headers().clone(),
        })
    }
}
