//! Webhooks: the messages that wait for their receivers, and the outcome of each delivery.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Store;
use super::queries::{Queries, Transaction};
use super::rows::{from_row, text_column};
use super::sql::sql;
use crate::config::{Webhook, WebhookEvent};
use crate::error::Result;
use crate::time;

/// The most deliveries of a webhook that wait at once. The messages of further events are given up at once.
const MOST_WAITING: i64 = 1_000;

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Not tried yet, or tried in vain and to be tried again.
    Waiting,
    /// The receiver answered with a status from 200 to 299.
    Delivered,
    /// Given up.
    Failed,
}

text_column!(DeliveryState {
    Waiting = "waiting",
    Delivered = "delivered",
    Failed = "failed",
});

/// Why a message was not delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryReason {
    /// The receiver answered with a status that is not from 200 to 299.
    HttpStatus,
    /// The receiver answered that another address is right. Redirects are not followed.
    Redirect,
    /// The receiver did not answer in time.
    Timeout,
    /// No connection, or it broke.
    Connection,
    /// The name of the host has no address.
    UnknownHost,
    /// The receiver has a private address that `private_networks` does not allow.
    PrivateAddress,
    /// The settings of the webhook cannot be used: a file of a secret is missing, for example.
    Settings,
    /// Too many deliveries of the webhook waited.
    TooManyWaiting,
    /// No service has the webhook in its settings any more.
    WebhookRemoved,
}

text_column!(DeliveryReason {
    HttpStatus = "http_status",
    Redirect = "redirect",
    Timeout = "timeout",
    Connection = "connection",
    UnknownHost = "unknown_host",
    PrivateAddress = "private_address",
    Settings = "settings",
    TooManyWaiting = "too_many_waiting",
    WebhookRemoved = "webhook_removed",
});

/// A delivery as it is recorded.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// Rises.
    pub id: i64,
    pub message_id: Uuid,
    /// Such as `run.failed`.
    pub event: String,
    pub state: DeliveryState,
    pub created_at: Timestamp,
    pub tries: i32,
    /// When the last try began.
    pub tried_at: Option<Timestamp>,
    pub next_try_at: Option<Timestamp>,
    /// What the receiver answered to the last try.
    pub http_status: Option<i32>,
    /// Of the last try.
    pub duration_seconds: Option<f64>,
    pub reason: Option<DeliveryReason>,
    pub detail: Option<String>,
    pub delivered_at: Option<Timestamp>,
    pub given_up_at: Option<Timestamp>,
}

from_row!(Delivery {
    id,
    message_id,
    event,
    state,
    created_at,
    tries,
    tried_at,
    next_try_at,
    http_status,
    duration_seconds,
    reason,
    detail,
    delivered_at,
    given_up_at,
});

/// Which deliveries to list.
#[derive(Debug)]
pub struct DeliveryQuery<'a> {
    pub webhook: &'a str,
    pub states: Option<Vec<DeliveryState>>,
    /// Only deliveries older than this one.
    pub before: Option<i64>,
    pub limit: i64,
}

/// A delivery that this service has taken, to try it.
#[derive(Debug)]
pub struct ClaimedDelivery {
    pub id: i64,
    pub webhook: String,
    pub message_id: Uuid,
    /// This one included.
    pub tries: i32,
    pub body: Value,
    pub created_at: Timestamp,
}

from_row!(ClaimedDelivery {
    id,
    webhook,
    message_id,
    tries,
    body,
    created_at,
});

/// A try that failed.
#[derive(Debug)]
pub struct FailedTry {
    pub http_status: Option<i32>,
    pub duration: Duration,
    pub reason: DeliveryReason,
    pub detail: String,
    /// The time until the next try; `None` gives the delivery up.
    pub pause: Option<Duration>,
}

/// Who wants to be told of what, from the settings.
#[derive(Debug, Clone, Default)]
pub struct Subscriptions(Vec<Subscription>);

#[derive(Debug, Clone)]
struct Subscription {
    webhook: String,
    events: Vec<WebhookEvent>,
    pipelines: Vec<String>,
    tables: Vec<String>,
}

impl Subscriptions {
    #[must_use]
    pub fn of(webhooks: &BTreeMap<String, Webhook>) -> Self {
        let subscription = |(name, webhook): (&String, &Webhook)| Subscription {
            webhook: name.clone(),
            events: webhook.events.clone(),
            pipelines: webhook.pipelines.clone(),
            tables: webhook.tables.clone(),
        };

        Self(webhooks.iter().map(subscription).collect())
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[must_use]
    pub fn has_freshness(&self) -> bool {
        let mut events = self.0.iter().flat_map(|of| &of.events);

        events.any(|event| event.is_of_freshness())
    }

    /// The webhooks that want to be told of a happening.
    fn webhooks(&self, happening: &Happening) -> Vec<&str> {
        let wants = |of: &&Subscription| {
            let has = |names: &[String], name: Option<&String>| {
                names.is_empty() || name.is_some_and(|name| names.contains(name))
            };
            // Who is not told of `warn` has nothing to hear of its end.
            let was_told = happening.event != WebhookEvent::FreshnessRecovered
                || happening.worst.as_deref() != Some("warn")
                || of.events.contains(&WebhookEvent::FreshnessWarn);
            was_told
                && of.events.contains(&happening.event)
                && has(&of.pipelines, Some(&happening.pipeline))
                && has(&of.tables, happening.subject.as_ref())
        };

        self.0
            .iter()
            .filter(wants)
            .map(|of| of.webhook.as_str())
            .collect()
    }
}

/// Something that webhooks may be told of.
#[derive(Debug)]
pub(super) struct Happening {
    pub(super) event: WebhookEvent,
    pub(super) pipeline: String,
    /// The table or model that it is about.
    pub(super) subject: Option<String>,
    /// How bad a status became, of which this is the end.
    pub(super) worst: Option<String>,
    pub(super) at: Timestamp,
    pub(super) data: Value,
}

/// The freshness of a table or model, at a look.
#[derive(Debug)]
pub struct SeenFreshness<'a> {
    pub pipeline: &'a str,
    /// The table or model in the API.
    pub name: &'a str,
    /// `pass`, `warn` or `error`.
    pub status: &'a str,
    pub data: Value,
}

