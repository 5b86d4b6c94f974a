//! Pages of other origins that may call the API: `http.cors_origins`.

use axum::http::{HeaderName, HeaderValue, Method, header};
use tower_http::cors::CorsLayer;

use super::request_id::REQUEST_ID;
use crate::config::Origins;

/// Without origins no page of another one may read an answer.
pub(super) fn layer(origins: &Origins) -> CorsLayer {
    let origins = origins.0.iter();
    let origins: Vec<HeaderValue> = origins.filter_map(|text| text.parse().ok()).collect();

    CorsLayer::new()
        .allow_origin(origins)
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("idempotency-key"),
            REQUEST_ID,
        ])
        .expose_headers([
            header::LOCATION,
            header::RETRY_AFTER,
            HeaderName::from_static("idempotency-replayed"),
            REQUEST_ID,
        ])
}
