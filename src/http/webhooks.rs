//! `/v1/webhooks`: who is told when something happens, and whether the messages arrived.

use axum::Json;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::access::Granted;
use super::page::{Page, Paging};
use super::read::{AnyOf, Body, Empty, Path, Query, any};
use crate::config::{self, WebhookEvent, WebhookFormat};
use crate::error::{Error, Problem, Result};
use crate::state::{self, DeliveryQuery, DeliveryReason, DeliveryState};
use crate::webhooks::{self, TestMessage};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(super) struct WebhookPath {
    /// The webhook's name in the settings.
    #[param(example = "ops")]
    webhook: String,
}

type WebhookPage = Page<Webhook>;

/// A webhook of the settings. Its url and its secrets are not shown.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "name": "ops", "events": ["run.failed", "freshness.error", "freshness.recovered"], "pipelines": ["shop"], "tables": [],
    "format": "json", "signed": true,
}))]
pub(super) struct Webhook {
    /// The name in the settings.
    name: String,
    /// What the receiver is told of.
    events: Vec<WebhookEvent>,
    /// Only these pipelines; empty for all.
    pipelines: Vec<String>,
    /// Only these tables and models; empty for all.
    tables: Vec<String>,
    /// How messages are written.
    format: WebhookFormat,
    /// Whether messages have a signature.
    signed: bool,
}

impl Webhook {
    fn new(name: &str, webhook: &config::Webhook) -> Self {
        Self {
            name: name.to_owned(),
            events: webhook.events.clone(),
            pipelines: webhook.pipelines.clone(),
            tables: webhook.tables.clone(),
            format: webhook.format,
            signed: webhook.is_signed(),
        }
    }
}

/// List the webhooks of the settings, sorted by name.
#[utoipa::path(
    get, path = "/v1/webhooks", tag = "webhooks",
    params(Paging),
    responses((status = OK, description = "A page of webhooks", body = WebhookPage), Problem),
)]
pub(super) async fn list_webhooks(
    Granted(app): Granted,
    paging: Paging,
) -> Result<Json<WebhookPage>> {
    let webhooks = app.config.webhooks.iter();
    let webhooks = webhooks.map(|(name, webhook)| Webhook::new(name, webhook));

    Ok(Json(
        paging.page_of(webhooks, |webhook| webhook.name.clone())?,
    ))
}

/// The outcome of a test message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "webhook": "ops", "message_id": "019a6d3e-7f10-7c4c-9f5a-2b1c3d4e5f60", "delivered": false, "http_status": 403,
    "duration_seconds": 0.12, "reason": "http_status", "detail": "the receiver answered 403; a status from 200 to 299 counts as delivered",
}))]
pub(super) struct WebhookTest {
    /// The webhook's name.
    webhook: String,
    /// The header `webhook-id` of the message.
    message_id: Uuid,
    /// Whether the receiver answered with a status from 200 to 299.
    delivered: bool,
    /// The status of the answer; `null` without an answer.
    http_status: Option<u16>,
    /// From the look-up of the host's name to the answer.
    duration_seconds: f64,
    /// Why the message was not delivered.
    reason: Option<DeliveryReason>,
    /// The reason for people, with what to do.
    detail: Option<String>,
}

