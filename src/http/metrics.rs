//! `/metrics`, on an address of its own.

use axum::Router;
use axum::http::header;
use axum::middleware::from_fn_with_state;
use axum::routing::get;

use super::browsers::{self, Guard};
use crate::config::Http;
use crate::metrics::Exposition;

/// Of the text format of Prometheus.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The metrics, which ask nobody who they are and are shown to no foreign page.
pub fn metrics(exposition: Exposition, settings: &Http) -> Router {
    let guard = Guard::of_metrics(settings);

    Router::new()
        .route(
            "/metrics",
            get(async move || ([(header::CONTENT_TYPE, CONTENT_TYPE)], exposition.text())),
        )
        .layer(from_fn_with_state(guard, browsers::guard))
}
