//! Answers: a problem for every error, `202` with a `Location` for accepted work.

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::collections::BTreeMap;
use utoipa::openapi::{ContentBuilder, HeaderBuilder, Ref, RefOr, ResponseBuilder};
use utoipa::{IntoResponses, PartialSchema as _, ToSchema as _};

use crate::error::{Error, Problem, causes};

/// The content type of every answer from 400 on.
pub(super) const PROBLEM_JSON: &str = "application/problem+json";
const RETRY_AFTER_SECONDS: &str = "5";

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let problem = Problem::from(&self);
        if problem.status >= 500 {
            let cause = causes(&self);
            tracing::error!(error = %self, cause, "request failed");
        }

        let mut answer = problem.into_response();
        if let Self::RunActive { run, .. } = &self {
            let headers = located(&format!("/v1/runs/{run}"), RETRY_AFTER_SECONDS);
            answer.headers_mut().extend(headers);
        }

        answer
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
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

/// Puts the problem into the document's answers of every operation.
impl IntoResponses for Problem {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let response = |description: &str| {
            let content = ContentBuilder::new()
                .schema(Some(Ref::from_schema_name(Problem::name())))
                .build();
            ResponseBuilder::new()
                .description(description)
                .content(PROBLEM_JSON, content)
        };
        let retry_after = HeaderBuilder::new()
            .schema(Some(i64::schema()))
            .description(Some("With `429` and `503`: seconds until the next try"))
            .build();

        BTreeMap::from([
            (
                "4XX".into(),
                response("The request is wrong or cannot be carried out now; `detail` says what to do")
                    .header("Retry-After", retry_after.clone())
                    .build()
                    .into(),
            ),
            (
                "5XX".into(),
                response(
                    "The service, or a server that it needs, has a fault; `retryable` says whether a later call may succeed",
                )
                .header("Retry-After", retry_after)
                .build()
                .into(),
            ),
        ])
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
