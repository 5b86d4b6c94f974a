//! Sends one message to one receiver, once.

use std::error::Error as _;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER, USER_AGENT};
use reqwest::redirect::Policy;
use reqwest::{Client, StatusCode, Url};
use secrecy::ExposeSecret;

use super::guard::{Guard, Refused};
use super::message::Message;
use super::signature::signature;
use crate::config::Webhook;
use crate::error::{Error, Result};
use crate::state::DeliveryReason;

/// The limit for one try, from the look-up of the host's name to the answer's status.
pub(super) const TRY_LIMIT: Duration = Duration::from_secs(10);
const AGENT: &str = concat!("icefront/", env!("CARGO_PKG_VERSION"));

/// Sends messages to the receiver of a webhook.
#[derive(Debug)]
pub(super) struct Sender {
    /// The webhook's.
    name: String,
    webhook: Webhook,
    guard: Guard,
    client: Client,
}

/// How a try ended.
#[derive(Debug)]
pub struct Outcome {
    /// What the receiver answered, if it did.
    pub http_status: Option<u16>,
    pub duration: Duration,
    /// Why the message counts as not delivered.
    pub fault: Option<Fault>,
    /// How long the receiver asked to wait before the next try.
    pub(super) retry_after: Option<Duration>,
    /// Whether the receiver wants no further try.
    pub(super) is_gone: bool,
}

/// Why a message was not delivered. Quotes neither the url nor the answer's body.
#[derive(Debug)]
pub struct Fault {
    pub reason: DeliveryReason,
    pub detail: String,
}

/// An answer's status and headers. Its body is not read.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
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

    pub(super) async fn send(&self, message: &Message<'_>) -> Outcome {
        let began = Instant::now();
        let late = |_| Err(Fault::late());
        let answer = tokio::time::timeout(TRY_LIMIT, self.post(message)).await;
        let answer = answer.unwrap_or_else(late);
        let duration = began.elapsed();

        match answer {
            Err(fault) => Outcome {
                http_status: None,
                duration,
                fault: Some(fault),
                retry_after: None,
                is_gone: false,
            },
            Ok(Answer { status, headers }) => Outcome {
                http_status: Some(status.as_u16()),
                duration,
                fault: Fault::of_status(status),
                retry_after: retry_after(&headers),
                is_gone: status == StatusCode::GONE,
            },
        }
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
        let answer = request.body(body).send().await.map_err(Fault::of_request)?;

        Ok(Answer {
            status: answer.status(),
            headers: answer.headers().clone(),
        })
    }
}

impl Fault {
    fn new(reason: DeliveryReason, detail: impl Into<String>) -> Self {
        Self {
            reason,
            detail: detail.into(),
        }
    }

    fn late() -> Self {
        let seconds = TRY_LIMIT.as_secs();
        let detail = format!("the receiver did not answer within {seconds} s");

        Self::new(DeliveryReason::Timeout, detail)
    }

    fn of_settings(error: &Error) -> Self {
        Self::new(DeliveryReason::Settings, error.to_string())
    }

    fn of_status(status: StatusCode) -> Option<Self> {
        if status.is_success() {
            return None;
        }
        let code = status.as_u16();
        if status.is_redirection() {
            let detail = format!(
                "the receiver answered {code}; redirects are not followed, so set the url to the right address"
            );
            return Some(Self::new(DeliveryReason::Redirect, detail));
        }
        let detail =
            format!("the receiver answered {code}; a status from 200 to 299 counts as delivered");

        Some(Self::new(DeliveryReason::HttpStatus, detail))
    }

    fn of_request(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self::late();
        }
        // The url, which may be a secret, is left out.
        let error = error.without_url();
        let mut detail = "the connection failed".to_owned();
        let mut next = error.source();
        while let Some(cause) = next {
            if let Some(refused) = cause.downcast_ref::<Refused>() {
                return (*refused).into();
            }
            if let Some(fault) = cause.downcast_ref::<std::io::Error>() {
                detail = format!("the connection failed: {fault}");
            }
            next = cause.source();
        }

        Self::new(DeliveryReason::Connection, detail)
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

/// Seconds in `Retry-After`. A date in it is left to the usual pauses.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;

    Some(Duration::from_secs(seconds))
}
