//! `/metrics`, on an address of its own.

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::get;
use metrics_exporter_prometheus::PrometheusHandle;

use super::browsers::{self, Guard};
use crate::config::Http;

/// The metrics, which ask nobody who they are and are shown to no foreign page.
pub fn metrics(metrics: PrometheusHandle, settings: &Http) -> Router {
    let guard = Guard::of_metrics(settings);

    Router::new()
        .route("/metrics", get(async move || metrics.render()))
        .layer(from_fn_with_state(guard, browsers::guard))
}
