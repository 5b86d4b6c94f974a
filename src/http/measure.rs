//! Counts calls and their times, by route: the template of a path, so that ids and names stay out of metrics.

use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;

pub(super) async fn measure(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or("unknown", MatchedPath::as_str).to_owned();
    let method = word_of(request.method());
    let answer = next.run(request).await;
    let labels = [("method", method.to_owned()), ("route", route)];
    metrics::histogram!("icefront_http_request_duration_seconds", &labels).record(began.elapsed());
    let [method, route] = labels;
    let status = ("status", class_of(answer.status()).to_owned());
    metrics::counter!("icefront_http_requests_total", &[method, route, status]).increment(1);

    answer
}

/// Callers may send any method.
fn word_of(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

fn class_of(status: StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}