/// Send a test message to a webhook at once, and say how it was received.
#[utoipa::path(
    post, path = "/v1/webhooks/{webhook}/test", tag = "webhooks",
    params(WebhookPath),
    responses((status = OK, description = "The message was sent; after at most 10 seconds, `delivered` says whether it was received", body = WebhookTest), Problem),
)]
pub(super) async fn test_webhook(
    Granted(app): Granted,
    Path(WebhookPath { webhook }): Path<WebhookPath>,
    Body(Empty {}): Body<Empty>,
) -> Result<Json<WebhookTest>> {
    let TestMessage {
        message_id,
        outcome,
    } = webhooks::send_test(&app, &webhook).await?;
    let (reason, detail) = outcome
        .fault
        .map(|fault| (fault.reason, fault.detail))
        .unzip();

    Ok(Json(WebhookTest {
        webhook,
        message_id,
        delivered: reason.is_none(),
        http_status: outcome.http_status,
        duration_seconds: outcome.duration.as_secs_f64(),
        reason,
        detail,
    }))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(super) struct DeliveriesQuery {
    /// Only deliveries in one of these states.
    #[param(value_type = Option<Vec<DeliveryState>>, style = Form, explode = false, required = false)]
    state: Option<AnyOf<DeliveryState>>,
}

type DeliveryPage = Page<Delivery>;

/// A message for a webhook, and how it was received.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "id": "17", "webhook": "ops", "message_id": "019a6d3e-7f10-7c4c-9f5a-2b1c3d4e5f60", "event": "run.failed",
    "state": "waiting", "created_at": "2026-01-01T12:00:02.400000Z", "tries": 2, "tried_at": "2026-01-01T12:00:03.500000Z",
    "next_try_at": "2026-01-01T12:00:08.700000Z", "http_status": 500, "duration_seconds": 0.12, "reason": "http_status",
    "detail": "the receiver answered 500; a status from 200 to 299 counts as delivered", "delivered_at": null, "given_up_at": null,
}))]
pub(super) struct Delivery {
    /// The delivery's number.
    id: String,
    /// The webhook's name.
    webhook: String,
    /// The header `webhook-id` of the message: the same in every try.
    message_id: Uuid,
    /// What happened.
    #[schema(value_type = WebhookEvent)]
    event: String,
    /// How the delivery stands.
    state: DeliveryState,
    /// When it happened.
    #[serde(serialize_with = "crate::time::exact")]
    created_at: Timestamp,
    /// How often the message was sent.
    tries: i32,
    /// When it was sent last.
    #[serde(serialize_with = "crate::time::exact")]
    tried_at: Option<Timestamp>,
    /// When it is sent again; `null` after the end.
    #[serde(serialize_with = "crate::time::exact")]
    next_try_at: Option<Timestamp>,
    /// The status of the last answer; `null` without an answer.
    http_status: Option<i32>,
    /// The duration of the last try.
    duration_seconds: Option<f64>,
    /// Why the last try failed.
    reason: Option<DeliveryReason>,
    /// The reason for people, with what to do.
    detail: Option<String>,
    /// When the receiver took the message.
    #[serde(serialize_with = "crate::time::exact")]
    delivered_at: Option<Timestamp>,
    /// When the delivery was given up.
    #[serde(serialize_with = "crate::time::exact")]
    given_up_at: Option<Timestamp>,
}

impl Delivery {
    fn new(webhook: &str, delivery: state::Delivery) -> Self {
        Self {
            id: delivery.id.to_string(),
            webhook: webhook.to_owned(),
            message_id: delivery.message_id,
            event: delivery.event,
            state: delivery.state,
            created_at: delivery.created_at,
            tries: delivery.tries,
            tried_at: delivery.tried_at,
            next_try_at: delivery.next_try_at,
            http_status: delivery.http_status,
            duration_seconds: delivery.duration_seconds,
            reason: delivery.reason,
            detail: delivery.detail,
            delivered_at: delivery.delivered_at,
            given_up_at: delivery.given_up_at,
        }
    }
}

/// List the deliveries of a webhook of the last 30 days, newest first.
#[utoipa::path(
    get, path = "/v1/webhooks/{webhook}/deliveries", tag = "webhooks",
    params(WebhookPath, DeliveriesQuery, Paging),
    responses((status = OK, description = "A page of deliveries", body = DeliveryPage), Problem),
)]
pub(super) async fn list_deliveries(
    Granted(app): Granted,
    Path(WebhookPath { webhook }): Path<WebhookPath>,
    Query(query): Query<DeliveriesQuery>,
    paging: Paging,
) -> Result<Json<DeliveryPage>> {
    let webhooks = &app.config.webhooks;
    if !webhooks.contains_key(&webhook) {
        let known = webhooks.keys().map(String::as_str);
        return Err(Error::not_found("webhook", &webhook, known));
    }
    let which = DeliveryQuery {
        receiver: &format!("webhooks.{webhook}"),
        states: any(query.state),
        before: paging.after()?,
        limit: paging.asked_rows(),
    };
    let deliveries = app.store.deliveries(&which).await?;
    let page = paging.page(deliveries, |last| last.id)?;

    Ok(Json(page.map(|delivery| Delivery::new(&webhook, delivery))))
}
