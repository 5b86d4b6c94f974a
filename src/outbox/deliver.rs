//! Delivers the messages that wait. Several services share this work.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use super::back_off::{TRIED_FOR, pause};
use super::post::{Fault, Outcome, TRY_LIMIT};
use crate::app::{App, Background};
use crate::error::{Result, causes};
use crate::state::{ClaimedDelivery, FailedTry};

/// The time between two looks for messages.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// The tries of one receiver at once. So a slow one holds up only its own messages.
const MOST_AT_ONCE: usize = 4;
/// How long a message belongs to the service that tries it. After that, the service counts as killed.
const LEASE: Duration = TRY_LIMIT.saturating_add(Duration::from_secs(5));
const FORGET_INTERVAL: Duration = Duration::from_hours(1);

/// What receives messages.
pub trait Receiver: Send + Sync + 'static {
    /// Tries to deliver a message, once, within [`TRY_LIMIT`].
    ///
    /// # Errors
    ///
    /// The message cannot be written now. It is tried again without a record of this.
    fn send(&self, delivery: &ClaimedDelivery) -> impl Future<Output = Result<Outcome>> + Send;

    /// Logs and counts how a try ended.
    fn note(&self, delivery: &ClaimedDelivery, end: TryEnd<'_>);
}

/// How a try ended.
#[derive(Debug, Clone, Copy)]
pub enum TryEnd<'a> {
    Delivered,
    /// It comes again after this pause.
    Failed(&'a Fault, Duration),
    GivenUp(&'a Fault),
}

/// Receivers of the same settings.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    /// Their section in the settings, with which the names of all of them begin.
    pub settings: &'static str,
    /// How long ended deliveries are kept.
    pub kept_for: Duration,
}

/// Delivers messages to some receivers, by their settings, until the service is about to end. Then waits for the tries
/// under way. Messages to receivers that are gone from the settings are given up, also if none is left.
pub async fn deliver<R: Receiver>(app: App, kind: Kind, receivers: BTreeMap<String, R>) {
    let mut helpers = Background::default();
    let names: Vec<String> = receivers.keys().cloned().collect();
    let of = app.clone();
    helpers.spawn("forget deliveries", move || {
        forget(of.clone(), kind, names.clone())
    });
    if receivers.is_empty() {
        return app.signals.stops().await;
    }

    Dispatcher::new(app, kind, receivers).deliver().await;
}

async fn forget(app: App, kind: Kind, receivers: Vec<String>) {
    let Kind { settings, kept_for } = kind;
    loop {
        let forgotten = app
            .store
            .forget_deliveries(TRIED_FOR + LEASE, settings, &receivers, kept_for)
            .await;
        match forgotten {
            Ok(0) => {}
            Ok(given_up) => tracing::error!(
                settings,
                given_up,
                "messages are given up, because their receivers are not in the settings any more"
            ),
            Err(error) => {
                tracing::warn!(settings, %error, "old deliveries could not be deleted");
            }
        }
        tokio::time::sleep(FORGET_INTERVAL).await;
    }
}

/// A receiver, with the places for its tries.
struct Lane<R> {
    receiver: Arc<R>,
    places: Arc<Semaphore>,
}

struct Dispatcher<R> {
    app: App,
    kind: Kind,
    lanes: BTreeMap<String, Lane<R>>,
    tries: JoinSet<()>,
    /// Whether the present fault of the state database is logged.
    is_fault_logged: bool,
}

impl<R: Receiver> Dispatcher<R> {
    fn new(app: App, kind: Kind, receivers: BTreeMap<String, R>) -> Self {
        let lanes = receivers.into_iter().map(|(name, receiver)| {
            let lane = Lane {
                receiver: Arc::new(receiver),
                places: Arc::new(Semaphore::new(MOST_AT_ONCE)),
            };
            (name, lane)
        });

        Self {
            app,
            kind,
            lanes: lanes.collect(),
            tries: JoinSet::new(),
            is_fault_logged: false,
        }
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
        let free = |(name, lane): (&'_ String, &Lane<R>)| {
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
                let settings = self.kind.settings;
                let cause = causes(&error);
                tracing::warn!(settings, %error, cause, "the state database cannot be asked for messages");
            }
            Err(_) => {}
        }
    }

    fn start(&mut self, delivery: ClaimedDelivery) {
        let Some(lane) = self.lanes.get(&delivery.receiver) else {
            return;
        };
        // Only this task takes places, and it asked for no more messages than places.
        let Ok(place) = Arc::clone(&lane.places).try_acquire_owned() else {
            return;
        };
        let receiver = Arc::clone(&lane.receiver);
        self.tries
            .spawn(attempt(self.app.clone(), receiver, delivery, place));
    }
}

/// Tries to deliver a message, and records the outcome.
async fn attempt<R: Receiver>(
    app: App,
    receiver: Arc<R>,
    delivery: ClaimedDelivery,
    _place: OwnedSemaphorePermit,
) {
    let recorded = async {
        let outcome = receiver.send(&delivery).await?;
        record(&app, &*receiver, &delivery, outcome).await
    };
    if let Err(error) = recorded.await {
        let receiver = &delivery.receiver;
        let cause = causes(&error);
        tracing::warn!(receiver, message_id = %delivery.message_id, %error, cause, "the outcome of a delivery was not recorded; the message is sent again");
    }
}

async fn record<R: Receiver>(
    app: &App,
    receiver: &R,
    delivery: &ClaimedDelivery,
    outcome: Outcome,
) -> Result<()> {
    let http_status = outcome.http_status.map(i32::from);
    let Some(fault) = outcome.fault else {
        receiver.note(delivery, TryEnd::Delivered);
        return app
            .store
            .record_delivered(delivery.id, http_status, outcome.duration)
            .await;
    };
    let age = Timestamp::now().duration_since(delivery.created_at);
    let age = Duration::try_from(age).unwrap_or_default();
    let pause = pause(delivery.tries, age, outcome.retry_after).filter(|_| !outcome.is_final);
    let end = pause.map_or(TryEnd::GivenUp(&fault), |pause| {
        TryEnd::Failed(&fault, pause)
    });
    receiver.note(delivery, end);
    let failed = FailedTry {
        http_status,
        duration: outcome.duration,
        reason: fault.reason,
        detail: fault.detail,
        pause,
    };

    app.store.record_failed_try(delivery, &failed).await
}
