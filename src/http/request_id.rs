//! `X-Request-Id`: a name for each call, in its answer and in the lines that it logs.

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::field::Empty;
use tracing::{Instrument, Span};
use uuid::Uuid;

use crate::error::cut;
use crate::traces;
use crate::trino::Origin;

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const LONGEST: usize = 128;

tokio::task_local! {
    static CURRENT: Current;
}

/// The call that is being answered.
struct Current {
    id: String,
    /// Around all lines of the call.
    span: Span,
}

/// The id of the call that is being answered.
pub(super) fn current() -> Option<String> {
    CURRENT.try_with(|current| current.id.clone()).ok()
}

/// Lets the lines of the call that is being answered name its caller.
pub(super) fn tell_principal(name: &str) {
    // Only tests answer calls without this layer.
    let _ = CURRENT.try_with(|current| {
        current.span.record("principal", name);
    });
}

/// Takes the caller's id, or makes one.
pub(super) async fn with_request_id(request: Request, next: Next) -> Response {
    let given = request.headers().get(&REQUEST_ID).and_then(readable);
    let id = given.unwrap_or_else(|| Uuid::now_v7().to_string());
    let method = request.method().as_str();
    let path = shortened(request.uri().path());
    // A filter of the log that has a level for all leaves the fields of an error's span.
    let span = tracing::error_span!("request", request_id = id, principal = Empty, method, path);
    traces::continue_trace(&span, request.headers());
    let answering = next.run(request).instrument(span.clone());
    let answering = Origin::of_call(&id).scope(answering);
    let current = Current {
        id: id.clone(),
        span,
    };
    let mut answer = CURRENT.scope(current, answering).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        answer.headers_mut().insert(REQUEST_ID, value);
    }

    answer
}

/// A text of a caller as a log may tell it: short, on one line, without signs that nobody sees.
pub(super) fn shortened(text: &str) -> String {
    cut(text).escape_debug().to_string()
}

/// An id that may stand in a log.
fn readable(value: &HeaderValue) -> Option<String> {
    let text = value.to_str().ok()?;
    let is_readable =
        (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());

    is_readable.then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_or_strange_name_takes_one_short_line() {
        assert_eq!(
            shortened("/v1/tables/shop.ordérs"),
            "/v1/tables/shop.ordérs"
        );
        assert_eq!(shortened("a\nb\u{202e}c"), "a\\nb\\u{202e}c");
        assert!(shortened(&"a".repeat(60_000)).len() < 300);
    }
}
