//! The audit log: a line for each call that writes, reads data or is refused. The log's filter does not hold it back.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{Method, header};
use axum::response::Response;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use uuid::Uuid;

use super::at_once::network;
use super::rates::REMEMBERED;
use super::request_id;
use crate::auth::{AUDIT, Role};

/// Lines about refused calls of an address whose caller is not known: so many at once, and as many a minute.
const LINES: u32 = 300;

/// A call, as the audit log tells it, without values of rows.
#[derive(Debug)]
pub(super) struct Call {
    /// Where it comes from: the caller, or the proxy before the service.
    pub(super) address: Option<IpAddr>,
    pub(super) principal: Option<Arc<str>>,
    /// The id of the operation.
    pub(super) action: String,
    /// The role that it needs.
    pub(super) role: Option<Role>,
    pub(super) pipeline: Option<String>,
    pub(super) run: Option<Uuid>,
    method: Method,
    /// The path, which names the object.
    object: String,
    pub(super) is_admitted: bool,
    /// Whether the log has room for it.
    pub(super) is_told: bool,
    /// Of the answer; `None` if there was none.
    status: Option<u16>,
    request_id: Option<String>,
}

impl Call {
    pub(super) fn of(parts: &Parts) -> Self {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();

        Self {
            address: peer.map(|ConnectInfo(peer)| peer.ip().to_canonical()),
            principal: None,
            action: String::new(),
            role: None,
            pipeline: None,
            run: None,
            method: parts.method.clone(),
            object: request_id::shortened(parts.uri.path()),
            is_admitted: false,
            is_told: true,
            status: None,
            request_id: request_id::current(),
        }
    }

    /// Notes how the call was answered.
    pub(super) fn answered(&mut self, answer: &Response) {
        self.status = Some(answer.status().as_u16());
        let started = answer
            .headers()
            .get(header::LOCATION)
            .and_then(|path| path.to_str().ok());
        let started = started.and_then(|path| path.strip_prefix("/v1/runs/"));
        self.run = self.run.or_else(|| started?.parse().ok());
    }
}

/// How many lines strangers may cause.
#[derive(Debug, Clone)]
pub(super) struct Lines(Arc<DefaultKeyedRateLimiter<IpAddr>>);

impl Default for Lines {
    fn default() -> Self {
        let most = NonZeroU32::new(LINES).unwrap_or(NonZeroU32::MIN);

        Self(Arc::new(RateLimiter::keyed(Quota::per_minute(most))))
    }
}

impl Lines {
    /// Whether the log has room for a line about a stranger.
    pub(super) fn has_room(&self, address: Option<IpAddr>) -> bool {
        if self.0.len() > REMEMBERED {
            self.0.retain_recent();
        }

        address.is_none_or(|address| self.0.check_key(&network(address)).is_ok())
    }
}

/// Writes the line, if the call is one of those that are told: also where the caller hung up before the answer.
impl Drop for Call {
    fn drop(&mut self) {
        let is_read = self.method == Method::GET || self.method == Method::HEAD;
        let reads_data = self.role == Some(Role::Reader);
        if !self.is_admitted {
            let reason = match self.status {
                Some(401) => "unauthenticated",
                Some(403) => "forbidden",
                _ => "other",
            };
            metrics::counter!("icefront_calls_refused_total", "reason" => reason).increment(1);
        }
        if !self.is_told || self.action.is_empty() || (self.is_admitted && is_read && !reads_data) {
            return;
        }
        tracing::info!(
            target: AUDIT,
            principal = self.principal.as_deref(),
            address = self.address.map(tracing::field::display),
            action = self.action,
            pipeline = self.pipeline.as_deref().map(request_id::shortened),
            object = self.object,
            decision = if self.is_admitted { "allowed" } else { "refused" },
            status = self.status,
            run_id = self.run.map(tracing::field::display),
            request_id = self.request_id,
        );
    }
}
