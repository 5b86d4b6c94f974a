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

/// A call, as the audit log tells it. It has names of columns, and no values.
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
    columns: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    Allowed,
    Refused,
}

impl Call {
    pub(super) fn of(parts: &Parts) -> Self {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let query = parts.uri.query().unwrap_or_default();
        let columns = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "columns");

        Self {
            address: peer.map(|ConnectInfo(peer)| peer.ip().to_canonical()),
            principal: None,
            action: String::new(),
            role: None,
            pipeline: None,
            run: None,
            method: parts.method.clone(),
            object: parts.uri.path().to_owned(),
            columns: columns.map(|(_, columns)| columns.into_owned()),
        }
    }

    /// Writes the line, if the call is one of those that are told.
    pub(super) fn write(&self, decision: Decision, answer: &Response) {
        let is_read = self.method == Method::GET || self.method == Method::HEAD;
        let reads_data = self.role == Some(Role::Reader);
        if self.action.is_empty() || (decision == Decision::Allowed && is_read && !reads_data) {
            return;
        }
        let started = answer
            .headers()
            .get(header::LOCATION)
            .and_then(|path| path.to_str().ok());
        let started = started.and_then(|path| path.strip_prefix("/v1/runs/"));
        let run = self.run.map(|run| run.to_string());
        tracing::info!(
            target: AUDIT,
            principal = self.principal.as_deref(),
            address = self.address.map(tracing::field::display),
            action = self.action,
            pipeline = self.pipeline,
            object = self.object,
            columns = self.columns,
            decision = match decision {
                Decision::Allowed => "allowed",
                Decision::Refused => "refused",
            },
            status = answer.status().as_u16(),
            run_id = run.as_deref().or(started),
            request_id = request_id::current(),
        );
    }
}