impl Store {
    /// Takes deliveries whose time has come: of each webhook at most so many. While `lease` lasts, no other service
    /// takes them.
    pub async fn claim_deliveries(
        &self,
        places: &BTreeMap<String, usize>,
        lease: Duration,
    ) -> Result<Vec<ClaimedDelivery>> {
        let webhooks: Vec<&String> = places.keys().collect();
        let places: Vec<i64> = places
            .values()
            .map(|places| i64::try_from(*places).unwrap_or(i64::MAX))
            .collect();

        self.rows(
            sql!(webhooks::claim_deliveries),
            &[&webhooks, &places, &lease.as_secs_f64()],
        )
        .await
    }

    pub async fn record_delivered(
        &self,
        id: i64,
        http_status: Option<i32>,
        duration: Duration,
    ) -> Result<()> {
        self.execute(
            sql!(webhooks::record_delivered),
            &[&id, &http_status, &duration.as_secs_f64()],
        )
        .await?;

        Ok(())
    }

    pub async fn record_failed_try(
        &self,
        delivery: &ClaimedDelivery,
        failed: &FailedTry,
    ) -> Result<()> {
        let pause = failed.pause.map(|pause| pause.as_secs_f64());
        self.execute(
            sql!(webhooks::record_failed_try),
            &[
                &delivery.id,
                &delivery.tries,
                &failed.http_status,
                &failed.duration.as_secs_f64(),
                &failed.reason,
                &failed.detail,
                &pause,
            ],
        )
        .await?;

        Ok(())
    }

    /// Lists the deliveries of a webhook, newest first.
    pub async fn deliveries(&self, which: &DeliveryQuery<'_>) -> Result<Vec<Delivery>> {
        let DeliveryQuery {
            webhook,
            states,
            before,
            limit,
        } = which;

        self.rows(
            sql!(webhooks::list_deliveries),
            &[webhook, states, before, limit],
        )
        .await
    }

    /// Gives up deliveries of removed webhooks that are older than `give_up`, and deletes ended ones older than `forget`.
    pub async fn forget_deliveries(&self, give_up: Duration, forget: Duration) -> Result<()> {
        self.execute(
            sql!(webhooks::give_up_deliveries),
            &[&give_up.as_secs_f64()],
        )
        .await?;
        self.execute(sql!(webhooks::forget_deliveries), &[&forget.as_secs_f64()])
            .await?;

        Ok(())
    }

    /// Notes how fresh a table or model is. If the status is another one than before, queues the messages that say so,
    /// in the same transaction.
    pub async fn note_freshness(
        &self,
        seen: SeenFreshness<'_>,
        subscriptions: &Subscriptions,
    ) -> Result<()> {
        let mut connection = self.connection().await?;
        let transaction = connection.begin().await?;
        let worst: Option<String> = transaction
            .value_opt(sql!(webhooks::note_freshness), &[&seen.name, &seen.status])
            .await?;
        let event = match (seen.status, worst.as_deref()) {
            // The status is as before, or this is the first look and all is well.
            (_, None) | ("pass", Some("pass")) => None,
            ("pass", Some(_)) => Some(WebhookEvent::FreshnessRecovered),
            ("warn", Some(_)) => Some(WebhookEvent::FreshnessWarn),
            _ => Some(WebhookEvent::FreshnessError),
        };
        if let Some(event) = event {
            let happening = Happening {
                event,
                pipeline: seen.pipeline.to_owned(),
                subject: Some(seen.name.to_owned()),
                worst,
                at: Timestamp::now(),
                data: seen.data,
            };
            queue(&transaction, happening, subscriptions).await?;
        }

        transaction.commit().await
    }
}

/// Queues a message for every webhook that wants it.
pub(super) async fn queue(
    transaction: &Transaction<'_>,
    happening: Happening,
    subscriptions: &Subscriptions,
) -> Result<()> {
    let webhooks = subscriptions.webhooks(&happening);
    if webhooks.is_empty() {
        return Ok(());
    }
    let event = happening.event.as_str();
    let body = json!({
        "type": event,
        "timestamp": time::text(happening.at),
        "data": happening.data,
    });
    let full = format!("{MOST_WAITING} deliveries of the webhook were waiting");
    transaction
        .execute(
            sql!(webhooks::queue_deliveries),
            &[
                &webhooks,
                &Uuid::now_v7(),
                &event,
                &body,
                &MOST_WAITING,
                &full,
            ],
        )
        .await?;

    Ok(())
}
