//! The outbox: the messages that wait for their receivers, and the outcome of each delivery.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::Store;
use super::queries::{Queries, Transaction};
use super::rows::{from_row, text_column};
use super::sql::sql;
use crate::error::Result;

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Not tried yet, or to be tried again.
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
    /// The settings of the receiver: `webhooks.ops`.
    pub receiver: &'a str,
    pub states: Option<Vec<DeliveryState>>,
    /// Only deliveries older than this one.
    pub before: Option<i64>,
    pub limit: i64,
}

/// A delivery that this service has taken, to try it.
#[derive(Debug)]
pub struct ClaimedDelivery {
    pub id: i64,
    /// The settings of the receiver: `webhooks.ops`, `lineage`.
    pub receiver: String,
    pub message_id: Uuid,
    /// This one included.
    pub tries: i32,
    pub body: Value,
    pub created_at: Timestamp,
}

from_row!(ClaimedDelivery {
    id,
    receiver,
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

/// A message that was queued, or given up at once.
#[derive(Debug)]
struct Queued {
    receiver: String,
    is_given_up: bool,
}

from_row!(Queued {
    receiver,
    is_given_up,
});

/// A message that is queued for some receivers.
#[derive(Debug)]
pub(super) struct NewMessage<'a> {
    pub(super) receivers: &'a [String],
    /// What happened, in a word.
    pub(super) event: &'a str,
    pub(super) body: &'a Value,
    /// A receiver gets the messages with the same value one after the other.
    pub(super) in_turn: Option<Uuid>,
    /// The most deliveries of a receiver that wait at once. Further ones are given up at once.
    pub(super) most_waiting: i64,
}

impl Store {
    /// Takes deliveries whose time has come: of each receiver at most so many. While `lease` lasts, no other service
    /// takes them.
    pub async fn claim_deliveries(
        &self,
        places: &BTreeMap<String, usize>,
        lease: Duration,
    ) -> Result<Vec<ClaimedDelivery>> {
        let receivers: Vec<&String> = places.keys().collect();
        let places: Vec<i64> = places
            .values()
            .map(|places| i64::try_from(*places).unwrap_or(i64::MAX))
            .collect();

        self.rows(
            sql!(outbox::claim_deliveries),
            &[&receivers, &places, &lease.as_secs_f64()],
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
            sql!(outbox::record_delivered),
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
            sql!(outbox::record_failed_try),
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

    /// Lists the deliveries of a receiver, newest first.
    pub async fn deliveries(&self, which: &DeliveryQuery<'_>) -> Result<Vec<Delivery>> {
        let DeliveryQuery {
            receiver,
            states,
            before,
            limit,
        } = which;

        self.rows(
            sql!(outbox::list_deliveries),
            &[receiver, states, before, limit],
        )
        .await
    }

    /// Gives up deliveries that are older than `give_up`, to receivers of `settings` that are none of `receivers`. Deletes
    /// the ended deliveries of `settings` that are older than `kept_for`. Says how many were given up.
    pub async fn forget_deliveries(
        &self,
        give_up: Duration,
        settings: &str,
        receivers: &[String],
        kept_for: Duration,
    ) -> Result<u64> {
        let removed = self
            .execute(
                sql!(outbox::give_up_deliveries),
                &[&give_up.as_secs_f64(), &settings, &receivers],
            )
            .await?;
        self.execute(
            sql!(outbox::forget_deliveries),
            &[&settings, &kept_for.as_secs_f64()],
        )
        .await?;

        Ok(removed)
    }
}

impl NewMessage<'_> {
    pub(super) async fn queue(&self, transaction: &Transaction<'_>) -> Result<()> {
        let full = format!(
            "{} deliveries to the receiver were waiting",
            self.most_waiting
        );
        let queued: Vec<Queued> = transaction
            .rows(
                sql!(outbox::queue_deliveries),
                &[
                    &self.receivers,
                    &Uuid::now_v7(),
                    &self.event,
                    &self.body,
                    &self.in_turn,
                    &self.most_waiting,
                    &full,
                ],
            )
            .await?;
        for Queued { receiver, .. } in queued.iter().filter(|queued| queued.is_given_up) {
            let event = self.event;
            tracing::error!(
                receiver,
                event,
                "a message is given up, because too many wait for their receiver"
            );
        }

        Ok(())
    }
}
