//! Delivers the messages that wait. Several services share this work.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::back_off::{TRIED_FOR, pause};
use super::freshness;
use super::message::Message;
use super::sender::{Outcome, Sender, TRY_LIMIT};
use crate::app::App;
use crate::config::Webhook;
use crate::error::{Result, causes};
use crate::state::{ClaimedDelivery, FailedTry};

/// The time between two looks for messages.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// The tries of one webhook at once. So a slow receiver holds up only its own messages.
const MOST_AT_ONCE: usize = 4;
/// How long a message belongs to the service that tries it. After that, the service counts as killed.
const LEASE: Duration = TRY_LIMIT.saturating_add(Duration::from_secs(5));
const FORGET_INTERVAL: Duration = Duration::from_hours(1);
/// How long ended deliveries are kept.
const KEPT_FOR: Duration = Duration::from_hours(30 * 24);

/// Delivers messages until the service is about to end, then waits for the tries under way.
pub async fn work(app: App) {
    if app.config.webhooks.is_empty() {
        return;
    }
    warn_of_unknown_names(&app);
    let mut helpers = JoinSet::new();
    helpers.spawn(forget(app.clone()));
    if app.subscriptions.has_freshness() {
        helpers.spawn(freshness::watch(app.clone()));
    }
    match Dispatcher::new(app) {
        Ok(mut dispatcher) => dispatcher.deliver().await,
        Err(error) => {
            let cause = causes(&error);
            tracing::error!(%error, cause, "webhooks cannot be told anything");
        }
    }
}

/// A name in a filter that is no pipeline, table or model may be misspelt, or belong to a broken pipeline.
fn warn_of_unknown_names(app: &App) {
    let pipelines = &app.pipelines;
    for (webhook, settings) in &app.config.webhooks {
        let is_unknown = |name: &&String| pipelines.get(name).is_err();
        let unknown = settings.pipelines.iter().filter(is_unknown);
        let is_unknown =
            |name: &&String| pipelines.table(name).is_err() && pipelines.model(name).is_err();
        let unknown = unknown.chain(settings.tables.iter().filter(is_unknown));
        for name in unknown {
            tracing::warn!(
                webhook,
                name,
                "the webhook filters by a name that this service does not know"
            );
        }
    }
}

async fn forget(app: App) {
    loop {
        if let Err(error) = app
            .store
            .forget_deliveries(TRIED_FOR + LEASE, KEPT_FOR)
            .await
        {
            tracing::warn!(%error, "old deliveries could not be deleted");
        }
        tokio::time::sleep(FORGET_INTERVAL).await;
    }
}

/// A webhook, with the places for its tries.
struct Lane {
    sender: Arc<Sender>,
    places: Arc<Semaphore>,
}

struct Dispatcher {
    app: App,
    lanes: BTreeMap<String, Lane>,
    tries: JoinSet<()>,
    /// Whether the present fault of the state database is logged.
    is_fault_logged: bool,
}

impl Dispatcher {
    fn new(app: App) -> Result<Self> {
        let lane = |(name, webhook): (&String, &Webhook)| {
            let lane = Lane {
                sender: Arc::new(Sender::new(name, webhook)?),
                places: Arc::new(Semaphore::new(MOST_AT_ONCE)),
            };
            Ok((name.clone(), lane))
        };
        let lanes = app
            .config
            .webhooks
            .iter()
            .map(lane)
            .collect::<Result<_>>()?;

        Ok(Self {
            app,
            lanes,
            tries: JoinSet::new(),
            is_fault_logged: false,
        })
    }

    async fn deliver(&mut self) {
        let app = self.app.clone();
        while !app.signals.is_stopping() {
            tokio::select! {
                () = self.start_due() => {}
                () = app.signals.stops() => break,
            }
            tokio::select! {
                () = app.signals.stops() => {}
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
                Some(_) = self.tries.join_next() => {}
            }
        }
        while self.tries.join_next().await.is_some() {}
    }

    /// Begins to try the messages whose time has come.
    async fn start_due(&mut self) {
        let free = |(name, lane): (&'_ String, &Lane)| {
            let places = lane.places.available_permits();
            (places > 0).then(|| (name.clone(), places))
        };
        let free: BTreeMap<String, usize> = self.lanes.iter().filter_map(free).collect();
        match self.app.store.claim_deliveries(&free, LEASE).await {
            Ok(claimed) => {
                self.is_fault_logged = false;
                for delivery in claimed {
                    self.start(delivery);
                }
            }
            Err(error) if !self.is_fault_logged => {
                self.is_fault_logged = true;
                let cause = causes(&error);
                tracing::warn!(%error, cause, "the state database cannot be asked for messages of webhooks");
            }
            Err(_) => {}
        }
    }

    fn start(&mut self, delivery: ClaimedDelivery) {
        let Some(lane) = self.lanes.get(&delivery.webhook) else {
            return;
        };
        // Only this task takes places, and it asked for no more messages than places.
        let Ok(place) = Arc::clone(&lane.places).try_acquire_owned() else {
            return;
        };
        let sender = Arc::clone(&lane.sender);
        self.tries
            .spawn(attempt(self.app.clone(), sender, delivery, place));
    }
}

/// Tries to deliver a message, and records the outcome.
async fn attempt(
    app: App,
    sender: Arc<Sender>,
    delivery: ClaimedDelivery,
    _place: OwnedSemaphorePermit,
) {
    let message = Message {
        id: delivery.message_id,
        body: &delivery.body,
    };
    let outcome = sender.send(&message).await;
    if let Err(error) = record(&app, &delivery, outcome).await {
        let webhook = &delivery.webhook;
        tracing::warn!(webhook, message_id = %delivery.message_id, %error, "the outcome of a delivery was not recorded; the message is sent again");
    }
}

async fn record(app: &App, delivery: &ClaimedDelivery, outcome: Outcome) -> Result<()> {
    let webhook = &delivery.webhook;
    let id = delivery.message_id;
    let http_status = outcome.http_status.map(i32::from);
    let Some(fault) = outcome.fault else {
        count(webhook, "delivered");
        return app
            .store
            .record_delivered(delivery.id, http_status, outcome.duration)
            .await;
    };
    let age = Timestamp::now().duration_since(delivery.created_at);
    let age = Duration::try_from(age).unwrap_or_default();
    let pause = pause(delivery.tries, age, outcome.retry_after).filter(|_| !outcome.is_gone);
    let reason = fault.reason.as_str();
    if let Some(pause) = pause {
        let pause_ms = pause.as_millis();
        tracing::warn!(webhook, message_id = %id, reason, pause_ms, "a message was not delivered; it is sent again");
    } else {
        count(webhook, "failed");
        tracing::error!(webhook, message_id = %id, reason, tries = delivery.tries, "a message was not delivered, and is given up");
    }
    let failed = FailedTry {
        http_status,
        duration: outcome.duration,
        reason: fault.reason,
        detail: fault.detail,
        pause,
    };

    app.store.record_failed_try(delivery, &failed).await
}

fn count(webhook: &str, state: &'static str) {
    metrics::counter!("icefront_webhook_deliveries_total", "webhook" => webhook.to_owned(), "state" => state).increment(1);
}
