//! Answers: a problem for every error, `202` with a `Location` for accepted work.

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::collections::BTreeMap;
use utoipa::IntoResponses;
use utoipa::openapi::RefOr;

use super::request_id;
use crate::error::{Error, Problem, causes};

/// The content type of every answer from 400 on.
pub(super) const PROBLEM_JSON: &str = "application/problem+json";
const RETRY_AFTER_SECONDS: &str = "5";

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let problem = Problem::from(&self);
        // There may be any number of calls that are turned away.
        if problem.status >= 500 && !matches!(self, Self::Overloaded) {
            let cause = causes(&self);
            tracing::error!(error = %self, cause, "request failed");
        }

        let mut answer = problem.into_response();
        if let Self::RunActive { run, .. } = &self {
            let headers = located(&format!("/v1/runs/{run}"), RETRY_AFTER_SECONDS);
            answer.headers_mut().extend(headers);
        }
        if let Self::TooManyCalls { retry_after, .. } = &self {
            let headers = answer.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from(*retry_after));
        }

        answer
    }
}

impl IntoResponse for Problem {
    fn into_response(mut self) -> Response {
        self.request_id = request_id::current();
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut answer = (status, Json(self)).into_response();
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if matches!(
            status,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS
        ) {
            headers.insert(
                header::RETRY_AFTER,
                HeaderValue::from_static(RETRY_AFTER_SECONDS),
            );
        }

        answer
    }
}

/// Puts the schema of the problem into the document.
impl IntoResponses for Problem {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        // Which problems an operation has, `document` says.
        BTreeMap::new()
    }
}

/// `202`: the work is accepted, and `location` shows its progress.
#[derive(Debug)]
pub(super) struct Accepted<T> {
    location: String,
    body: T,
}

impl<T> Accepted<T> {
    pub(super) fn at(location: String, body: T) -> Self {
        Self { location, body }
    }
}

impl<T: serde::Serialize> IntoResponse for Accepted<T> {
    fn into_response(self) -> Response {
        let headers = located(&self.location, "1");
        (StatusCode::ACCEPTED, headers, Json(self.body)).into_response()
    }
}

/// `Location`, and after how many seconds to ask there.
pub(super) fn located(location: &str, retry_after: &'static str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut insert = |name: HeaderName, value: Option<HeaderValue>| {
        if let Some(value) = value {
            headers.insert(name, value);
        }
    };
    insert(header::LOCATION, HeaderValue::from_str(location).ok());
    insert(
        header::RETRY_AFTER,
        Some(HeaderValue::from_static(retry_after)),
    );

    headers
}
