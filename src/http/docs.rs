//! `/`, `/docs` and `/openapi.json`, all contained in the binary.

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use utoipa::openapi::OpenApi;
use utoipa_swagger_ui::{Config, SwaggerUi};

const PAGE: &str = include_str!("index.html");

pub(super) fn routes(document: OpenApi) -> Router {
    let ui = SwaggerUi::new("/docs")
        .url("/openapi.json", document)
        .config(
            Config::default()
                .try_it_out_enabled(true)
                // The badge would ask a server of Swagger's makers.
                .validator_url("none")
                .doc_expansion("list"),
        );

    Router::new().route("/", get(async || Html(PAGE))).merge(ui)
}
