//! One try to send a message over HTTP, and how it ended.

use std::error::Error as _;
use std::time::{Duration, Instant};

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::error::Error;
use crate::state::DeliveryReason;

/// The limit for one try, from the look-up of the host's name to the answer's status.
pub const TRY_LIMIT: Duration = Duration::from_secs(10);
/// The `user-agent` of all messages.
pub const AGENT: &str = concat!("icefront/", env!("CARGO_PKG_VERSION"));

/// How a try ended.
#[derive(Debug)]
pub struct Outcome {
    /// What the receiver answered, if it did.
    pub http_status: Option<u16>,
    pub duration: Duration,
    /// Why the message counts as not delivered.
    pub fault: Option<Fault>,
    /// How long the receiver asked to wait before the next try.
    pub retry_after: Option<Duration>,
    /// Whether no further try can help.
    pub is_final: bool,
}

/// Why a message was not delivered. Quotes neither the url nor the answer's body.
#[derive(Debug)]
pub struct Fault {
    pub reason: DeliveryReason,
    pub detail: String,
}

/// An answer's status and headers. Its body is not read.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
}

/// Sends a message once, and says how it was received. The answers `final_statuses` want no further try.
pub async fn post(
    send: impl Future<Output = Result<Answer, Fault>>,
    final_statuses: &[StatusCode],
) -> Outcome {
    let began = Instant::now();
    let answer = tokio::time::timeout(TRY_LIMIT, send).await;
    let answer = answer.unwrap_or_else(|_| Err(Fault::late()));
    let duration = began.elapsed();

    match answer {
        Err(fault) => Outcome {
            http_status: None,
            duration,
            fault: Some(fault),
            retry_after: None,
            is_final: false,
        },
        Ok(Answer { status, headers }) => Outcome {
            http_status: Some(status.as_u16()),
            duration,
            fault: Fault::of_status(status),
            retry_after: retry_after(&headers),
            is_final: final_statuses.contains(&status),
        },
    }
}

impl Fault {
    #[must_use]
    pub fn new(reason: DeliveryReason, detail: impl Into<String>) -> Self {
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

    #[must_use]
    pub fn of_settings(error: &Error) -> Self {
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

    #[must_use]
    pub fn of_request(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self::late();
        }
        // The url, which may be a secret, is left out.
        let error = error.without_url();
        let mut detail = "the connection failed".to_owned();
        let mut next = error.source();
        while let Some(cause) = next {
            if let Some(fault) = cause.downcast_ref::<std::io::Error>() {
                detail = format!("the connection failed: {fault}");
            }
            next = cause.source();
        }

        Self::new(DeliveryReason::Connection, detail)
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
