//! The audit log: a line for each call that writes, reads data or is refused. The log's filter does not hold it back.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{Method, header};
use axum::response::Response;
use uuid::Uuid;

use super::request_id;
use crate::auth::{AUDIT, Role};

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
            object: parts.uri.path().to_owned(),
            is_admitted: false,
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

/// Writes the line, if the call is one of those that are told: also where the caller hung up before the answer.
impl Drop for Call {
    fn drop(&mut self) {
        let is_read = self.method == Method::GET || self.method == Method::HEAD;
        let reads_data = self.role == Some(Role::Reader);
        if self.action.is_empty() || (self.is_admitted && is_read && !reads_data) {
            return;
        }
        tracing::info!(
            target: AUDIT,
            principal = self.principal.as_deref(),
            address = self.address.map(tracing::field::display),
            action = self.action,
            pipeline = self.pipeline,
            object = self.object,
            decision = if self.is_admitted { "allowed" } else { "refused" },
            status = self.status,
            run_id = self.run.map(tracing::field::display),
            request_id = self.request_id,
        );
    }
}
