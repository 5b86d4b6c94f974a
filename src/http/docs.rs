//! `/`, `/docs` and `/openapi.json`, all contained in the binary.

use axum::Router;
use axum::body::Bytes;
use axum::http::header;
use axum::response::Html;
use axum::routing::get;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerUi};

use crate::app::App;

const PAGE: &str = include_str!("index.html");

/// Where the document is.
const DOCUMENT: &str = "/openapi.json";

pub(super) fn routes(document: &OpenApi) -> Router<App> {
    let ui = SwaggerUi::new("/docs").config(
        Config::new([DOCUMENT])
            .try_it_out_enabled(true)
            // The badge would ask a server of Swagger's makers.
            .validator_url("none")
            .doc_expansion("list"),
    );
    // Written once: anybody may ask for it, however often.
    let written = Bytes::from(document.to_json().unwrap_or_default());
    let json = [(header::CONTENT_TYPE, "application/json")];

    Router::new()
        .route("/", get(async || Html(PAGE)))
        .route(DOCUMENT, get(async move || (json, written)))
        .merge(ui)
}
