//! Who is told of what: the webhooks that want to hear of something, and what is queued for them.

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::{Builder, Uuid};

use super::Store;
use super::outbox::NewMessage;
use super::queries::{Queries, Transaction};
use super::sql::sql;
use crate::config::{Config, WebhookEvent, WebhookFormat};
use crate::error::Result;
use crate::time;

/// The most deliveries of a webhook that wait at once. The messages of further events are given up at once.
const MOST_WAITING: i64 = 1_000;

/// Who wants to be told of what, from the settings.
#[derive(Debug, Clone, Default)]
pub struct Subscriptions {
    webhooks: Vec<Subscription>,
    /// Whether a lineage server is told of runs.
    has_lineage: bool,
}

#[derive(Debug, Clone)]
struct Subscription {
    webhook: String,
    events: Vec<WebhookEvent>,
    pipelines: Vec<String>,
    tables: Vec<String>,
    /// Whether messages about the same thing must come in order: `PagerDuty` does not look at their times.
    is_in_order: bool,
}

impl Subscriptions {
    #[must_use]
    pub fn of(config: &Config) -> Self {
        let webhooks = config.webhooks.iter().map(|(name, webhook)| Subscription {
            webhook: name.clone(),
            events: webhook.events.clone(),
            pipelines: webhook.pipelines.clone(),
            tables: webhook.tables.clone(),
            is_in_order: webhook.format == WebhookFormat::Pagerduty,
        });

        Self {
            webhooks: webhooks.collect(),
            has_lineage: config.lineage.is_on(),
        }
    }

    #[must_use]
    pub fn has_webhooks(&self) -> bool {
        !self.webhooks.is_empty()
    }

    #[must_use]
    pub fn has_lineage(&self) -> bool {
        self.has_lineage
    }

    #[must_use]
    pub fn has_freshness(&self) -> bool {
        let mut events = self.webhooks.iter().flat_map(|of| &of.events);

        events.any(|event| event.is_of_freshness())
    }

    /// The webhooks that want to be told of a happening: those that take messages in any order, and those that do not.
    fn receivers(&self, happening: &Happening) -> (Vec<String>, Vec<String>) {
        let wants = |of: &&Subscription| {
            let has = |names: &[String], name: Option<&String>| {
                names.is_empty() || name.is_some_and(|name| names.contains(name))
            };
            // A webhook that is not told of `warn` is not told of its end either.
            let was_told = happening.event != WebhookEvent::FreshnessRecovered
                || happening.worst.as_deref() != Some("warn")
                || of.events.contains(&WebhookEvent::FreshnessWarn);
            was_told
                && of.events.contains(&happening.event)
                && has(&of.pipelines, Some(&happening.pipeline))
                && has(&of.tables, happening.subject.as_ref())
        };

        let (in_order, others): (Vec<_>, Vec<_>) = self
            .webhooks
            .iter()
            .filter(wants)
            .partition(|of| of.is_in_order);
        let names = |of: Vec<&Subscription>| {
            of.iter()
                .map(|of| format!("webhooks.{}", of.webhook))
                .collect()
        };

        (names(others), names(in_order))
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
    /// When the look began, by the clock of the state database.
    pub at: Timestamp,
    pub data: Value,
}

impl Store {
    /// The time by the clock of the state database, which all services share.
    pub async fn now(&self) -> Result<Timestamp> {
        self.value(sql!(runs::now), &[]).await
    }

    /// Notes how fresh a table or model is. If the status is another one than before, queues the messages that say so,
    /// in the same transaction. A look that began before the one that gave the present status changes nothing: what it saw may be older.
    pub async fn note_freshness(
        &self,
        seen: SeenFreshness<'_>,
        subscriptions: &Subscriptions,
    ) -> Result<()> {
        let mut connection = self.connection().await?;
        let transaction = connection.begin().await?;
        let worst: Option<String> = transaction
            .value_opt(
                sql!(webhooks::note_freshness),
                &[&seen.name, &seen.status, &seen.at],
            )
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
                at: seen.at,
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
    let (in_any_order, in_order) = subscriptions.receivers(&happening);
    // The begin and the end of the same trouble: `run.failed` and `run.succeeded` of a pipeline.
    let kind = happening.event.as_str().split('.').next();
    let subject = happening.subject.as_ref().unwrap_or(&happening.pipeline);
    let trouble = format!("{}/{subject}", kind.unwrap_or_default());
    let turn = turn_of(&trouble);
    let event = happening.event.as_str();
    let body = json!({
        "type": event,
        "timestamp": time::text(happening.at),
        "data": happening.data,
    });
    for (receivers, in_turn) in [(in_any_order, None), (in_order, Some(turn))] {
        if receivers.is_empty() {
            continue;
        }
        let message = NewMessage {
            receivers: &receivers,
            event,
            body: &body,
            in_turn,
            most_waiting: MOST_WAITING,
        };
        message.queue(transaction).await?;
    }

    Ok(())
}

/// The same id for the same trouble.
fn turn_of(trouble: &str) -> Uuid {
    let hash = Sha256::digest(trouble.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);

    Builder::from_custom_bytes(bytes).into_uuid()
}
